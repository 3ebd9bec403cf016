"""The one thread that writes: everything waiting goes into one transaction, synced once."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from graphstead.figures import FIGURES
from graphstead.storage.errors import StorageFault, StorageUnavailable
from graphstead.storage.inbox import Inbox
from graphstead.storage.jobs import Job, settle
from graphstead.storage.rows import Bell
from graphstead.storage.sqlite.faults import translated
from graphstead.storage.sqlite.locks import FileLock
from graphstead.storage.sqlite.tx import SqliteTx

_GROUP = 256


class Writer:
    """Owns the writing connection.

    A group of jobs shares one transaction, each inside a savepoint of its own. Callers hear of
    success only after the commit, and bells ring after that.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        gate: FileLock,
        ring: Callable[[Iterable[Bell]], None],
    ) -> None:
        self._connection = connection
        self._gate = gate
        self._ring = ring
        self._tx = SqliteTx(connection)
        self._inbox = Inbox()
        self._thread = threading.Thread(target=self._serve, name="graphstead-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job; raises StorageClosed once closed, RuntimeError inside another job."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("A write cannot wait for another write")
        self._inbox.put(job)
        FIGURES.raise_level("graphstead_writer_waiting", 1)

    def close(self) -> None:
        """Finish what is queued, then close the connection."""
        self._inbox.close()
        self._thread.join()

    def _serve(self) -> None:
        while group := self._inbox.take(_GROUP):
            FIGURES.raise_level("graphstead_writer_waiting", -len(group))
            self._write([job for job in group if not job.future.cancelled()])
        self._connection.close()

    def _write(self, group: Sequence[Job]) -> None:
        if not group:
            return
        started_s = time.perf_counter()
        try:
            with self._gate:
                self._commit(group)
        except Exception as fault:
            for job in group:
                job.fail(_as_unavailable(fault))
        settle(group)
        _measure(len(group), time.perf_counter() - started_s)
        bells = [bell for job in group if job.error is None for bell in job.bells]
        if bells:
            self._ring(dict.fromkeys(bells))

    def _commit(self, group: Sequence[Job]) -> None:
        execute = self._connection.execute
        try:
            execute("begin immediate")
            if len(group) == 1:
                self._run(group[0])
                execute("rollback" if group[0].error else "commit")
            else:
                for job in group:
                    self._run_in_savepoint(job)
                execute("commit")
        finally:
            if self._connection.in_transaction:
                execute("rollback")

    def _run_in_savepoint(self, job: Job) -> None:
        execute = self._connection.execute
        execute("savepoint job")
        self._run(job)
        if job.error is not None:
            execute("rollback to job")
        execute("release job")

    def _run(self, job: Job) -> None:
        self._tx.bells = job.bells
        job.run(self._tx)
        # A full disk or a device fault can end the transaction under the whole group.
        if not self._connection.in_transaction:
            raise _as_unavailable(job.error or StorageFault("The transaction was lost"))


def _measure(size: int, took_s: float) -> None:
    FIGURES.observe("graphstead_writer_group_size", size)
    FIGURES.observe("graphstead_writer_commit_milliseconds", took_s * 1000)


def _as_unavailable(fault: BaseException) -> StorageUnavailable:
    """Return what the other jobs of a failed group hear."""
    if isinstance(fault, sqlite3.Error):
        fault = translated(fault)
    if isinstance(fault, StorageUnavailable):
        return fault
    lost = StorageFault(f"The transaction failed: {fault}")
    lost.__cause__ = fault
    return lost
