"""A storage over another one that changes nothing: what wraps one overrides what it changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from graphstead.storage.base import Doorbells, EventLog, Storage, Tx
from graphstead.storage.rows import WorkerRow

__all__ = ["StorageAround"]

T = TypeVar("T")


class StorageAround:
    """Implements `base.Storage` by the one below."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    @property
    def doorbells(self) -> Doorbells:
        return self._storage.doorbells

    @property
    def log(self) -> EventLog | None:
        return self._storage.log

    async def write(self, work: Callable[[Tx], T]) -> T:
        return await self._storage.write(work)

    def write_blocking(self, work: Callable[[Tx], T]) -> T:
        return self._storage.write_blocking(work)

    async def read(self, work: Callable[[Tx], T]) -> T:
        return await self._storage.read(work)

    def read_blocking(self, work: Callable[[Tx], T]) -> T:
        return self._storage.read_blocking(work)

    def vacuum(self, pages: int) -> int:
        return self._storage.vacuum(pages)

    def sizes(self) -> Mapping[str, int]:
        return self._storage.sizes()

    def hold(self, worker_id: str) -> None:
        self._storage.hold(worker_id)

    def is_alive(self, worker: WorkerRow) -> bool | None:
        return self._storage.is_alive(worker)

    def close(self) -> None:
        self._storage.close()
