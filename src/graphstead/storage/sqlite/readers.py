"""Threads that read, each on a connection of its own: one snapshot per job."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

from graphstead.storage.inbox import Inbox
from graphstead.storage.jobs import Job, settle
from graphstead.storage.sqlite.faults import translated
from graphstead.storage.sqlite.tx import SqliteTx


class Readers:
    """A pool of reading threads over one queue."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], number: int) -> None:
        self._inbox = Inbox()
        self._threads = [
            threading.Thread(
                target=self._serve,
                args=(connect(),),
                name=f"graphstead-reader-{index}",
                daemon=True,
            )
            for index in range(number)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job; raises StorageClosed once closed, RuntimeError inside another job."""
        if threading.current_thread() in self._threads:
            raise RuntimeError("A read cannot wait for another read")
        self._inbox.put(job)

    def close(self) -> None:
        """Finish what is queued, then close the connections."""
        self._inbox.close()
        for thread in self._threads:
            thread.join()

    def _serve(self, connection: sqlite3.Connection) -> None:
        tx = SqliteTx(connection)
        while jobs := self._inbox.take(1):
            if not jobs[0].future.cancelled():
                _read(tx, jobs[0])
        connection.close()


def _read(tx: SqliteTx, job: Job) -> None:
    try:
        tx.connection.execute("begin")
        job.run(tx)
        tx.connection.rollback()
    except sqlite3.Error as fault:
        job.fail(translated(fault))
    settle([job])
