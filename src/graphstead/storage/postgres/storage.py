"""The Postgres backend: pools of writing and reading connections, and one session that stays."""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from graphstead.storage.base import Tx
from graphstead.storage.jobs import Job
from graphstead.storage.postgres.doorbells import PostgresDoorbells
from graphstead.storage.postgres.liveness import Absences
from graphstead.storage.postgres.opening import connect, place_of, prepare
from graphstead.storage.postgres.pools import Readers, Writers
from graphstead.storage.postgres.session import LOCK_HELD, lock_key
from graphstead.storage.postgres.tx import PostgresTx
from graphstead.storage.rows import Bell, WorkerRow

if TYPE_CHECKING:
    from graphstead.storage.postgres.delivery import Delivery

READY = Bell("ready")
T = TypeVar("T")


class _Pool(Protocol):
    def submit(self, job: Job) -> None: ...


class PostgresStorage:
    """Implements `base.Storage`; usable from any thread and any event loop of this process."""

    def __init__(
        self, uri: str, schema: str, *, writers: int, readers: int, procrastinate: bool = False
    ) -> None:
        self.place = place_of(uri)
        self._schema = schema
        self._absences = Absences()
        self.doorbells = PostgresDoorbells(uri, schema)
        self._uri = uri
        self._procrastinate = _procrastinate(uri) if procrastinate else None
        self._delivery: Delivery | None = None
        self._writers = Writers(uri, writers, self._tell, self._defer)
        self._readers = Readers(uri, readers)

    async def write(self, work: Callable[[Tx], T]) -> T:
        return await _run(self._writers, work)

    def write_blocking(self, work: Callable[[Tx], T]) -> T:
        return _run_blocking(self._writers, work)

    async def read(self, work: Callable[[Tx], T]) -> T:
        return await _run(self._readers, work)

    def read_blocking(self, work: Callable[[Tx], T]) -> T:
        return _run_blocking(self._readers, work)

    def vacuum(self, pages: int) -> int:
        """Do nothing: the server's autovacuum keeps room for what is to come."""
        return 0

    def _defer(self, tx: PostgresTx) -> None:
        """Add to a transaction a job for each run that it makes due."""
        number = (tx.bells or []).count(READY)
        if self._procrastinate is not None and number:
            self._procrastinate.defer(tx.connection, number)

    def _tell(self, bells: Iterable[Bell]) -> None:
        """Ring; what jobs deliver to other processes rings in this one alone."""
        if self._procrastinate is None:
            self.doorbells.ring_all(bells)
            return
        self.doorbells.ring_all(bell for bell in bells if bell != READY)
        self.doorbells.local.ring(bell for bell in bells if bell == READY)

    def sizes(self) -> dict[str, int]:
        sql = "select pg_database_size(current_database())"
        return {"database": _run_blocking(self._readers, lambda tx: tx.sql.rows_of(sql, {})[0][0])}

    def hold(self, worker_id: str) -> None:
        self.doorbells.session.hold(worker_id)
        if self._procrastinate is not None and self._delivery is None:
            self._delivery = self._procrastinate.Delivery(self._uri, self.doorbells.local.ring)

    def is_alive(self, worker: WorkerRow) -> bool | None:
        key = lock_key(self._schema, worker.worker_id)

        def held(tx: PostgresTx) -> bool:
            return bool(tx.sql.rows_of(LOCK_HELD, {"key": key}))

        return self._absences.judge(worker, _run_blocking(self._readers, held))

    def close(self) -> None:
        """Finish what is queued and give everything back; may be called again."""
        delivery, self._delivery = self._delivery, None
        if delivery is not None:
            delivery.close()
        self._readers.close()
        self._writers.close()
        self.doorbells.session.close()


def _procrastinate(uri: str) -> Any:
    # Imported here: the package is an extra of its own.
    delivery = importlib.import_module("graphstead.storage.postgres.delivery")
    delivery.install(uri)
    return delivery


def open_postgres(
    uri: str, *, writers: int = 4, readers: int = 4, procrastinate: bool = False
) -> PostgresStorage:
    """Open the database at `uri`, its schema made and migrated as needed.

    Takes up to `writers + readers + 1` connections; with `procrastinate`, which then delivers due
    runs, a worker process takes three more. Raises a `DatabaseRefused`:
    DatabaseUnreachable, SchemaTooNew, ForeignDatabase.
    """
    prepare(uri)
    with connect(uri) as connection:
        row = connection.execute("select current_schema()").fetchone()
    schema = str(row[0]) if row else ""
    return PostgresStorage(
        uri, schema, writers=writers, readers=readers, procrastinate=procrastinate
    )


async def _run(pool: _Pool, work: Callable[[PostgresTx], T]) -> T:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    pool.submit(Job(work, future, loop))
    return await future


def _run_blocking(pool: _Pool, work: Callable[[PostgresTx], T]) -> T:
    future: concurrent.futures.Future[T] = concurrent.futures.Future()
    pool.submit(Job(work, future))
    return future.result()
