"""The project's own saver, usable from every loop and thread of this process.

Its calls run on the loop it was opened on; a saver that has synchronous methods alone is called on
threads. What a saver does not do is answered 501, by name.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)

from graphstead.engine.checkpoint_queue import Behind
from graphstead.engine.checkpoint_rows import lasting
from graphstead.engine.transitions import StaleRun
from graphstead.graphs.host import LoopThread
from graphstead.problems import NotImplementedYet
from graphstead.storage.base import Storage

__all__ = ["CustomSaver", "RunSaver"]


class CustomSaver(BaseCheckpointSaver[Any]):
    """A saver over the project's; everything it writes, it writes at once."""

    def __init__(self, inner: BaseCheckpointSaver[Any], loop: LoopThread) -> None:
        super().__init__(serde=inner.serde)
        self.inner = inner
        self.loop = loop

    @property
    def config_specs(self) -> list[Any]:
        return list(self.inner.config_specs)

    def get_next_version(self, current: Any, channel: None) -> Any:
        return self.inner.get_next_version(current, channel)

    def with_allowlist(self, extra_allowlist: Collection[tuple[str, ...]]) -> CustomSaver:
        clone = copy.copy(self)
        clone.inner = self.inner.with_allowlist(extra_allowlist)
        clone.serde = clone.inner.serde
        return clone

    def can(self, name: str) -> bool:
        """Tell whether the saver has this method, by its synchronous name."""
        return self._has(name) or self._has(f"a{name}")

    def need(self, name: str) -> None:
        """Raise NotImplementedYet where the saver has no such method."""
        if not self.can(name):
            kind = type(self.inner).__name__
            raise NotImplementedYet(f"checkpointer.path: {kind} does not implement a{name}")

    def _has(self, name: str) -> bool:
        own, inherited = getattr(type(self.inner), name, None), getattr(BaseCheckpointSaver, name)
        return own is not None and own is not inherited

    async def settled(self) -> None:
        """Nothing waits here."""

    async def _call(self, name: str, *given: Any, **named: Any) -> Any:
        return await self.loop.call(lambda: self._perform(name, *given, **named))

    def call_blocking(self, name: str, *given: Any, **named: Any) -> Any:
        """Call a method from a thread that runs no event loop."""
        return self.loop.call_blocking(lambda: self._perform(name, *given, **named))

    async def _perform(self, name: str, *given: Any, **named: Any) -> Any:
        self.need(name)
        if self._has(f"a{name}"):
            return await getattr(self.inner, f"a{name}")(*given, **named)
        return await asyncio.to_thread(getattr(self.inner, name), *given, **named)

    async def _list(self, *given: Any, **named: Any) -> list[CheckpointTuple]:
        if self._has("alist"):
            return [one async for one in self.inner.alist(*given, **named)]
        return await asyncio.to_thread(lambda: list(self.inner.list(*given, **named)))

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        found: CheckpointTuple | None = await self._call("get_tuple", config)
        return found

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        found: CheckpointTuple | None = self.call_blocking("get_tuple", config)
        return found

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        for one in await self.loop.call(
            lambda: self._list(config, filter=filter, before=before, limit=limit)
        ):
            yield one

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        yield from self.loop.call_blocking(
            lambda: self._list(config, filter=filter, before=before, limit=limit)
        )

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        put: RunnableConfig = await self._call("put", config, checkpoint, metadata, new_versions)
        return put

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        put: RunnableConfig = self.call_blocking("put", config, checkpoint, metadata, new_versions)
        return put

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        await self._call("put_writes", config, lasting(writes), task_id, task_path)

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        self.call_blocking("put_writes", config, lasting(writes), task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        await self._call("delete_thread", thread_id)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        await self._call("prune", thread_ids, strategy=strategy)


class RunSaver(CustomSaver):
    """The same for one run: who no longer owns the run is refused before it writes.

    Between that look and the write another worker may take over: the project's saver and our
    database share no transaction.
    """

    def __init__(
        self, saver: CustomSaver, storage: Storage, fence: tuple[str, int], behind: Behind
    ) -> None:
        super().__init__(saver.inner, saver.loop)
        self._storage = storage
        self._fence = fence
        self._behind = behind

    async def _call(self, name: str, *given: Any, **named: Any) -> Any:
        if name.startswith("put"):
            await self._behind()
            owned = await self._storage.read(lambda tx: tx.runs.owned(*self._fence))
            self._refuse(not owned)
        return await super()._call(name, *given, **named)

    def call_blocking(self, name: str, *given: Any, **named: Any) -> Any:
        if name.startswith("put"):
            self._refuse(not self._storage.read_blocking(lambda tx: tx.runs.owned(*self._fence)))
        return super().call_blocking(name, *given, **named)

    def _refuse(self, is_stale: bool) -> None:
        if is_stale:
            raise StaleRun(self._fence[0])
