"""What waits to be stored when a run fails elsewhere says nothing behind its back."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from typing import Any, cast

import pytest

from graphstead.engine.checkpoint_queue import WriteQueue
from graphstead.storage.base import Storage
from graphstead.storage.errors import DiskFull
from graphstead.streaming.log import EventWriter


class Full:
    """Stands for a database whose disk is full."""

    async def write(self, work: Any) -> None:
        raise DiskFull("There is no room left")


async def refuse(rows: Sequence[Any]) -> None:
    raise DiskFull("There is no room left")


@pytest.fixture
def unheard() -> list[Any]:
    """Whatever asyncio has to say of tasks that nobody asked."""
    return []


def listen(unheard: list[Any]) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda loop, told: unheard.append(told))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()


async def test_events_that_cannot_be_stored_are_told_to_whoever_looks_and_to_nobody_else(
    unheard: list[Any],
) -> None:
    listen(unheard)
    writer = EventWriter(refuse, 0)
    await writer.put("values", b"{}")
    await settle()
    with pytest.raises(DiskFull):
        await writer.put("values", b"{}")
    writer = EventWriter(refuse, 0)
    await writer.put("values", b"{}")
    await settle()
    with pytest.raises(DiskFull):
        await writer.take_rest()
    writer = EventWriter(refuse, 0)
    await writer.put("values", b"{}")
    await settle()
    del writer
    await settle()
    assert unheard == []


async def test_checkpoints_that_cannot_be_stored_are_told_to_whoever_looks_and_to_nobody_else(
    unheard: list[Any],
) -> None:
    listen(unheard)

    def queue() -> WriteQueue:
        return WriteQueue(cast(Storage, Full()), lambda works: lambda tx: None)

    one = queue()
    await one.add(lambda tx: None)
    with pytest.raises(DiskFull):
        await one.settled()
    one = queue()
    await one.add(lambda tx: None)
    await settle()
    with pytest.raises(DiskFull):
        await one.add(lambda tx: None)
    one = queue()
    await one.add(lambda tx: None)
    await settle()
    del one
    await settle()
    assert unheard == []
