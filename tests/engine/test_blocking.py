"""What is said of graph code that blocks its worker, over a loop of the test's own."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
import structlog

from graphstead.engine.blocking import BlockingWatch


def block(seconds: float) -> None:
    time.sleep(seconds)


async def told_of(block_s: float, *, busy: bool = True, times: int = 1) -> list[Any]:
    watch = BlockingWatch(asyncio.get_running_loop(), lambda: busy)
    with structlog.testing.capture_logs() as lines:
        watch.start()
        for _ in range(times):
            await asyncio.sleep(0.15)
            block(block_s)
            await asyncio.sleep(0.3)
        watch.stop()
    return lines


async def test_a_blocking_call_is_told_with_file_line_and_duration() -> None:
    (line,) = await told_of(0.5)
    assert line["log_level"] == "warning"
    assert line["function"] == "block"
    number = block.__code__.co_firstlineno + 1
    assert line["at"] == f"{__file__}:{number}"
    assert 300 <= line["blocked_ms"] < 5000


async def test_the_same_place_is_told_once_a_minute() -> None:
    assert len(await told_of(0.4, times=2)) == 1


@pytest.mark.parametrize(("block_s", "busy"), [(0.02, True), (0.4, False)])
async def test_short_blocks_and_idle_loops_are_nobodys_business(block_s: float, busy: bool) -> None:
    assert await told_of(block_s, busy=busy) == []
