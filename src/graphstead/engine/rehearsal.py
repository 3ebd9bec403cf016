"""Storage that keeps writes back, so that a change computed by a graph is stored in one piece.

A graph needs several writes and reads to change a state, on an event loop of its own. Here its
writes are only remembered; its reads see them because they run after them in a transaction that is
rolled back. Whoever is content with the result performs the remembered writes together with the
changes that belong to them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from graphstead.storage.around import StorageAround
from graphstead.storage.base import Storage, Tx

T = TypeVar("T")
Work = Callable[[Tx], Any]


class _Tried(Exception):
    """Carries a result out of a transaction and rolls it back on the way."""

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result


class Rehearsal(StorageAround):
    """A `Storage` over another one, for savers alone: `write` answers None, whatever the work."""

    def __init__(self, storage: Storage, *first: Work) -> None:
        super().__init__(storage)
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

    def close(self) -> None:
        """Leave the storage below open: it is not ours."""
