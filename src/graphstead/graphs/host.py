"""A thread with an event loop for reading graphs: none ever runs on the API's loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

from graphstead.graphs.load import GraphSet

T = TypeVar("T")


class GraphHost:
    """Run coroutines that touch graphs; its loop starts with the first of them."""

    def __init__(self, graphs: GraphSet) -> None:
        self.graphs = graphs
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def call(self, work: Callable[[], Awaitable[T]]) -> T:
        """Await `work()` on the host's loop; cancelling the caller cancels it there."""

        async def run() -> T:
            return await work()

        future = asyncio.run_coroutine_threadsafe(run(), self._running_loop())
        return await asyncio.wrap_future(future)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="graph-host", daemon=True
                )
                self._thread.start()
            return self._loop

    def stop(self) -> None:
        """Stop the loop, if it ever started."""
        with self._lock:
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
