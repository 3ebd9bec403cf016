"""Threads with an event loop for the user's code: none of it ever runs on the API's loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

from graphstead.graphs.load import GraphSet

T = TypeVar("T")


class LoopThread:
    """Run coroutines on a loop of its own, which starts with the first of them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def call(self, work: Callable[[], Awaitable[T]]) -> T:
        """Await `work()` on that loop; cancelling the caller cancels it there."""

        async def run() -> T:
            return await work()

        future = asyncio.run_coroutine_threadsafe(run(), self._running_loop())
        return await asyncio.wrap_future(future)

    def call_blocking(self, work: Callable[[], Awaitable[T]]) -> T:
        """The same for callers that cannot await."""

        async def run() -> T:
            return await work()

        return asyncio.run_coroutine_threadsafe(run(), self._running_loop()).result()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name=self._name, daemon=True
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


class GraphHost(LoopThread):
    """Where graphs are read."""

    def __init__(self, graphs: GraphSet) -> None:
        super().__init__("graph-host")
        self.graphs = graphs
