"""What is said of graph code that blocks its worker, over a loop of the test's own."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
import structlog

from graphstead.engine.blocking import TOLERATED_S, BlockingWatch, Place

PATIENCE_S = 60.0


class Watch(BlockingWatch):
    """Lets a test know when it asks the loop for a sign of life, and when it has found `block`."""

    def __init__(self, *, busy: bool = True) -> None:
        super().__init__(asyncio.get_running_loop(), self._is_watched)
        self.asks, self.found = threading.Event(), threading.Event()
        self.asked_s = 0.0
        self._watched = busy
        self._calls = 0

    def _is_watched(self) -> bool:
        # First for the length of its pause, then before it asks.
        self._calls += 1
        if self._calls % 2 == 0:
            self.asked_s = time.monotonic()
            self.asks.set()
        return self._watched

    def _place(self) -> Place | None:
        place = super()._place()
        if place is not None and place.function == "block":
            self.found.set()
        return place

    async def ended(self) -> None:
        self.stop()
        await asyncio.to_thread(self._thread.join, PATIENCE_S)


def block(until: threading.Event, more_s: float = 0) -> None:
    until.wait(PATIENCE_S)
    time.sleep(more_s)


async def told_of(watch: Watch, until: threading.Event, *blocks_s: float) -> list[Any]:
    """Return what is said of `block`: who is kept from the processor may see the test itself."""
    with structlog.testing.capture_logs() as lines:
        watch.start()
        for more_s in blocks_s:
            until.clear()
            block(until, more_s)
            await asyncio.sleep(0.3)
        await watch.ended()
    return [line for line in lines if line.get("function") == "block"]


async def test_a_blocking_call_is_told_with_file_line_and_duration() -> None:
    watch, begun_s = Watch(), time.monotonic()
    (line,) = await told_of(watch, watch.found, 0)
    lasted_s = time.monotonic() - begun_s
    assert line["log_level"] == "warning"
    number = block.__code__.co_firstlineno + 1
    assert line["at"] == f"{__file__}:{number}"
    assert 1000 * TOLERATED_S <= line["blocked_ms"] < 1000 * lasted_s


async def test_the_same_place_is_told_once_a_minute() -> None:
    watch = Watch()
    assert len(await told_of(watch, watch.found, 0, 0)) == 1


@pytest.mark.parametrize(("block_s", "busy"), [(0.02, True), (0.4, False)])
async def test_short_blocks_and_idle_loops_are_nobodys_business(block_s: float, busy: bool) -> None:
    watch = Watch(busy=busy)
    with structlog.testing.capture_logs() as lines:
        watch.start()
        block(watch.asks, block_s)
        lasted_s = time.monotonic() - watch.asked_s
        await watch.ended()
    short = lasted_s < TOLERATED_S or not busy
    assert not (short and [line for line in lines if line.get("function") == "block"])
