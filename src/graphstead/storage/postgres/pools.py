"""Threads that each carry one transaction at a time, on a connection from a pool.

A write that lost against another transaction is done anew; so is one whose key was taken, for the
second look sees what the other has written and can decide by it. A connection that broke is
replaced, for as long as a server may take to come back; where it broke during the commit, the
server is asked what became of the transaction: no work is done twice, none done is called lost.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from graphstead.figures import FIGURES
from graphstead.storage.errors import ConstraintViolated, StorageBusy, StorageError, StorageFault
from graphstead.storage.inbox import Inbox
from graphstead.storage.jobs import Job, settle
from graphstead.storage.postgres.adapting import adapt
from graphstead.storage.postgres.addresses import CONNECT_S, Addresses, connect
from graphstead.storage.postgres.beginning import LentSessions, OwnSessions, Sessions, Transaction
from graphstead.storage.postgres.doubt import is_committed
from graphstead.storage.postgres.faults import ConnectionLost, Overtaken, translated
from graphstead.storage.postgres.tx import PostgresTx
from graphstead.storage.rows import Bell

__all__ = ["Readers", "Writers"]

TRIES = 8
KEY_TRIES = 5
RECONNECT_S = 15.0
LOOK_AGAIN_S = 0.05
FIRST_PAUSE_S = 0.002
TOGETHER = 8


class Transactions:
    """Carry out jobs, as many at a time as there are connections."""

    kind = ""

    def __init__(self, addresses: Addresses, connections: int) -> None:
        self._addresses = addresses
        self._sessions: Sessions = LentSessions() if addresses.differ else OwnSessions()
        self._connections = connections
        self._inbox = Inbox()
        self._pool: ConnectionPool[psycopg.Connection[Any]] = ConnectionPool(
            addresses.uri,
            kwargs={
                "autocommit": True,  # until told to begin
                "prepare_threshold": self._sessions.prepare_threshold,
                "connect_timeout": CONNECT_S,
                "fallback_application_name": f"graphstead {self.kind}",
            },
            min_size=1,
            max_size=connections,
            timeout=RECONNECT_S,
            configure=self._configure,
            name=f"graphstead-{self.kind}",
            num_workers=1,
            open=True,
        )
        self._threads = [
            threading.Thread(
                target=self._serve, name=f"graphstead-{self.kind}-{number}", daemon=True
            )
            for number in range(connections)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job; raises StorageClosed once closed, RuntimeError inside another job."""
        if threading.current_thread() in self._threads:
            raise RuntimeError(f"A {self.kind} cannot wait for another {self.kind}")
        self._inbox.put(job)

    def close(self) -> None:
        """Finish what is queued, then close the connections."""
        self._inbox.close()
        for thread in self._threads:
            thread.join()
        self._pool.close()

    def _configure(self, connection: psycopg.Connection[Any]) -> None:
        adapt(connection)
        self._sessions.make(connection)

    def _serve(self) -> None:
        while jobs := self._inbox.take(1):
            self._carry_out(jobs[0])

    def _carry_out(self, job: Job) -> None:
        raise NotImplementedError

    def _try(self, job: Job) -> None:
        """Run the job in a transaction of its own; its error is in the job."""
        if job.future.cancelled():
            return
        job.error = None
        job.bells.clear()
        try:
            connection = self._pool.getconn()
            try:
                self._run(job, connection)
            finally:
                self._pool.putconn(connection)
        except StorageFault as fault:
            job.fail(fault)
        except (PoolTimeout, PoolClosed) as fault:
            job.fail(StorageBusy(f"No connection to the database became free ({fault})"))
        except psycopg.Error as fault:
            error = translated(fault)
            job.fail(error if isinstance(error, StorageError) else StorageFault(str(error)))

    def _run(self, job: Job, connection: psycopg.Connection[Any]) -> None:
        raise NotImplementedError

    def _renew(self) -> None:
        """Replace connections that broke as the last one did."""
        time.sleep(LOOK_AGAIN_S)
        self._pool.check()


class Readers(Transactions):
    """Each job sees one snapshot."""

    kind = "read"

    def _configure(self, connection: psycopg.Connection[Any]) -> None:
        super()._configure(connection)
        connection.read_only = True

    def _carry_out(self, job: Job) -> None:
        until_s = time.monotonic() + RECONNECT_S
        self._try(job)
        while isinstance(job.error, ConnectionLost) and time.monotonic() < until_s:
            self._renew()
            self._try(job)
        settle([job])

    def _run(self, job: Job, connection: psycopg.Connection[Any]) -> None:
        self._sessions.begin_reading(connection)
        job.run(PostgresTx(connection))
        if not connection.broken:
            connection.execute("rollback")


