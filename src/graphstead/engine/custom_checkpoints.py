"""A storage whose checkpoints are kept by the project's own saver.

The engine's rules stay as they are: what they delete, copy or prune is passed on to the saver at
the end of their transaction. It is rolled back where the saver fails; the other way round, a commit
that fails after the saver's part leaves the saver ahead.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import structlog

from graphstead.engine.custom_saver import CustomSaver
from graphstead.problems import NotImplementedYet, Problem, ServerError
from graphstead.storage.around import StorageAround
from graphstead.storage.base import Checkpoints, Runs, Storage, Tx
from graphstead.storage.rows import CheckpointRow, Json, RunRow

__all__ = ["CustomCheckpointStorage"]

log = structlog.get_logger("graphstead.checkpointer")
T = TypeVar("T")


class _Elsewhere:
    """Implements what the engine's rules ask of `base.Checkpoints`; savers do the rest."""

    def __init__(self, tx: Tx, saver: CustomSaver) -> None:
        self._tx = tx
        self._saver = saver
        self._works: list[tuple[str, tuple[Any, ...], Json]] = []
        self._runs: dict[str, str] = {}
        self._gone: dict[str, RunRow] = {}
        self._deleted: set[str] = set()

    def get(
        self, thread_id: str, checkpoint_ns: str, checkpoint_id: str | None
    ) -> CheckpointRow | None:
        """Get which checkpoint is there and whose it is, without its content."""
        place = {"thread_id": thread_id, "checkpoint_ns": checkpoint_ns}
        if checkpoint_id is not None:
            place["checkpoint_id"] = checkpoint_id
        found = self._call("get_tuple", {"configurable": place})
        if found is None:
            return None
        parent = (found.parent_config or {}).get("configurable", {}).get("checkpoint_id")
        metadata = dict(found.metadata or {})
        run_id = metadata.get("run_id")
        stored_id = found.config["configurable"]["checkpoint_id"]
        return CheckpointRow(thread_id, checkpoint_ns, stored_id, parent, run_id, "", b"", metadata)

    def list(self, *given: Any, **named: Any) -> builtins.list[CheckpointRow]:
        """List nothing: what is kept and what goes is the saver's to decide."""
        return []

    def delete_namespaces(self, thread_id: str, namespaces: Sequence[str]) -> None:
        """Do nothing, as `list` has named none."""

    def delete_thread(self, thread_id: str) -> None:
        self._deleted.add(thread_id)
        self._later("delete_thread", thread_id)

    def delete_runs(self, run_ids: Sequence[str]) -> None:
        """Note runs that are undone; asked with none, tell whether that can be done at all."""
        if not run_ids:
            self._saver.need("delete_for_runs")
        for run_id in run_ids:
            run = self._gone.get(run_id) or self._tx.runs.get(run_id)
            if run is not None and run.attempt and not run.temporary:
                self._runs[run_id] = run.thread_id

    def undo_writes(self, run_id: str) -> None:
        """Do nothing: a saver keeps pending writes as it will, and has no word for undoing them."""

    def purge_replaced(self, limit: int) -> int:
        return 0

    def let_go(self, run_id: str) -> bool:
        """Delete a run's row, and remember whose checkpoints may be undone after it."""
        run = self._tx.runs.get(run_id)
        if run is not None:
            self._gone[run_id] = run
        return self._tx.runs.delete(run_id)

    def copy_thread(self, thread_id: str, target_thread_id: str) -> None:
        self._later("copy_thread", thread_id, target_thread_id)

    def prune(self, thread_ids: Sequence[str], strategy: str) -> None:
        self._later("prune", [*thread_ids], strategy=strategy)

    def size(self, thread_id: str) -> int:
        raise NotImplementedYet("checkpointer.path: only the saver knows what a thread takes")

    def usage(self, thread_id: str) -> Any:
        raise NotImplementedYet("checkpointer.path: only the saver knows what a thread takes")

    def _later(self, name: str, *given: Any, **named: Any) -> None:
        self._saver.need(name)
        self._works.append((name, given, named))

    def perform(self) -> None:
        """Let the saver do its part. Raises NotImplementedYet, ServerError."""
        run_ids = [one for one, thread_id in self._runs.items() if thread_id not in self._deleted]
        if run_ids:
            self._later("delete_for_runs", run_ids)
        for name, given, named in self._works:
            self._call(name, *given, **named)

    def _call(self, name: str, *given: Any, **named: Any) -> Any:
        try:
            return self._saver.call_blocking(name, *given, **named)
        except Problem:
            raise
        except Exception as fault:  # the project's saver may raise anything
            kind = type(self._saver.inner).__name__
            log.error("the project's saver failed", saver=kind, method=name, exc_info=fault)
            told = f"checkpointer.path: {kind}.{name} raised {type(fault).__name__}"
            raise ServerError(told) from fault


class _Runs:
    """Implements `base.Runs` over another one: a run goes before its checkpoints do."""

    def __init__(self, runs: Runs, checkpoints: _Elsewhere) -> None:
        self._below = runs
        self.delete = checkpoints.let_go

    def __getattr__(self, name: str) -> Any:
        return getattr(self._below, name)


class _Tx:
    """Implements `base.Tx` over another one, but for its checkpoints."""

    def __init__(self, tx: Tx, checkpoints: _Elsewhere) -> None:
        self._below = tx
        self.checkpoints = cast(Checkpoints, checkpoints)
        self.runs = cast(Runs, _Runs(tx.runs, checkpoints))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._below, name)


class CustomCheckpointStorage(StorageAround):
    """A storage of everything but checkpoints."""

    def __init__(self, storage: Storage, saver: CustomSaver) -> None:
        super().__init__(storage)
        self._saver = saver

    def _passing_on(self, work: Callable[[Tx], T]) -> Callable[[Tx], T]:
        def passing_on(tx: Tx) -> T:
            checkpoints = _Elsewhere(tx, self._saver)
            result = work(cast(Tx, _Tx(tx, checkpoints)))
            checkpoints.perform()
            return result

        return passing_on

    async def write(self, work: Callable[[Tx], T]) -> T:
        return await self._storage.write(self._passing_on(work))

    def write_blocking(self, work: Callable[[Tx], T]) -> T:
        return self._storage.write_blocking(self._passing_on(work))

    async def read(self, work: Callable[[Tx], T]) -> T:
        return await self._storage.read(self._passing_on(work))

    def read_blocking(self, work: Callable[[Tx], T]) -> T:
        return self._storage.read_blocking(self._passing_on(work))
