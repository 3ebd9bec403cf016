"""Tell when a graph blocks the event loop that it shares with other runs, and where.

A thread asks the loop for a sign of life. While none comes it looks at what the loop's thread is
doing: the innermost frame outside Python's own and installed code is the line to change. Nothing
is ever stopped, a blocked loop only delays its neighbours.
"""

from __future__ import annotations

import asyncio
import os
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

import structlog

log = structlog.get_logger("graphstead.blocking")
TOLERATED_S = 0.1
IDLE_S = 0.5
AGAIN_S = 60.0
INSTALLED = ("site-packages", "dist-packages")
STANDARD = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})
OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a loop was found blocked."""

    file: str
    line: int
    function: str


class BlockingWatch:
    """Watch one loop for as long as `is_busy` says that graphs run on it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, is_busy: Callable[[], bool]) -> None:
        """Take the loop of the calling thread."""
        self._loop = loop
        self._is_busy = is_busy
        self._thread_id = threading.get_ident()
        self._alive = threading.Event()
        self._stop = threading.Event()
        self._told: dict[tuple[str, int], float] = {}
        self._thread = threading.Thread(target=self._main, name="blocking", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stop.set()

    def _main(self) -> None:
        while not self._stop.wait(TOLERATED_S if self._is_busy() else IDLE_S):
            if not self._is_busy():
                continue
            self._alive.clear()
            try:
                self._loop.call_soon_threadsafe(self._alive.set)
            except RuntimeError:  # the loop is closed
                return
            if not self._alive.wait(TOLERATED_S):
                self._look()

    def _look(self) -> None:
        """Name the place, wait for the end of the block, say how long it took."""
        place, since_s = self._place(), time.monotonic() - TOLERATED_S
        while not self._alive.wait(TOLERATED_S) and not self._stop.is_set():
            place = place or self._place()
        if place is not None:
            self._tell(place, time.monotonic() - since_s)

    def _place(self) -> Place | None:
        frame = sys._current_frames().get(self._thread_id)
        for found in _outwards(frame):
            code = found.f_code
            if _is_theirs(code.co_filename):
                return Place(code.co_filename, found.f_lineno, code.co_name)
        return None

    def _tell(self, place: Place, blocked_s: float) -> None:
        key, now_s = (place.file, place.line), time.monotonic()
        if now_s - self._told.get(key, -AGAIN_S) < AGAIN_S:
            return
        self._told[key] = now_s
        log.warning(
            "a graph blocks its worker: await instead, or use asyncio.to_thread",
            at=f"{place.file}:{place.line}",
            function=place.function,
            blocked_ms=round(blocked_s * 1000),
        )


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_theirs(filename: str) -> bool:
    """Tell code of a project from ours, from Python's and from what is installed."""
    if filename.startswith("<") or any(part in filename for part in INSTALLED):
        return False
    return not filename.startswith((*STANDARD, OURS))
