"""Doorbells inside one process: any thread rings, listeners hear on their event loops."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable

from graphstead.storage.rows import Bell

# Beyond these, bells are dropped: a poll heals that, and nothing grows without end.
MOST_WAITING = 20_000


class WaitingBells:
    """Bells on their way to other processes, each of them once; used from any thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: dict[Bell, None] = {}

    def add(self, bells: Iterable[Bell]) -> bool:
        """Have these wait; tell whether none did, so that nobody is about to take them."""
        with self._guard:
            first = not self._waiting
            if len(self._waiting) < MOST_WAITING:
                self._waiting.update(dict.fromkeys(bells))
        return first

    def take(self) -> list[Bell]:
        """Return all that wait, in order; they wait no more."""
        with self._guard:
            taken, self._waiting = list(self._waiting), {}
        return taken


class LocalListener:
    """Implements `base.Listener`; one task waits at a time."""

    def __init__(
        self, bells: frozenset[Bell], loop: asyncio.AbstractEventLoop, forget: Callable[[], None]
    ) -> None:
        self.bells = bells
        self.loop = loop
        self.rung = False
        self._forget = forget
        self._waiter: asyncio.Future[None] | None = None

    async def wait(self, timeout_s: float) -> bool:
        if not self.rung:
            self._waiter = self.loop.create_future()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._waiter
        rang, self.rung = self.rung, False
        return rang

    def close(self) -> None:
        self._forget()

    def wake(self) -> None:
        """End a wait; runs on the loop. A wait that heard the ring already took it away."""
        if self.rung and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class LocalBells:
    """Every listener of this process, by bell."""

    def __init__(self) -> None:
        self._listeners: dict[Bell, set[LocalListener]] = {}
        self._callbacks: dict[Bell, list[Callable[[], None]]] = {}
        self._guard = threading.Lock()

    def listen(self, *bells: Bell) -> LocalListener:
        """Hear these bells on the running loop."""
        listener = LocalListener(
            frozenset(bells), asyncio.get_running_loop(), lambda: self._remove(listener)
        )
        with self._guard:
            for bell in listener.bells:
                self._listeners.setdefault(bell, set()).add(listener)
        return listener

    def call(self, bell: Bell, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back at each ring of this bell, on the thread that rings; return what ends that."""
        with self._guard:
            self._callbacks.setdefault(bell, []).append(callback)

        def end() -> None:
            with self._guard:
                self._callbacks[bell].remove(callback)

        return end

    def ring(self, bells: Iterable[Bell]) -> None:
        """Wake the listeners of these bells; each loop is woken once, and only if need be."""
        by_loop: dict[asyncio.AbstractEventLoop, list[LocalListener]] = {}
        called: list[Callable[[], None]] = []
        with self._guard:
            for bell in bells:
                called += self._callbacks.get(bell, ())
                for listener in self._listeners.get(bell, ()):
                    if not listener.rung:
                        listener.rung = True
                        by_loop.setdefault(listener.loop, []).append(listener)
        for callback in called:
            callback()
        for loop, listeners in by_loop.items():
            # A loop that closed with its listeners open has no one left to wake.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_wake, listeners)

    def _remove(self, listener: LocalListener) -> None:
        with self._guard:
            for bell in listener.bells:
                listeners = self._listeners.get(bell, set())
                listeners.discard(listener)
                if not listeners:
                    self._listeners.pop(bell, None)


def _wake(listeners: list[LocalListener]) -> None:
    for listener in listeners:
        listener.wake()
