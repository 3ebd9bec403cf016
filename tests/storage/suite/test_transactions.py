from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from factories import until
from storage.rows import make_run, make_thread
from storage.suite.conftest import Backend

from graphstead.storage.base import Storage, Tx
from graphstead.storage.errors import DiskFull, StorageClosed
from graphstead.storage.rows import Bell, RunRow

BIG = {"text": "x" * 100_000}


class Refusal(Exception):
    """What a piece of work raises of its own accord."""


@contextmanager
def held(backend: Backend, storage: Storage) -> Iterator[None]:
    """Keep every writer busy, so that what is written meanwhile waits and goes in together."""
    started, release = threading.Semaphore(0), threading.Event()

    def block(_tx: Tx) -> None:
        started.release()
        assert release.wait(50)

    number = backend.writes_at_once
    threads = [
        threading.Thread(target=storage.write_blocking, args=(block,)) for _ in range(number)
    ]
    for thread in threads:
        thread.start()
        assert started.acquire(timeout=50)
    try:
        yield
    finally:
        release.set()
        for thread in threads:
            thread.join()


def insert(tx: Tx, row: RunRow) -> RunRow:
    tx.runs.insert(row)
    return row


async def write_together(
    backend: Backend, storage: Storage, *works: Callable[[Tx], object]
) -> list[object]:
    """Write all of these while the writer is held; return results and exceptions."""
    with held(backend, storage):
        tasks = [asyncio.create_task(storage.write(work)) for work in works]
        await asyncio.sleep(0.02)
    outcomes: list[object] = await asyncio.gather(*tasks, return_exceptions=True)
    return outcomes


async def known(storage: Storage, row: RunRow) -> bool:
    return await storage.read(lambda tx: tx.runs.get(row.run_id)) is not None


async def test_a_write_returns_what_its_work_returns_and_is_seen_by_later_reads(
    storage: Storage,
) -> None:
    row = make_run()
    assert await storage.write(lambda tx: insert(tx, row)) == row
    assert await known(storage, row)


async def test_a_failing_work_takes_back_its_own_rows_alone(
    backend: Backend, storage: Storage
) -> None:
    before, failed, after = make_run(), make_run(), make_run()

    def fail(tx: Tx) -> None:
        insert(tx, failed)
        raise Refusal

    first, second, third = await write_together(
        backend, storage, lambda tx: insert(tx, before), fail, lambda tx: insert(tx, after)
    )
    assert (first, third) == (before, after) and isinstance(second, Refusal)
    assert [await known(storage, row) for row in (before, failed, after)] == [True, False, True]


async def test_a_work_that_fails_alone_leaves_nothing(storage: Storage) -> None:
    row = make_run()

    def fail(tx: Tx) -> None:
        insert(tx, row)
        raise Refusal

    with pytest.raises(Refusal):
        await storage.write(fail)
    assert not await known(storage, row)


async def test_works_that_hold_a_thread_see_those_before_them(
    backend: Backend, storage: Storage
) -> None:
    await storage.write(lambda tx: tx.threads.insert(make_thread(thread_id="t")))

    def count(tx: Tx) -> int:
        assert tx.threads.lock("t")
        insert(tx, make_run(thread_id="t"))
        return len(tx.runs.ids_of("t"))

    seen = await write_together(backend, storage, *[count] * 5)
    assert sorted(map(str, seen)) == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("error", [StopIteration, asyncio.CancelledError, KeyboardInterrupt])
async def test_the_writer_survives_whatever_a_work_raises(
    storage: Storage, error: type[BaseException]
) -> None:
    def fail(_tx: Tx) -> None:
        raise error

    with ThreadPoolExecutor() as pool, pytest.raises((RuntimeError, error)):
        await asyncio.wrap_future(pool.submit(storage.write_blocking, fail))
    assert await storage.write(lambda _tx: 1) == 1
    assert await storage.read(lambda _tx: 2) == 2


async def test_a_caller_that_gives_up_does_not_disturb_the_others(
    backend: Backend, storage: Storage
) -> None:
    given_up, other = make_run(), make_run()
    with held(backend, storage):
        leaving = asyncio.create_task(storage.write(lambda tx: insert(tx, given_up)))
        staying = asyncio.create_task(storage.write(lambda tx: insert(tx, other)))
        await asyncio.sleep(0.02)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
    assert await staying == other
    assert not await known(storage, given_up)


async def test_a_caller_that_gives_up_while_its_work_runs_leaves_it_whole(
    storage: Storage,
) -> None:
    row, started = make_run(), threading.Event()
    release = threading.Event()

    def slow(tx: Tx) -> None:
        insert(tx, row)
        started.set()
        assert release.wait(50)

    task = asyncio.create_task(storage.write(slow))
    await asyncio.to_thread(started.wait, 50)
    task.cancel()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await until(lambda: known(storage, row))


