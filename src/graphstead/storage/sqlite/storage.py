"""The SQLite backend: one file, one writer thread, a pool of readers, doorbells, liveness."""

from __future__ import annotations

import asyncio
import concurrent.futures
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from graphstead.storage.base import Tx
from graphstead.storage.doorbells import HostDoorbells
from graphstead.storage.errors import DirectoryNotWritable
from graphstead.storage.jobs import Job
from graphstead.storage.peers import bells_directory
from graphstead.storage.rows import WorkerRow
from graphstead.storage.sqlite.liveness import Liveness
from graphstead.storage.sqlite.locks import FileLock
from graphstead.storage.sqlite.opening import open_reader, open_writer, prepare_directory
from graphstead.storage.sqlite.readers import Readers
from graphstead.storage.sqlite.tx import SqliteTx
from graphstead.storage.sqlite.writer import Writer

T = TypeVar("T")


class _Pool(Protocol):
    def submit(self, job: Job) -> None: ...


class SqliteStorage:
    """Implements `base.Storage`; usable from any thread and any event loop of this process."""

    log = None

    def __init__(
        self, path: Path, connection: sqlite3.Connection, gate: FileLock, *, readers: int
    ) -> None:
        self.path = path
        self.doorbells = HostDoorbells(bells_directory(path))
        self._gate = gate
        self._liveness = Liveness(path.with_name(f"{path.name}.workers"))
        self._writer = Writer(connection, gate, self.doorbells.ring_all)
        self._readers = Readers(lambda: open_reader(path), readers)

    async def write(self, work: Callable[[Tx], T]) -> T:
        return await _run(self._writer, work)

    def write_blocking(self, work: Callable[[Tx], T]) -> T:
        return _run_blocking(self._writer, work)

    async def read(self, work: Callable[[Tx], T]) -> T:
        return await _run(self._readers, work)

    def read_blocking(self, work: Callable[[Tx], T]) -> T:
        return _run_blocking(self._readers, work)

    def vacuum(self, pages: int) -> int:
        """Give at most so many unused pages back to the file system; return how many it were."""

        def shrink(tx: SqliteTx) -> int:
            (unused,) = tx.connection.execute("pragma freelist_count").fetchone()
            number = min(int(unused), pages)
            # sqlite3 takes one step of this pragma, which is one page, whatever is asked of it.
            for _ in range(number):
                tx.connection.execute("pragma incremental_vacuum(1)")
            return number

        return _run_blocking(self._writer, shrink)

    def sizes(self) -> dict[str, int]:
        parts = {"database": self.path, "wal": self.path.with_name(f"{self.path.name}-wal")}
        return {name: part.stat().st_size for name, part in parts.items() if part.exists()}

    def hold(self, worker_id: str) -> None:
        self._liveness.hold(worker_id)

    def is_alive(self, worker: WorkerRow) -> bool | None:
        return self._liveness.is_alive(worker)

    def close(self) -> None:
        """Finish what is queued and give everything back; may be called again."""
        self._readers.close()
        self._writer.close()
        self.doorbells.close()
        self._liveness.close()
        self._gate.close()


def open_sqlite(path: Path, *, readers: int = 4) -> SqliteStorage:
    """Open the database at `path`, made and migrated as needed.

    Beside it appear `.gate`, `.bells/` and `.workers/`, named after it. Raises a
    `DatabaseRefused`: SchemaTooNew, NotADatabase, ForeignDatabase, DirectoryNotWritable.
    """
    path = Path(path).resolve()
    prepare_directory(path)
    try:
        gate = FileLock(path.with_name(f"{path.name}.gate"))
    except OSError as fault:
        raise DirectoryNotWritable(path, f"its gate file cannot be made ({fault})") from fault
    try:
        with gate:
            connection = open_writer(path)
    except BaseException:
        gate.close()
        raise
    return SqliteStorage(path, connection, gate, readers=readers)


async def _run(pool: _Pool, work: Callable[[SqliteTx], T]) -> T:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    pool.submit(Job(work, future, loop))
    return await future


def _run_blocking(pool: _Pool, work: Callable[[SqliteTx], T]) -> T:
    future: concurrent.futures.Future[T] = concurrent.futures.Future()
    pool.submit(Job(work, future))
    return future.result()
