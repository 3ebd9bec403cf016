"""The saver that LangGraph writes its checkpoints through: over any storage, fenced by run.

    put, put_writes ──► encode on the caller ──► one write job, or a queue ──► fence, rows
    get_tuple, list ──► one read snapshot     ──► decode on the caller

A run's saver carries (run_id, gen). Once another worker owns the run, every write of this one
raises `StaleRun` and leaves no row.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from graphstead.engine.checkpoint_delta import Ancestor, history, keep_latest, read_ancestors
from graphstead.engine.checkpoint_ids import continue_after
from graphstead.engine.checkpoint_queue import Behind, Work, WriteQueue, at_once
from graphstead.engine.checkpoint_rows import (
    Place,
    StoredCheckpoint,
    decode_tuple,
    encode_put,
    encode_writes,
    lasting,
    read_stored,
)
from graphstead.engine.transitions import StaleRun
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import BlobRow

__all__ = ["Ahead", "Fence", "Saver", "StaleRun"]

Fence = tuple[str, int]
Ahead = Literal["nothing", "writes", "everything"]


class Saver(BaseCheckpointSaver[str]):
    """Save checkpoints in `storage`; with `fence` = (run_id, gen), only while that holds.

    Usable from any event loop and thread; one that writes ahead, from one event loop. The
    synchronous twins block and are meant for threads without an event loop, where LangGraph runs
    synchronous nodes.

    `ahead` says what returns once it is queued, before it is stored: nothing, a task's writes, or
    checkpoints as well. Everything else waits for the queue first. `behind` waits for what has to
    be stored before anything of the queue.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        fence: Fence | None = None,
        serde: SerializerProtocol | None = None,
        ahead: Ahead = "nothing",
        behind: Behind = at_once,
    ) -> None:
        super().__init__(serde=serde)
        self.storage = storage
        self.fence = fence
        self._ahead = ahead
        self._queue = WriteQueue(storage, self._job, behind)
        # The newest checkpoint of each namespace that was put here; others were there before.
        self._own: dict[str, str] = {}

    async def settled(self) -> None:
        """Wait until everything queued is stored. Raises StaleRun, or what lost a write."""
        await self._queue.settled()

    async def _save(self, work: Work, *, ahead: bool) -> None:
        if self._ahead == "nothing":
            await self.storage.write(self._job([work]))
            return
        await self._queue.add(work)
        if not ahead:
            await self._queue.settled()

    def _job(self, works: Sequence[Work]) -> Work:
        def job(tx: Tx) -> None:
            self._check_fence(tx)
            for work in works:
                work(tx)

        return job

    def get_next_version(self, current: str | int | None, channel: None) -> str:
        """Count up, with a random tail so that two branches never share a version."""
        if current is None:
            count = 0
        elif isinstance(current, int):
            count = current
        else:
            count = int(current.partition(".")[0])
        return f"{count + 1:032}.{random.random():016}"

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint and its new channel values. Raises StaleRun."""
        work, place = self._put_work(config, checkpoint, metadata, new_versions)
        await self._save(work, ahead=self._ahead == "everything")
        return place.config()

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        work, place = self._put_work(config, checkpoint, metadata, new_versions)
        self.storage.write_blocking(self._job([work]))
        return place.config()

    def _put_work(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> tuple[Work, Place]:
        row, blobs, versions = encode_put(self.serde, config, checkpoint, metadata, new_versions)
        self._own[row.checkpoint_ns] = row.checkpoint_id

        def work(tx: Tx) -> None:
            tx.checkpoints.put(row, blobs, versions=versions)

        return work, Place(row.thread_id, row.checkpoint_ns, row.checkpoint_id)

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Store a task's writes beside the checkpoint it started from. Raises StaleRun."""
        work = self._writes_work(config, writes, task_id, task_path)
        await self._save(work, ahead=self._ahead != "nothing")

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        work = self._writes_work(config, writes, task_id, task_path)
        self.storage.write_blocking(self._job([work]))

    def _writes_work(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str,
    ) -> Work:
        thread_id, checkpoint_ns, _ = Place.of(config)
        checkpoint_id = str(config["configurable"]["checkpoint_id"])
        kept, replacing = encode_writes(self.serde, lasting(writes), task_id, task_path)
        is_own = self._own.get(checkpoint_ns) == checkpoint_id
        undo_of = None if self.fence is None or is_own else self.fence[0]

        def work(tx: Tx) -> None:
            for rows, replace in ((kept, False), (replacing, True)):
                if rows:
                    tx.checkpoints.put_writes(
                        thread_id,
                        checkpoint_ns,
                        checkpoint_id,
                        rows,
                        replace=replace,
                        undo_of=undo_of,
                    )

        return work

    def _check_fence(self, tx: Tx) -> None:
        if self.fence is not None and not tx.runs.owned(*self.fence):
            raise StaleRun(self.fence[0])

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Get the checkpoint that `config` names, the newest of its thread and namespace else."""
        await self.settled()
        stored = await self.storage.read(self._get_work(config))
        return None if stored is None else decode_tuple(self.serde, stored)

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        stored = self.storage.read_blocking(self._get_work(config))
        return None if stored is None else decode_tuple(self.serde, stored)

    def _get_work(self, config: RunnableConfig) -> Callable[[Tx], StoredCheckpoint | None]:
        place = Place.of(config)

        def work(tx: Tx) -> StoredCheckpoint | None:
            row = tx.checkpoints.get(*place)
            newest = row if place.checkpoint_id is None else tx.checkpoints.get(*place[:2], None)
            if newest is not None:
                continue_after(newest.checkpoint_id)
            return None if row is None else read_stored(tx, self.serde, row)

        return work

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """List checkpoints, newest first; `filter` compares top-level metadata keys."""
        await self.settled()
        for stored in await self.storage.read(self._list_work(config, filter, before, limit)):
            yield decode_tuple(self.serde, stored)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        for stored in self.storage.read_blocking(self._list_work(config, filter, before, limit)):
            yield decode_tuple(self.serde, stored)

    def _list_work(
        self,
        config: RunnableConfig | None,
        metadata: dict[str, Any] | None,
        before: RunnableConfig | None,
        limit: int | None,
    ) -> Callable[[Tx], Sequence[StoredCheckpoint]]:
        conf = config["configurable"] if config else {}
        before_id = before["configurable"].get("checkpoint_id") if before else None

        def work(tx: Tx) -> Sequence[StoredCheckpoint]:
            rows = tx.checkpoints.list(
                conf.get("thread_id"),
                conf.get("checkpoint_ns"),
                checkpoint_id=conf.get("checkpoint_id"),
                before=before_id,
                metadata=metadata,
                limit=limit,
            )
            seen: dict[tuple[str, str, str, str], BlobRow] = {}
            return [read_stored(tx, self.serde, row, seen) for row in rows]

        return work

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete everything the thread has here."""
        await self.settled()
        await self.storage.write(lambda tx: tx.checkpoints.delete_thread(thread_id))

    def delete_thread(self, thread_id: str) -> None:
        self.storage.write_blocking(lambda tx: tx.checkpoints.delete_thread(thread_id))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints that these runs wrote."""
        await self.settled()
        await self.storage.write(lambda tx: tx.checkpoints.delete_runs(run_ids))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        self.storage.write_blocking(lambda tx: tx.checkpoints.delete_runs(run_ids))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy all of a thread's checkpoints, values and writes to another thread."""
        await self.settled()
        await self.storage.write(
            lambda tx: tx.checkpoints.copy_thread(source_thread_id, target_thread_id)
        )

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        self.storage.write_blocking(
            lambda tx: tx.checkpoints.copy_thread(source_thread_id, target_thread_id)
        )

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Keep each namespace's newest checkpoint (`keep_latest`) or nothing (`delete`).

        Ancestors that a delta channel of a kept checkpoint is rebuilt from are kept as well.
        Raises ValueError for another strategy.
        """
        await self.settled()
        for work in self._prune_works(thread_ids, strategy):
            await self.storage.write(work)

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        for work in self._prune_works(thread_ids, strategy):
            self.storage.write_blocking(work)

    def _prune_works(self, thread_ids: Sequence[str], strategy: str) -> Sequence[Work]:
        if strategy == "delete":
            return [lambda tx: tx.checkpoints.prune(thread_ids, "delete")]
        if strategy != "keep_latest":
            raise ValueError(f"Unknown pruning strategy '{strategy}': keep_latest or delete")
        return [self._keep_latest_work(thread_id) for thread_id in thread_ids]

    def _keep_latest_work(self, thread_id: str) -> Work:
        return lambda tx: keep_latest(tx, self.serde, thread_id)

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Get what rebuilds each delta channel at `config`: its seed and the writes since."""
        await self.settled()
        ancestors = await self.storage.read(self._ancestors_work(config, channels))
        return history(self.serde, ancestors, channels)

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        ancestors = self.storage.read_blocking(self._ancestors_work(config, channels))
        return history(self.serde, ancestors, channels)

    def _ancestors_work(
        self, config: RunnableConfig, channels: Sequence[str]
    ) -> Callable[[Tx], Sequence[Ancestor]]:
        place = Place.of(config)
        return lambda tx: read_ancestors(tx, self.serde, place, channels)
