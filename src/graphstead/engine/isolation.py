"""A run on a thread and an event loop of its own, so that what blocks there blocks nobody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from graphstead.engine.execute import Execution

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


class IsolatedRun:
    """Takes the place of an `Execution` towards the worker, on whose loop `done` is called."""

    def __init__(self, execution: Execution, loop_factory: LoopFactory | None) -> None:
        self.run_row = execution.run_row
        self._execution = execution
        self._loop_factory = loop_factory
        self._worker_loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._own_loop: asyncio.AbstractEventLoop | None = None
        self._stop_reason: list[str | None] = []
        self._lock = threading.Lock()

    def start(self, done: Callable[[IsolatedRun], None]) -> None:
        """Start the thread."""
        name = f"run-{self.run_row.run_id}"
        threading.Thread(target=self._main, args=(done,), name=name, daemon=True).start()

    def stop(self, reason: str | None) -> None:
        """End the run as `Execution.stop` does; from any thread."""
        with self._lock:
            self._stop_reason.append(reason)
            if self._own_loop is not None:
                self._own_loop.call_soon_threadsafe(self._execution.stop, reason)

    async def settled(self) -> None:
        """Wait until the run is over."""
        await self._over.wait()

    def _main(self, done: Callable[[IsolatedRun], None]) -> None:
        try:
            with asyncio.Runner(loop_factory=self._loop_factory) as runner:
                runner.run(self._carry_out())
        finally:
            self._worker_loop.call_soon_threadsafe(self._ended, done)

    def _ended(self, done: Callable[[IsolatedRun], None]) -> None:
        self._over.set()
        done(self)

    async def _carry_out(self) -> None:
        self._execution.start(lambda _: None)
        with self._lock:
            self._own_loop = asyncio.get_running_loop()
            reasons = list(self._stop_reason)
        for reason in reasons:
            self._execution.stop(reason)
        await self._execution.settled()
        with self._lock:
            self._own_loop = None
