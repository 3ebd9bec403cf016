"""One piece of work for a database thread, and how its caller hears of the outcome."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Callable, Iterable
from typing import Any

from graphstead.storage.errors import StorageError
from graphstead.storage.rows import Bell

Work = Callable[[Any], Any]
Future = asyncio.Future[Any] | concurrent.futures.Future[Any]


class Job:
    """Work, the future its caller waits on, and the loop of that future (None: a thread waits)."""

    __slots__ = ("bells", "error", "future", "loop", "result", "work")

    def __init__(
        self, work: Work, future: Future, loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        self.work = work
        self.future = future
        self.loop = loop
        self.result: Any = None
        self.error: BaseException | None = None
        self.bells: list[Bell] = []

    def run(self, tx: Any) -> None:
        """Run the work; keep its result and bells, or its exception, whatever that is."""
        try:
            self.result = self.work(tx)
        except BaseException as error:
            # The caller gets it, even a CancelledError or a KeyboardInterrupt of its own making.
            self.error = error

    def fail(self, fault: BaseException) -> None:
        """Fail for a fault of the whole transaction; an exception of its own goes first."""
        if self.error is None:
            self.error = type(fault)(str(fault)) if isinstance(fault, StorageError) else fault
            self.error.__cause__ = fault.__cause__

    def settle(self) -> None:
        """Tell the waiting caller; does nothing where it has given up."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        elif isinstance(self.error, StopIteration):
            # Futures refuse it: it would end the generator that awaits them.
            self.future.set_exception(RuntimeError("The work raised StopIteration"))
        else:
            self.future.set_exception(self.error)


def settle(jobs: Iterable[Job]) -> None:
    """Tell every caller, waking each event loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in jobs:
        if job.loop is None:
            job.settle()
        else:
            by_loop.setdefault(job.loop, []).append(job)
    for loop, waiting in by_loop.items():
        # A closed loop has no one left to tell.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle_here, waiting)


def _settle_here(jobs: list[Job]) -> None:
    for job in jobs:
        job.settle()
