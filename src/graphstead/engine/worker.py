"""The worker: a thread with an event loop of its own that claims due runs and carries them out.

Graphs run here and never on the API's loop. The lease is renewed by `upkeep.Upkeep` from another
thread, so that a graph that blocks this loop slows its neighbours but never loses its runs.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

import structlog

from graphstead.engine import transitions
from graphstead.engine.blocking import BlockingWatch
from graphstead.engine.clock import Clock
from graphstead.engine.execute import Execution, Limits
from graphstead.engine.isolation import IsolatedRun
from graphstead.engine.outages import Outage
from graphstead.engine.savers import Savers
from graphstead.figures import FIGURES
from graphstead.graphs.load import GraphSet
from graphstead.storage.base import Listener, Storage
from graphstead.storage.rows import Bell, RunRow

log = structlog.get_logger("graphstead.worker")


class WorkerLimits(Limits, Protocol):
    """The settings of a worker."""

    @property
    def n_jobs_per_worker(self) -> int: ...

    @property
    def sweep_s(self) -> float: ...

    @property
    def isolated_loops(self) -> bool: ...

    @property
    def allow_blocking(self) -> bool: ...


class Worker:
    """Carry out up to `n_jobs_per_worker` runs at a time until stopped."""

    def __init__(
        self,
        worker_id: str,
        storage: Storage,
        graphs: GraphSet,
        savers: Savers,
        limits: WorkerLimits,
        clock: Clock,
    ) -> None:
        self.worker_id = worker_id
        self._storage = storage
        self._graphs = graphs
        self._savers = savers
        self._limits = limits
        self._clock = clock
        self._running: dict[str, Execution | IsolatedRun] = {}
        self._claiming = asyncio.Lock()
        self._ready: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._main, name="worker", daemon=True)

    @property
    def active(self) -> int:
        """Return how many runs are being carried out."""
        return len(self._running)

    def start(self) -> None:
        """Start the thread and return once it claims runs."""
        self._thread.start()
        self._ready.result(timeout=30)
        FIGURES.raise_level("lg_api_workers_max", self._limits.n_jobs_per_worker)

    def stop(self, grace_s: float) -> None:
        """Claim no more; give running runs `grace_s`, then return them to the queue."""
        loop = self._loop
        if loop is None or not self._thread.is_alive():
            return
        self._grace_s = grace_s
        FIGURES.raise_level("lg_api_workers_max", -self._limits.n_jobs_per_worker)
        loop.call_soon_threadsafe(self._begin_stop)
        self._thread.join(grace_s + 10)

    def _begin_stop(self) -> None:
        self._stopping = True
        self._wake.set()

    def _main(self) -> None:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(self._work())

    async def _work(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        listeners = (
            self._storage.doorbells.listen(Bell("ready")),
            self._storage.doorbells.listen(Bell("cancel", self.worker_id)),
        )
        hearing = [
            asyncio.create_task(self._hear(listeners[0], self._wake.set)),
            asyncio.create_task(self._hear_cancels(listeners[1])),
        ]
        watch = BlockingWatch(self._loop, lambda: bool(self._running))
        if not self._limits.allow_blocking:
            watch.start()
        self._ready.set_result(None)
        try:
            await self._claim_until_stopped()
            await self._wind_down()
        finally:
            watch.stop()
            for task in hearing:
                task.cancel()
            for listener in listeners:
                listener.close()

    async def _hear(self, listener: Listener, ring: Callable[[], None]) -> None:
        while True:
            if await listener.wait(self._limits.sweep_s):
                ring()

    async def _claim_until_stopped(self) -> None:
        outage = Outage("claiming runs")
        while not self._stopping:
            self._wake.clear()
            pause_s = self._limits.sweep_s
            try:
                with outage.told():
                    pause_s = 0 if await self._claim() else await self._pause_s()
            except Exception:  # the worker's edge: a database that is away comes back
                log.exception("claiming failed")
            if pause_s:
                await self._sleep(pause_s)

    async def _sleep(self, pause_s: float) -> None:
        """Wait for a bell, a free slot, or until the pause is over."""
        try:
            await asyncio.wait_for(self._wake.wait(), pause_s)
        except TimeoutError:
            return

    async def _pause_s(self) -> float:
        """Return how long to wait at most: until the next due run, or the poll."""
        due = await self._storage.read(lambda tx: tx.runs.next_start_ms())
        if due is None or self._free == 0:
            return self._limits.sweep_s
        return min(self._limits.sweep_s, max(0.001, (due - self._clock.now_ms()) / 1000))

    @property
    def _free(self) -> int:
        return self._limits.n_jobs_per_worker - len(self._running)

    async def _claim(self) -> bool:
        """Start what is due and fits; True where there may be more for a free slot."""
        free = self._free
        if free <= 0:
            return False
        worker, clock = self.worker_id, self._clock
        async with self._claiming:
            runs = await self._storage.write(lambda tx: transitions.claim(tx, worker, free, clock))
            for run in runs:
                self._begin(run)
        return bool(runs) and self._free > 0

    def _begin(self, run: RunRow) -> None:
        _count_start(run, self._clock.now_ms())
        execution: Execution | IsolatedRun
        execution = Execution(
            run, self._storage, self._graphs, self._savers, self._limits, self._clock
        )
        if self._limits.isolated_loops:
            execution = IsolatedRun(execution, _loop_factory())
        self._running[run.run_id] = execution
        execution.start(self._done)

    def _done(self, execution: Execution | IsolatedRun) -> None:
        # A run that was released may have been claimed anew before its last execution is over.
        if self._running.get(execution.run_row.run_id) is execution:
            del self._running[execution.run_row.run_id]
        self._wake.set()

    async def _hear_cancels(self, listener: Listener) -> None:
        outage = Outage("looking for cancelled runs")
        while True:
            await listener.wait(self._limits.sweep_s)
            try:
                with outage.told():
                    await self._look_at_own()
            except Exception:  # the worker's edge: a database that is away comes back
                log.exception("looking for cancelled runs failed")

    async def _give_back_forsaken(self) -> None:
        """Return to the queue what is ours by the tables alone.

        A connection that broke for long in the very commit of a claim leaves such runs: they are
        taken, and nobody heard of it.
        """
        if self._claiming.locked():
            return
        worker, clock = self.worker_id, self._clock
        async with self._claiming:
            owned = await self._storage.read(lambda tx: tx.runs.of_worker(worker))
            forsaken = [run for run in owned if run.run_id not in self._running]
            if forsaken:
                log.warning("runs were claimed and not begun", runs=len(forsaken))
                await self._storage.write(lambda tx: transitions.give_back(tx, forsaken, clock))

    async def _look_at_own(self) -> None:
        """Stop what clients cancelled, and what is no longer ours: deleted, or taken over."""
        worker, mine = self.worker_id, set(self._running)
        cancels, owned = await self._storage.read(
            lambda tx: (tx.runs.cancels_of(worker), tx.runs.of_worker(worker))
        )
        for run_id in mine - {run.run_id for run in owned}:
            self._stop(run_id, "The run was deleted or taken over")
        for run_id, action in cancels:
            self._stop(run_id, f"The run was cancelled ({action})")
        if any(run.run_id not in self._running for run in owned):
            await self._give_back_forsaken()

    def _stop(self, run_id: str, reason: str) -> None:
        execution = self._running.get(run_id)
        if execution is not None:
            execution.stop(reason)

    async def _wind_down(self) -> None:
        """Let runs finish within the grace, then hand back the rest."""
        deadline = asyncio.get_running_loop().time() + self._grace_s
        while self._running and asyncio.get_running_loop().time() < deadline:
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), 0.2)
            except TimeoutError:
                continue
        left = list(self._running.values())
        for execution in left:
            execution.stop(None)
        for execution in left:
            await execution.settled()


def _count_start(run: RunRow, now_ms: int) -> None:
    FIGURES.count("lg_api_run_attempt_started_counter_total")
    if run.attempt == 1:
        waited_ms = max(0, now_ms - run.start_ms)
        FIGURES.observe("lg_api_run_queue_wait_time_1st_attempt", waited_ms)
    else:
        FIGURES.count("graphstead_run_retries_total")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop
