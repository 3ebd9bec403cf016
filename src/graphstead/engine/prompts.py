"""The pauses of threads that look for something to do: a bell may end one, a poll always does."""

from __future__ import annotations

import threading
from collections.abc import Callable

from graphstead.storage.base import Doorbells
from graphstead.storage.rows import Bell, Topic

# How many times longer the poll is where a bell rings for all there is to do.
RARELY = 10


class Prompt:
    """What wakes one thread: its bell, the end of a pause, or that it shall stop."""

    def __init__(self, doorbells: Doorbells, topic: Topic, poll_s: float) -> None:
        self.rings = doorbells.prompts
        self.usual_s = poll_s
        self.poll_s = poll_s * RARELY if self.rings else poll_s
        self._doorbells = doorbells
        self._bell = Bell(topic)
        self._rung = threading.Event()
        self._stopped = threading.Event()
        self._forget: Callable[[], None] | None = None

    @property
    def is_stopped(self) -> bool:
        return self._stopped.is_set()

    def listen(self) -> None:
        """Hear the bell from now on."""
        self._forget = self._doorbells.call(self._bell, self.wake)

    def wake(self) -> None:
        """End this pause, or the next."""
        self._rung.set()

    def stop(self) -> None:
        """End this pause and all that follow, and hear no more."""
        self._stopped.set()
        self.wake()
        forget, self._forget = self._forget, None
        if forget is not None:
            forget()

    def wait(self, pause_s: float) -> bool:
        """Wait for a ring, `pause_s` at most; True where one came, or has come meanwhile."""
        rang = self._rung.wait(pause_s)
        self._rung.clear()
        return rang
