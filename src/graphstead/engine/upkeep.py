"""Upkeep from a thread of its own: leases, runs of dead workers, what is past its time, room."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from typing import Protocol

import structlog

from graphstead.engine import thread_life, transitions
from graphstead.engine.checkpoints import Saver
from graphstead.engine.clock import Clock
from graphstead.engine.replays import KEPT_MS
from graphstead.storage.base import RunRow, Storage, Tx, WorkerRow

log = structlog.get_logger("graphstead.upkeep")
AT_ONCE = 200
PURGE_EVERY = 10
PAGES_AT_ONCE = 500


class UpkeepLimits(Protocol):
    """The settings of upkeep."""

    @property
    def lease_s(self) -> float: ...

    @property
    def sweep_s(self) -> float: ...

    @property
    def bg_job_max_retries(self) -> int: ...

    @property
    def resumable_stream_ttl_s(self) -> float: ...


class Upkeep:
    """Sweep every `sweep_s`; with a `worker_id` also keep that worker's lease alive."""

    def __init__(
        self, worker_id: str | None, storage: Storage, limits: UpkeepLimits, clock: Clock
    ) -> None:
        self._worker_id = worker_id
        self._storage = storage
        self._limits = limits
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._main, name="upkeep", daemon=True)

    def start(self) -> None:
        """Take the liveness lock and the first lease, recover at once, then keep sweeping."""
        if self._worker_id is not None:
            self._storage.hold(self._worker_id)
        self._beat()
        self._sweep()
        self._thread.start()

    def stop(self) -> None:
        """Stop sweeping and give up the lease."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)
        worker_id = self._worker_id
        if worker_id is not None:
            self._storage.write_blocking(lambda tx: tx.workers.forget(worker_id))

    def _main(self) -> None:
        turn = 0
        while not self._stop.wait(self._limits.sweep_s):
            turn += 1
            try:
                self._turn(turn)
            except Exception:  # a worker's edge: a database that is away comes back
                log.exception("upkeep failed")

    def _turn(self, turn: int) -> None:
        beats = max(1, int(self._limits.lease_s / 3 / self._limits.sweep_s))
        if turn % beats == 0:
            self._beat()
        self._sweep()
        if turn % PURGE_EVERY == 0:
            self._purge()
            self._expire()
            self._storage.vacuum(PAGES_AT_ONCE)

    def _beat(self) -> None:
        if self._worker_id is None:
            return
        row = WorkerRow(
            worker_id=self._worker_id,
            host=socket.gethostname(),
            pid=os.getpid(),
            lease_until_ms=self._clock.now_ms() + int(self._limits.lease_s * 1000),
        )
        self._storage.write_blocking(lambda tx: tx.workers.beat(row))

    def _sweep(self) -> None:
        lost = self._storage.read_blocking(self._lost_runs)
        if not lost:
            return
        clock, tries = self._clock, self._limits.bg_job_max_retries
        count = self._storage.write_blocking(lambda tx: transitions.recover(tx, lost, clock, tries))
        log.warning("took over runs of a dead worker", runs=count)

    def _lost_runs(self, tx: Tx) -> list[RunRow]:
        lost = tx.runs.orphans(self._clock.now_ms(), AT_ONCE)
        for worker in tx.workers.list():
            if worker.worker_id != self._worker_id and self._storage.is_alive(worker) is False:
                lost.extend(tx.runs.of_worker(worker.worker_id))
        return list({run.run_id: run for run in lost}.values())

    def _purge(self) -> None:
        before = self._clock.now_ms() - int(self._limits.resumable_stream_ttl_s * 1000)
        while self._storage.write_blocking(lambda tx: tx.events.purge(before, AT_ONCE)) == AT_ONCE:
            continue
        forgotten = self._clock.now_ms() - KEPT_MS
        self._storage.write_blocking(lambda tx: tx.replays.purge(forgotten, AT_ONCE))

    def _expire(self) -> None:
        """Apply the time to live of threads whose time is up, one transaction each."""
        now_ms = self._clock.now_ms()
        for thread_id in self._storage.read_blocking(
            lambda tx: tx.threads.expired(now_ms, AT_ONCE)
        ):
            self._storage.write_blocking(self._expiry(thread_id))

    def _expiry(self, thread_id: str) -> Callable[[Tx], bool]:
        clock, serde = self._clock, Saver(self._storage).serde
        return lambda tx: thread_life.expire(tx, serde, thread_id, clock)
