"""The Postgres backend: pools of writing and reading connections, and one session that stays."""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from graphstead.storage.base import Tx
from graphstead.storage.jobs import Job
from graphstead.storage.postgres.addresses import Addresses, place_of, schema_at
from graphstead.storage.postgres.doorbells import PostgresDoorbells
from graphstead.storage.postgres.liveness import Absences
from graphstead.storage.postgres.opening import prepare
from graphstead.storage.postgres.pools import Readers, Writers
from graphstead.storage.postgres.session import LOCK_HELD, lock_key
from graphstead.storage.postgres.tx import READY, PostgresTx
from graphstead.storage.rows import Bell, WorkerRow

if TYPE_CHECKING:
    from graphstead.storage.postgres.delivery import Delivery

T = TypeVar("T")


class _Pool(Protocol):
    def submit(self, job: Job) -> None: ...


class PostgresStorage:
    """Implements `base.Storage`; usable from any thread and any event loop of this process."""

    log = None

    def __init__(
        self,
        addresses: Addresses,
        schema: str,
        *,
        writers: int,
        readers: int,
        procrastinate: bool = False,
    ) -> None:
        self.place = place_of(addresses.uri)
        self._schema = schema
        self._absences = Absences()
        self.doorbells = PostgresDoorbells(addresses.direct_uri, schema, prompts=procrastinate)
        self._addresses = addresses
        self._procrastinate = _procrastinate(addresses.direct_uri) if procrastinate else None
        self._delivery: Delivery | None = None
        looked = self._looked if procrastinate else None
        self._writers = Writers(addresses, writers, self._tell, looked)
        self._readers = Readers(addresses, readers)

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

    def _looked(self) -> None:
        """Note that this process looks for due runs: the job that rang for it is answered."""
        if self._delivery is not None:
            self._delivery.answer()

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
            ring = self.doorbells.local.ring
            self._delivery = self._procrastinate.Delivery(self._addresses, ring)

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


def _procrastinate(direct_uri: str) -> Any:
    # Imported here: the package is an extra of its own.
    delivery = importlib.import_module("graphstead.storage.postgres.delivery")
    delivery.install(direct_uri)
    return delivery


def open_postgres(
    uri: str,
    *,
    direct_uri: str | None = None,
    writers: int = 4,
    readers: int = 4,
    procrastinate: bool = False,
) -> PostgresStorage:
    """Open the database at `uri`, its schema made and migrated as needed.

    With another `direct_uri` sessions at `uri` are taken to be lent by a pooler, one for each
    transaction, and what has to keep its session goes to `direct_uri`, migrations too: they may
    take longer than a pooler lets a transaction last.

    Takes up to `writers + readers` connections and one that stays; with `procrastinate`, which
    then delivers due runs, a worker process takes three more and another that stays. Raises a
    `DatabaseRefused`: DatabaseUnreachable, SchemaTooNew, ForeignDatabase.
    """
    addresses = Addresses(uri, direct_uri or uri)
    prepare(addresses.direct_uri)
    return PostgresStorage(
        addresses,
        schema_at(addresses),
        writers=writers,
        readers=readers,
        procrastinate=procrastinate,
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
