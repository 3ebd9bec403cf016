"""One connection to Redis, and the thread that sends whatever waits for it in one go.

Redis may be away: then everybody hears so at once, and only now and again somebody waits for it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import redis

from graphstead.storage.errors import StorageClosed, StorageError
from graphstead.storage.inbox import Inbox
from graphstead.storage.jobs import Job, settle

__all__ = ["Command", "Line", "RedisAway"]

# Adds one command to the pipeline.
Command = Callable[[Any], Any]
AT_ONCE = 200
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 4.0
_LOG = logging.getLogger("graphstead.storage")


class RedisAway(StorageError):
    """Redis did not do it: it cannot be reached, or refuses; the sentence says which."""


class Line:
    """Carry out commands in order, from any thread and any event loop."""

    def __init__(self, client: redis.Redis, name: str) -> None:
        self._client = client
        self._inbox = Inbox()
        self._away_until_s = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._thread = threading.Thread(target=self._serve, name=f"graphstead-{name}", daemon=True)
        self._thread.start()

    async def ask(self, command: Command) -> Any:
        """Return what Redis answers. Raises RedisAway."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._submit(Job(command, future, loop))
        return await future

    def ask_blocking(self, command: Command) -> Any:
        """The same for threads that run no event loop."""
        return self.send(command).result()

    def send(self, command: Command) -> concurrent.futures.Future[Any]:
        """Return where the answer will be, which nobody has to look at. Raises RedisAway."""
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._submit(Job(command, future))
        return future

    @property
    def is_away(self) -> bool:
        """Tell whether Redis was found to be away just now."""
        return time.monotonic() < self._away_until_s

    def close(self) -> None:
        """Send what waits, then close the connection."""
        self._inbox.close()
        self._thread.join()
        self._client.close()

    def _submit(self, job: Job) -> None:
        if self.is_away:
            raise RedisAway("Redis cannot be reached")
        try:
            self._inbox.put(job)
        except StorageClosed as closed:
            raise RedisAway(str(closed)) from closed

    def _serve(self) -> None:
        while jobs := self._inbox.take(AT_ONCE):
            self._carry_out([job for job in jobs if not job.future.cancelled()])
            settle(jobs)

    def _carry_out(self, jobs: list[Job]) -> None:
        if self.is_away:
            _fail(jobs, "Redis cannot be reached")
            return
        try:
            with self._client.pipeline(transaction=False) as pipe:
                for job in jobs:
                    job.work(pipe)
                answers = pipe.execute(raise_on_error=False)
        except redis.RedisError as fault:
            self._stay_away(fault)
            _fail(jobs, str(fault))
            return
        self._come_back()
        for job, answer in zip(jobs, answers, strict=True):
            if isinstance(answer, redis.RedisError):
                job.error = RedisAway(f"Redis refuses: {answer}")
            else:
                job.result = answer

    def _stay_away(self, fault: redis.RedisError) -> None:
        if self._pause_s == FIRST_PAUSE_S:
            _LOG.warning("Redis cannot be reached, Postgres does its part meanwhile: %s", fault)
        self._away_until_s = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _come_back(self) -> None:
        if self._pause_s != FIRST_PAUSE_S:
            _LOG.warning("Redis can be reached again")
            self._pause_s = FIRST_PAUSE_S


def _fail(jobs: list[Job], reason: str) -> None:
    for job in jobs:
        job.error = RedisAway(reason)
