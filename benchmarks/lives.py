"""The life of runs without graphs: made, claimed, ended, by the engine's own transitions."""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import time
from collections.abc import Sequence

from benchmarks.places import Place
from graphstead.contract.auth import ANONYMOUS
from graphstead.engine import run_creation, transitions
from graphstead.engine.clock import SystemClock, system_assistant_id, wire_time
from graphstead.engine.drafts import Draft
from graphstead.engine.transitions import Outcome, ThreadOutcome
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import AssistantRow, Bell, EventRow, RunRow

__all__ = ["create", "create_many", "seed", "start_delays", "work_off"]

CLOCK = SystemClock()
GOOD = Outcome("success", b"{}", ThreadOutcome("idle", {}, None, {}))
AT_ONCE = 20
SLOTS = 10
TEXT = "x" * 1000
STARTED_S = 60.0


def seed(tx: Tx) -> None:
    """Store the assistant that all runs are of."""
    now, assistant_id = wire_time(), system_assistant_id("echo")
    tx.assistants.insert(AssistantRow(assistant_id, "echo", "e", None, {}, {}, {}, 1, now, now))


async def create(storage: Storage) -> RunRow:
    """Make a run on a new thread; its input tells when."""
    draft = Draft(
        run_id=CLOCK.new_id(),
        thread_id=CLOCK.new_id(),
        assistant_id=system_assistant_id("echo"),
        body={"input": {"text": TEXT, "at_s": time.time()}, "if_not_exists": "create"},
        caller=ANONYMOUS,
        request_id="r",
        requested_ms=CLOCK.now_ms(),
    )
    return await storage.write(lambda tx: run_creation.create(tx, draft, CLOCK))


async def create_many(storage: Storage, number: int) -> float:
    """Return how many runs were made per second, some at a time."""

    async def some() -> None:
        for _ in range(number // AT_ONCE):
            await create(storage)

    began = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return number / (time.perf_counter() - began)


async def finish(storage: Storage, run: RunRow) -> None:
    """End a run with a last event, as a worker does."""
    rest = [EventRow(1, CLOCK.now_ms(), "values", b"{}")]
    await storage.write(lambda tx: transitions.finish(tx, run, GOOD, rest, CLOCK))


class Consumer:
    """A worker without graphs: as many runs at a time as it has slots, each ended at once."""

    def __init__(self, storage: Storage, name: str) -> None:
        self._storage = storage
        self._name = name
        self._ending: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()

    async def claim(self) -> list[RunRow]:
        """Wait for a slot, claim what fits, and begin to end it."""
        while len(self._ending) >= SLOTS:
            self._freed.clear()
            await self._freed.wait()
        free, name = SLOTS - len(self._ending), self._name
        runs = await self._storage.write(lambda tx: transitions.claim(tx, name, free, CLOCK))
        for run in runs:
            task = asyncio.create_task(finish(self._storage, run))
            self._ending.add(task)
            task.add_done_callback(self._done)
        return runs

    def _done(self, task: asyncio.Task[None]) -> None:
        self._ending.discard(task)
        self._freed.set()

    async def settle(self) -> None:
        """Wait until all is ended."""
        await asyncio.gather(*self._ending)


async def work_off(storage: Storage, name: str = "w") -> int:
    """Claim and end runs until none is due; return how many they were."""
    consumer, done = Consumer(storage, name), 0
    while runs := await consumer.claim():
        done += len(runs)
    await consumer.settle()
    return done


async def _consume(storage: Storage, number: int) -> list[float]:
    """Claim and end runs as bells ring; return how many ms after its making each was claimed."""
    delays: list[float] = []
    listener, consumer = storage.doorbells.listen(Bell("ready")), Consumer(storage, "w")
    while len(delays) < number:
        runs = await consumer.claim()
        now_s = time.time()
        delays += [1000 * (now_s - run.kwargs["input"]["at_s"]) for run in runs]
        if not runs:
            await listener.wait(1.0)
    await consumer.settle()
    return delays


def _consumer(place: Place, number: int, told: multiprocessing.Queue[Sequence[float]]) -> None:
    storage = place.open()
    storage.hold(CLOCK.new_id())
    told.put([])
    told.put(asyncio.run(_consume(storage, number)))
    storage.close()


async def _paced(storage: Storage, per_s: int, number: int) -> None:
    began, tasks = time.perf_counter(), []
    for n in range(number):
        await asyncio.sleep(max(0.0, began + n / per_s - time.perf_counter()))
        tasks.append(asyncio.create_task(create(storage)))
    await asyncio.gather(*tasks)


def start_delays(place: Place, per_s: int, seconds: float) -> tuple[float, float]:
    """Make runs at a pace here, claim them in another process; return p50 and p99 in ms."""
    number = int(per_s * seconds)
    told: multiprocessing.Queue[Sequence[float]] = multiprocessing.Queue()
    other = multiprocessing.Process(target=_consumer, args=(place, number, told))
    other.start()
    told.get(timeout=STARTED_S)
    storage = place.open()
    asyncio.run(_paced(storage, per_s, number))
    delays = told.get(timeout=STARTED_S + 60 * seconds)
    other.join()
    storage.close()
    return statistics.median(delays), statistics.quantiles(delays, n=100)[98]
