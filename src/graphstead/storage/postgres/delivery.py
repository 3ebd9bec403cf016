"""What jobs of Procrastinate deliver: due runs, due crons, owed webhook calls, sweeps.

A job says "look at this topic" (`errands`), and whoever fetches it rings the topic's bell in its
own process. Rows decide what there is to do and who does it, so a job that comes twice, late or
never harms nothing: a poll finds all the same. Jobs have no locks and are deleted once delivered.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.connector import Notify
from psycopg import sql

from graphstead.storage.postgres.addresses import Addresses, connect
from graphstead.storage.postgres.errands import QUEUES, task_of
from graphstead.storage.postgres.opening import ONE_AT_A_TIME
from graphstead.storage.rows import Bell

__all__ = ["Delivery", "install"]

AT_ONCE = 4
POLL_S = 0.5
LISTEN_S = 30.0
NAME = "graphstead delivery"
PAUSE_S = 1.0
ANSWER_S = 0.1
EACH_SECOND = "* * * * * *"
# What a worker that died was just fetching nobody else takes.
FORGET = "delete from procrastinate_jobs where status = 'doing' and worker_id is null"
PASS_ON = """
insert into procrastinate_jobs (queue_name, task_name) values ('ready', 'graphstead.ready')
"""
_LOG = logging.getLogger("graphstead.storage")


class _Connector(PsycopgConnector):
    """Asks over a pooler and listens on a session of its own, beside it."""

    def __init__(self, direct_uri: str, **pool: Any) -> None:
        super().__init__(**pool)
        self._direct_uri = direct_uri

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        wanted = [sql.SQL("listen {}").format(sql.Identifier(channel)) for channel in channels]
        async with await psycopg.AsyncConnection.connect(
            self._direct_uri, autocommit=True, fallback_application_name=NAME
        ) as connection:
            await connection.execute(sql.SQL("; ").join(wanted))
            while True:
                async for heard in connection.notifies(timeout=LISTEN_S):
                    await on_notification(channel=heard.channel, payload=heard.payload)
                await connection.execute("select 1")  # raises where nobody is there any more


def _connector(addresses: Addresses) -> PsycopgConnector:
    kwargs: dict[str, Any] = {"fallback_application_name": NAME}
    pool: dict[str, Any] = {"conninfo": addresses.uri, "min_size": 1, "max_size": 3}
    if not addresses.differ:
        return PsycopgConnector(**pool, kwargs=kwargs)
    kwargs["prepare_threshold"] = None
    return _Connector(addresses.direct_uri, **pool, kwargs=kwargs)


def install(direct_uri: str) -> None:
    """Make Procrastinate's tables in the schema of ours, unless they are there."""
    with connect(direct_uri) as connection, connection.transaction():
        connection.execute(ONE_AT_A_TIME)
        row = connection.execute("select to_regclass('procrastinate_jobs') is null").fetchone()
        if row and row[0]:
            connection.execute(App(connector=PsycopgConnector()).schema_manager.get_schema())
        connection.execute(FORGET)


class Delivery:
    """A thread whose loop runs a Procrastinate worker; each job rings."""

    def __init__(self, addresses: Addresses, ring: Callable[[list[Bell]], None]) -> None:
        self._addresses = addresses
        self._ring = ring
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._answered = asyncio.Event()
        self._thread = threading.Thread(target=self._main, name="graphstead-delivery", daemon=True)
        self._thread.start()

    def answer(self) -> None:
        """Hear that this process looks for due runs."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._answered.set)

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
        app = self._app()
        async with app.open_async():
            await app.run_worker_async(
                queues=list(QUEUES),
                concurrency=AT_ONCE,
                fetch_job_polling_interval=POLL_S,
                delete_jobs="always",
                install_signal_handlers=False,
            )

    def _app(self) -> App:
        connector = _connector(self._addresses)
        app = App(connector=connector)

        @app.task(queue="ready", name=task_of("ready"))
        async def ready() -> None:
            if not await self._is_answered():
                await connector.execute_query_async(PASS_ON)

        @app.task(queue="crons", name=task_of("crons"))
        async def crons() -> None:
            self._ring([Bell("crons")])

        @app.task(queue="deliveries", name=task_of("deliveries"))
        async def deliveries() -> None:
            self._ring([Bell("deliveries")])

        @app.periodic(cron=EACH_SECOND)
        @app.task(queue="sweep", name=task_of("sweep"))
        async def sweep(timestamp: int) -> None:
            self._ring([Bell("sweep")])

        return app

    async def _is_answered(self) -> bool:
        """Ring for due runs; tell whether this process had room to look for them."""
        self._answered.clear()
        self._ring([Bell("ready")])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                await self._answered.wait()
        return self._answered.is_set()
