"""Delivery of due runs by Procrastinate: a job of the transaction that makes a run due, no more.

Whoever fetches the job rings its own `ready` bell; the runs table still decides who carries out
what, so a job that comes twice, late or never harms nothing: the poll finds the run all the same.
Jobs have no lock (its price grows with the locks there are) and are deleted once delivered.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector

from graphstead.storage.postgres.opening import ONE_AT_A_TIME, connect
from graphstead.storage.rows import Bell

__all__ = ["Delivery", "defer", "install"]

READY = Bell("ready")
QUEUE, TASK = "runs", "graphstead.ready"
AT_ONCE = 10
POLL_S = 1.0
PAUSE_S = 1.0
DEFER = """
select procrastinate_defer_jobs_v1(array_fill(
    cast(row('runs', 'graphstead.ready', 0, null, null, '{}', null)
        as procrastinate_job_to_defer_v1),
    array[cast(%s as integer)]
))
"""
_LOG = logging.getLogger("graphstead.storage")


def install(uri: str) -> None:
    """Make Procrastinate's tables in the schema of ours, unless they are there."""
    with connect(uri) as connection, connection.transaction():
        connection.execute(ONE_AT_A_TIME)
        row = connection.execute("select to_regclass('procrastinate_jobs') is null").fetchone()
        if row and row[0]:
            connection.execute(App(connector=PsycopgConnector()).schema_manager.get_schema())


def defer(connection: psycopg.Connection[Any], number: int) -> None:
    """Add so many jobs to the transaction that is open here."""
    connection.execute(DEFER, (number,))


class Delivery:
    """A thread whose loop runs a Procrastinate worker; each job rings."""

    def __init__(self, uri: str, ring: Callable[[list[Bell]], None]) -> None:
        self._uri = uri
        self._ring = ring
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._main, name="graphstead-delivery", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Fetch no more jobs."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _main(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._deliver())

    async def _deliver(self) -> None:
        stopped = asyncio.ensure_future(self._stop.wait())
        while not self._stop.is_set():
            work = asyncio.ensure_future(self._fetch())
            await asyncio.wait([work, stopped], return_when=asyncio.FIRST_COMPLETED)
            work.cancel()
            (outcome,) = await asyncio.gather(work, return_exceptions=True)
            if not self._stop.is_set():
                _LOG.warning("Runs are found by polling alone for now: %s", outcome)
                await asyncio.wait([stopped], timeout=PAUSE_S)

    async def _fetch(self) -> None:
        app = App(
            connector=PsycopgConnector(
                conninfo=self._uri,
                min_size=1,
                max_size=3,
                kwargs={"fallback_application_name": "graphstead delivery"},
            )
        )

        @app.task(queue=QUEUE, name=TASK)
        async def ready() -> None:
            self._ring([READY])

        async with app.open_async():
            await app.run_worker_async(
                queues=[QUEUE],
                concurrency=AT_ONCE,
                fetch_job_polling_interval=POLL_S,
                delete_jobs="always",
                install_signal_handlers=False,
            )
