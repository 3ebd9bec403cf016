"""The write queue of one saver: what waits goes into one transaction, one under way at a time.

A step does not wait for the commit of its checkpoint, and the slower the disk, the more writes
share one. Order is kept; what is lost fails everything after it. What the run has said before a
write is stored before it: an attempt that goes on from a checkpoint says none of that again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from graphstead.storage.base import Storage, Tx
from graphstead.streaming.log import noted

__all__ = ["Behind", "Work", "WriteQueue", "at_once"]

Work = Callable[[Tx], None]
Behind = Callable[[], Awaitable[None]]
# A run behind a slow disk waits here, so that its queue cannot grow without end.
MOST_WAITING = 64


async def at_once() -> None:
    """Wait for nothing."""


class WriteQueue:
    """Stores works in order through `job`, which puts several into one piece of work.

    `behind` waits for what has to be stored before them.
    """

    def __init__(
        self, storage: Storage, job: Callable[[Sequence[Work]], Work], behind: Behind = at_once
    ) -> None:
        self._storage = storage
        self._job = job
        self._behind = behind
        self._waiting: list[Work] = []
        self._flush: asyncio.Task[None] | None = None

    async def add(self, work: Work) -> None:
        """Queue a work; waits only while the queue is long. Raises what an earlier one raised."""
        if self._flush is not None and self._flush.done():
            self._flush.result()
            self._flush = None
        self._waiting.append(work)
        if self._flush is None:
            self._flush = asyncio.create_task(self._write())
            self._flush.add_done_callback(noted)
        if len(self._waiting) >= MOST_WAITING:
            await self.settled()

    async def settled(self) -> None:
        """Wait until everything queued is stored; raises what the first lost work raised."""
        if self._flush is not None:
            # Cancelling a run must not take back what it has already queued.
            await asyncio.shield(self._flush)

    async def _write(self) -> None:
        while self._waiting:
            works, self._waiting = self._waiting, []
            await self._behind()
            await self._storage.write(self._job(works))
