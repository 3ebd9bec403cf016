"""Storage that keeps writes back, so that a change computed by a graph is stored in one piece.

A graph needs several writes and reads to change a state, on an event loop of its own. Here its
writes are only remembered; its reads see them because they run after them in a transaction that is
rolled back. Whoever is content with the result performs the remembered writes together with the
changes that belong to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from graphstead.storage.base import Doorbells, Storage, Tx
from graphstead.storage.rows import WorkerRow

T = TypeVar("T")
Work = Callable[[Tx], Any]


class _Tried(Exception):
    """Carries a result out of a transaction and rolls it back on the way."""

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result


class Rehearsal:
    """A `Storage` over another one, for savers alone: `write` answers None, whatever the work."""

    def __init__(self, storage: Storage, *first: Work) -> None:
        self._storage = storage
        self._works: list[Work] = list(first)

    def perform(self, tx: Tx) -> None:
        """Do all that was written here, in order, in this transaction."""
        for work in self._works:
            work(tx)

    async def write(self, work: Callable[[Tx], T]) -> T:
        self._works.append(work)
        return cast(T, None)

    def write_blocking(self, work: Callable[[Tx], T]) -> T:
        self._works.append(work)
        return cast(T, None)

    async def read(self, work: Callable[[Tx], T]) -> T:
        if not self._works:
            return await self._storage.read(work)
        try:
            return await self._storage.write(self._trial(work))
        except _Tried as tried:
            return cast(T, tried.result)

    def read_blocking(self, work: Callable[[Tx], T]) -> T:
        if not self._works:
            return self._storage.read_blocking(work)
        try:
            return self._storage.write_blocking(self._trial(work))
        except _Tried as tried:
            return cast(T, tried.result)

    def _trial(self, work: Callable[[Tx], T]) -> Callable[[Tx], T]:
        def trial(tx: Tx) -> T:
            self.perform(tx)
            raise _Tried(work(tx))

        return trial

    @property
    def doorbells(self) -> Doorbells:
        return self._storage.doorbells

    def vacuum(self, pages: int) -> int:
        return self._storage.vacuum(pages)

    def sizes(self) -> Mapping[str, int]:
        return self._storage.sizes()

    def hold(self, worker_id: str) -> None:
        self._storage.hold(worker_id)

    def is_alive(self, worker: WorkerRow) -> bool | None:
        return self._storage.is_alive(worker)

    def close(self) -> None:
        """Leave the storage below open: it is not ours."""