class Writers(Transactions):
    """Callers hear of success only after the commit, and bells ring after that."""

    kind = "write"

    def __init__(
        self,
        addresses: Addresses,
        connections: int,
        ring: Callable[[Iterable[Bell]], None],
        looked: Callable[[], None] | None = None,
    ) -> None:
        self._ring = ring
        self._looked = looked
        super().__init__(addresses, connections)

    def submit(self, job: Job) -> None:
        super().submit(job)
        FIGURES.raise_level("graphstead_writer_waiting", 1)

    def _serve(self) -> None:
        while jobs := self._inbox.take_share(TOGETHER, self._connections):
            FIGURES.raise_level("graphstead_writer_waiting", -len(jobs))
            jobs = [job for job in jobs if not job.future.cancelled()]
            if len(jobs) < 2 or not self._carried_out_together(jobs):
                for job in jobs:
                    self._carry_out(job)

    def _carried_out_together(self, jobs: Sequence[Job]) -> bool:
        """Do what waits in one transaction; False where each has to be done on its own.

        It waits for nobody's rows for long, so that two groups never wait for each other.
        """
        started_s = time.monotonic()
        try:
            connection = self._pool.getconn()
            try:
                if not self._run_together(jobs, connection):
                    return False
            finally:
                self._pool.putconn(connection)
        except StorageFault as fault:
            for job in jobs:
                job.fail(fault)
        except (psycopg.Error, StorageError):
            return False
        took_s = time.monotonic() - started_s
        FIGURES.observe("graphstead_writer_commit_milliseconds", took_s * 1000)
        self._tell(jobs)
        return True

    def _run_together(self, jobs: Sequence[Job], connection: psycopg.Connection[Any]) -> bool:
        transaction = self._sessions.begin_writing(connection, brief=True)
        tx = PostgresTx(connection, self._looked)
        for job in jobs:
            tx.bells, tx.sql.changed = job.bells, False
            job.run(tx)
            if job.error is not None and (tx.sql.changed or _is_spoilt(connection)):
                if not connection.broken:
                    connection.execute("rollback")
                return False
        tx.bells = [bell for job in jobs if job.error is None for bell in job.bells]
        tx.add_jobs()
        self._commit(connection, transaction)
        return True

    def _carry_out(self, job: Job) -> None:
        started_s = time.monotonic()
        until_s = started_s + RECONNECT_S
        for number in range(1, TRIES + 1):
            self._try(job)
            while isinstance(job.error, ConnectionLost) and time.monotonic() < until_s:
                self._renew()
                self._try(job)
            if not _may_do_better(job.error, number):
                break
            time.sleep(random.uniform(0, FIRST_PAUSE_S * 2**number))
        took_s = time.monotonic() - started_s
        FIGURES.observe("graphstead_writer_commit_milliseconds", took_s * 1000)
        self._tell([job])

    def _tell(self, jobs: Sequence[Job]) -> None:
        bells = dict.fromkeys(bell for job in jobs if job.error is None for bell in job.bells)
        settle(jobs)
        if bells:
            self._ring(bells)

    def _run(self, job: Job, connection: psycopg.Connection[Any]) -> None:
        transaction = self._sessions.begin_writing(connection)
        tx = PostgresTx(connection, self._looked)
        tx.bells = job.bells
        job.run(tx)
        if job.error is None:
            tx.add_jobs()
            self._commit(connection, transaction)
        elif not connection.broken:
            connection.execute("rollback")

    def _commit(self, connection: psycopg.Connection[Any], transaction: Transaction) -> None:
        try:
            connection.execute("commit")
        except psycopg.Error as fault:
            lost = isinstance(translated(fault), ConnectionLost)
            if not lost or not self._is_committed(transaction):
                raise

    def _is_committed(self, transaction: Transaction) -> bool:
        """Ask what became of a transaction whose connection broke. Raises StorageFault."""
        until_s = time.monotonic() + RECONNECT_S
        while time.monotonic() < until_s:
            time.sleep(LOOK_AGAIN_S)
            try:
                with connect(self._addresses.direct_uri) as connection:
                    told = is_committed(connection, transaction.number, transaction.server)
            except psycopg.Error:
                continue
            if told is not None:
                return told
        raise StorageFault(
            "The connection broke during a commit, and nobody tells what became of it"
        )


def _is_spoilt(connection: psycopg.Connection[Any]) -> bool:
    return connection.broken or connection.info.transaction_status != TransactionStatus.INTRANS


def _may_do_better(error: BaseException | None, number: int) -> bool:
    if isinstance(error, ConstraintViolated):
        return number < KEY_TRIES
    return isinstance(error, Overtaken)