def test_reads_and_writes_serve_several_loops_and_threads(storage: Storage) -> None:
    async def many() -> None:
        works = (storage.write(lambda tx: insert(tx, make_run(thread_id="t"))) for _ in range(25))
        await asyncio.gather(*works)
        await asyncio.gather(*(storage.read(lambda tx: tx.runs.counts()) for _ in range(25)))

    with ThreadPoolExecutor(4) as pool:
        loops = [pool.submit(asyncio.run, many()) for _ in range(3)]
        for _ in range(25):
            storage.write_blocking(lambda tx: insert(tx, make_run(thread_id="t")))
        for loop in loops:
            loop.result()
    assert storage.read_blocking(lambda tx: tx.runs.counts()) == (100, 0)


def test_a_read_sees_one_snapshot(storage: Storage) -> None:
    def read_twice(tx: Tx) -> tuple[tuple[int, int], tuple[int, int]]:
        first = tx.runs.counts()
        storage.write_blocking(lambda tx: insert(tx, make_run()))
        return first, tx.runs.counts()

    first, second = storage.read_blocking(read_twice)
    assert first == second == (0, 0)
    assert storage.read_blocking(lambda tx: tx.runs.counts()) == (1, 0)


def test_a_read_cannot_write(storage: Storage) -> None:
    with pytest.raises(Exception, match="cannot be written"):
        storage.read_blocking(lambda tx: insert(tx, make_run()))
    with pytest.raises(RuntimeError, match="bell"):
        storage.read_blocking(lambda tx: tx.ring("ready"))


def test_a_write_inside_a_write_is_refused_rather_than_waited_for(storage: Storage) -> None:
    with pytest.raises(RuntimeError, match="another write"):
        storage.write_blocking(lambda _tx: storage.write_blocking(lambda _tx: None))


def test_a_full_disk_is_told_and_overcome(backend: Backend, storage: Storage) -> None:
    backend.fill(storage)
    row = make_thread(values=BIG)
    with pytest.raises(DiskFull, match="no room"):
        storage.write_blocking(lambda tx: tx.threads.insert(row))
    assert storage.read_blocking(lambda tx: tx.threads.get(row.thread_id)) is None
    backend.free(storage)
    assert storage.write_blocking(lambda tx: tx.threads.insert(row))
    assert storage.read_blocking(lambda tx: tx.threads.get(row.thread_id)) == row


async def test_nothing_is_acknowledged_that_a_full_disk_took_back(
    backend: Backend, storage: Storage
) -> None:
    backend.fill(storage)
    rows = [make_run(kwargs=BIG if n == 2 else {}) for n in range(5)]
    outcomes = await write_together(
        backend, storage, *[lambda tx, row=row: insert(tx, row) for row in rows]
    )
    assert isinstance(outcomes[2], DiskFull)
    for row, outcome in zip(rows, outcomes, strict=True):
        assert await known(storage, row) == (outcome == row)
    backend.free(storage)
    assert await storage.write(lambda tx: insert(tx, rows[2])) == rows[2]


async def test_bells_ring_after_the_commit_alone(backend: Backend, storage: Storage) -> None:
    row = make_run()

    def ring(tx: Tx) -> None:
        insert(tx, row)
        tx.ring("events", row.run_id)

    def ring_and_fail(tx: Tx) -> None:
        tx.ring("cancel")
        raise Refusal

    events = storage.doorbells.listen(Bell("events", row.run_id))
    cancel = storage.doorbells.listen(Bell("cancel"))
    await write_together(backend, storage, ring, ring_and_fail)
    assert await events.wait(60)
    assert await known(storage, row)
    assert not await cancel.wait(0.05)


async def test_closing_finishes_what_is_queued_and_refuses_the_rest(backend: Backend) -> None:
    storage = backend.open()
    row = make_run()
    with held(backend, storage):
        queued = asyncio.create_task(storage.write(lambda tx: insert(tx, row)))
        await asyncio.sleep(0.02)
        closing = threading.Thread(target=storage.close)
        closing.start()
    assert await queued == row
    await asyncio.to_thread(closing.join)
    with pytest.raises(StorageClosed):
        await storage.write(lambda _tx: None)
    with pytest.raises(StorageClosed):
        await storage.read(lambda _tx: None)
    storage.close()


def test_rows_outlive_the_storage_that_wrote_them(backend: Backend) -> None:
    row = make_run()
    first = backend.open()
    first.write_blocking(lambda tx: insert(tx, row))
    first.close()
    second = backend.open()
    assert second.read_blocking(lambda tx: tx.runs.get(row.run_id)) == row
    second.close()
