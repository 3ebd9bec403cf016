from __future__ import annotations

import asyncio
import threading
import time

from storage.suite.conftest import Backend

from graphstead.storage.base import Storage
from graphstead.storage.rows import Bell

READY = Bell("ready")


async def test_a_ring_is_heard_by_everyone_who_listens_for_it(storage: Storage) -> None:
    one, two = storage.doorbells.listen(READY, Bell("cancel")), storage.doorbells.listen(READY)
    other = storage.doorbells.listen(Bell("events", "r"))
    storage.doorbells.ring(READY)
    assert await one.wait(60) and await two.wait(60)
    assert not await other.wait(0.02)


async def test_a_ring_between_two_waits_is_heard_once(storage: Storage) -> None:
    listener = storage.doorbells.listen(READY)
    for _ in range(3):
        storage.doorbells.ring(READY)
    assert await listener.wait(60)
    started = time.monotonic()
    assert not await listener.wait(0.05)
    assert time.monotonic() - started >= 0.045


async def test_a_ring_from_another_thread_ends_a_wait_at_once(storage: Storage) -> None:
    listener = storage.doorbells.listen(READY)
    threading.Timer(0.02, storage.doorbells.ring, [READY]).start()
    started = time.monotonic()
    assert await listener.wait(60)
    assert time.monotonic() - started < 30


async def test_a_closed_listener_hears_nothing(storage: Storage) -> None:
    listener = storage.doorbells.listen(READY)
    listener.close()
    storage.doorbells.ring(READY)
    assert not await listener.wait(0.02)


async def test_a_cancelled_wait_loses_no_later_ring(storage: Storage) -> None:
    listener = storage.doorbells.listen(READY)
    waiting = asyncio.create_task(listener.wait(10))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    storage.doorbells.ring(READY)
    assert await listener.wait(60)


def test_a_listener_left_open_by_a_closed_loop_harms_no_one(storage: Storage) -> None:
    async def listen() -> None:
        storage.doorbells.listen(READY)

    async def hear() -> bool:
        listener = storage.doorbells.listen(READY)
        storage.doorbells.ring(READY)
        return await listener.wait(60)

    asyncio.run(listen())
    assert asyncio.run(hear())


async def test_a_write_rings_the_listeners_of_other_storages(
    backend: Backend, storage: Storage
) -> None:
    other = backend.open()
    listener = other.doorbells.listen(Bell("events", "r"))
    async with asyncio.timeout(60):
        # It may still be about to listen where its connection took long.
        await storage.write(lambda tx: tx.ring("events", "r"))
        while not await listener.wait(1):
            await storage.write(lambda tx: tx.ring("events", "r"))
    await asyncio.to_thread(other.close)
    await storage.write(lambda tx: tx.ring("events", "r"))
