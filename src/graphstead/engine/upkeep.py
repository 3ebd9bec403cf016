"""Upkeep from a thread of its own: leases, runs of dead workers, what is past its time, room."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from graphstead.engine import thread_life, transitions
from graphstead.engine.clock import wire_time_of_ms
from graphstead.engine.leases import Leases
from graphstead.engine.outages import Outage
from graphstead.engine.prompts import Prompt
from graphstead.engine.replays import KEPT_MS
from graphstead.engine.rewinding import WatchedClock, rewind
from graphstead.engine.savers import Savers
from graphstead.figures import FIGURES
from graphstead.graphs.store_config import StoreTtl
from graphstead.graphs.thread_ttl import ThreadTtl
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import RunRow, WorkerRow

log = structlog.get_logger("graphstead.upkeep")
AT_ONCE = 200
PURGE_EVERY = 10
PAGES_AT_ONCE = 500
DAY_MS = 86_400_000


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

    @property
    def history_days(self) -> int: ...

    @property
    def dead_webhook_days(self) -> int: ...


@dataclass(slots=True)
class Quota:
    """How many threads a sweep may still touch: `limit` each `every_turns`, a slice per turn."""

    every_turns: int = PURGE_EVERY
    limit: int = AT_ONCE
    left: int = AT_ONCE

    @classmethod
    def of(cls, ttl: ThreadTtl | None, sweep_s: float) -> Quota:
        """Return what the project asks for."""
        if ttl is None or ttl.sweep_interval_minutes is None:
            return cls()
        turns = round(ttl.sweep_interval_minutes * 60 / sweep_s)
        return cls(max(1, turns), ttl.sweep_limit, ttl.sweep_limit)

    def slice(self, turn: int) -> int:
        """Return how many threads this turn may look for."""
        if turn % self.every_turns == 0:
            self.left = self.limit
        return min(self.left, AT_ONCE)

    def spend(self, done: int, *, more: bool) -> None:
        """Note what was done; without `more` the sweep is over until its next time."""
        self.left = self.left - done if more else 0


class Upkeep:
    """Sweep every `sweep_s`; with a `worker_id` also keep that worker's lease alive."""

    def __init__(
        self,
        worker_id: str | None,
        storage: Storage,
        limits: UpkeepLimits,
        clock: WatchedClock,
        ttl: ThreadTtl | None = None,
        store_ttl: StoreTtl | None = None,
        savers: Savers | None = None,
    ) -> None:
        self._worker_id = worker_id
        self._storage = storage
        self._limits = limits
        self._clock = clock
        self._expiries = Quota.of(ttl, limits.sweep_s)
        self._histories = Quota()
        self._store_every = _store_turns(store_ttl, limits.sweep_s)
        self._savers = savers or Savers(storage)
        self._leases = Leases(limits.lease_s, 2 * limits.sweep_s)
        self._beat_at_s = 0.0
        self._outage = Outage("upkeep")
        self._prompt = Prompt(storage.doorbells, "sweep", limits.sweep_s)
        self._thread = threading.Thread(target=self._main, name="upkeep", daemon=True)

    def start(self) -> None:
        """Take the liveness lock and the first lease, recover at once, then keep sweeping."""
        if self._worker_id is not None:
            self._storage.hold(self._worker_id)
        self._beat()
        self._sweep()
        rewind(self._storage, self._clock)
        self._prompt.listen()
        self._thread.start()

    def stop(self) -> None:
        """Stop sweeping and give up the lease."""
        self._prompt.stop()
        if self._thread.is_alive():
            self._thread.join(10)
        worker_id = self._worker_id
        if worker_id is not None:
            self._storage.write_blocking(lambda tx: tx.workers.forget(worker_id))

    def _main(self) -> None:
        turn, tidy_at_s = 0, 0.0
        while True:
            rang = self._prompt.wait(self._limits.sweep_s)
            if self._prompt.is_stopped:
                return
            try:
                with self._outage.told():
                    self._watch()
                    if rang or time.monotonic() >= tidy_at_s:
                        turn, tidy_at_s = turn + 1, self._next_tidy_s()
                        self._tidy(turn)
            except Exception:  # a worker's edge: a database that is away comes back
                log.exception("upkeep failed")

    def _next_tidy_s(self) -> float:
        return time.monotonic() + self._prompt.poll_s if self._prompt.rings else 0

    def _watch(self) -> None:
        """Do what each process does for itself: a lease ends for those who watched it."""
        if time.monotonic() >= self._beat_at_s:
            self._beat()
        if self._clock.went_back():
            rewind(self._storage, self._clock)
        self._sweep()

    def _tidy(self, turn: int) -> None:
        """Do what one process does for all."""
        self._expire(turn)
        self._forget(turn)
        if turn % self._store_every == 0:
            self._empty_store()
        if turn % PURGE_EVERY == 0:
            self._purge()
            self._forget_dead_calls()
            self._slices(lambda tx: tx.checkpoints.purge_replaced(AT_ONCE))
            self._storage.vacuum(PAGES_AT_ONCE)

    def _beat(self) -> None:
        self._beat_at_s = time.monotonic() + self._limits.lease_s / 3
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
        lost, dead = self._look()
        if not lost and not dead:
            return
        clock, tries = self._clock, self._limits.bg_job_max_retries

        def take_over(tx: Tx) -> int:
            count = transitions.recover(tx, lost, clock, tries)
            for worker_id in dead:
                tx.workers.forget(worker_id)
            return count

        number = self._storage.write_blocking(take_over)
        FIGURES.count("graphstead_runs_recovered_total", by=number)
        log.warning("took over from a dead worker", runs=number)

    def _look(self) -> tuple[list[RunRow], list[str]]:
        """Return runs nobody carries out any more, and the workers whose process is gone."""
        read = self._storage.read_blocking
        workers, lost = read(lambda tx: (tx.workers.list(), tx.runs.orphans(AT_ONCE)))
        # The own worker lives, however long this thread was kept from its beat.
        others = [row for row in workers if row.worker_id != self._worker_id]
        lost = [run for run in lost if run.worker != self._worker_id]
        dead = [row.worker_id for row in others if self._storage.is_alive(row) is False]
        gone = {*dead, *self._leases.quiet(others, time.monotonic())}
        if gone:
            lost += read(lambda tx: [run for one in gone for run in tx.runs.of_worker(one)])
        return list({run.run_id: run for run in lost}.values()), dead

    def _purge(self) -> None:
        before = self._clock.now_ms() - int(self._limits.resumable_stream_ttl_s * 1000)
        while self._storage.write_blocking(lambda tx: tx.events.purge(before, AT_ONCE)) == AT_ONCE:
            continue
        forgotten = self._clock.now_ms() - KEPT_MS
        self._storage.write_blocking(lambda tx: tx.replays.purge(forgotten, AT_ONCE))

    def _forget_dead_calls(self) -> None:
        """Delete webhook calls that were given up and that nobody sent again for long."""
        days = self._limits.dead_webhook_days
        if days:
            before_ms = self._clock.now_ms() - days * DAY_MS
            self._slices(lambda tx: tx.deliveries.purge(before_ms, AT_ONCE))

    def _empty_store(self) -> None:
        """Delete items of the store whose time is up; nobody can read them any more."""
        now_ms = self._clock.now_ms()
        if self._storage.read_blocking(lambda tx: tx.store.is_expired(now_ms)):
            self._slices(lambda tx: tx.store.purge(now_ms, AT_ONCE))

    def _slices(self, purge: Callable[[Tx], int]) -> None:
        """Delete a slice per transaction until nothing is left, as long as the lease allows."""
        until_s, more = time.monotonic() + self._limits.lease_s / 6, True
        while more and not self._prompt.is_stopped and time.monotonic() < until_s:
            more = self._storage.write_blocking(purge) == AT_ONCE

    def _expire(self, turn: int) -> None:
        """Apply the time to live of threads whose time is up."""
        now_ms, number = self._clock.now_ms(), self._expiries.slice(turn)
        if number:
            due = self._storage.read_blocking(lambda tx: tx.threads.expired(now_ms, number))
            done = self._each(due, self._expiry)
            self._expiries.spend(done, more=done < len(due) or len(due) == number)

    def _expiry(self, thread_id: str) -> Callable[[Tx], bool]:
        clock, serde = self._clock, self._savers.serde
        return lambda tx: thread_life.expire(tx, serde, thread_id, clock)

    def _forget(self, turn: int) -> None:
        """Trim threads whose state has not changed for `history_days`."""
        days, number = self._limits.history_days, self._histories.slice(turn)
        if days and number and self._savers.can_trim:
            before = wire_time_of_ms(self._clock.now_ms() - days * DAY_MS)
            old = self._storage.read_blocking(lambda tx: tx.threads.with_history(before, number))
            done = self._each(old, lambda thread_id: self._trimming(thread_id, before))
            self._histories.spend(done, more=done < len(old) or len(old) == number)

    def _trimming(self, thread_id: str, before: str) -> Callable[[Tx], bool]:
        serde = self._savers.serde
        return lambda tx: thread_life.forget_history(tx, serde, thread_id, before)

    def _each(self, thread_ids: Sequence[str], work: Callable[[str], Callable[[Tx], bool]]) -> int:
        """Do one transaction per thread, as long as the lease allows; return how many it were."""
        until_s = time.monotonic() + self._limits.lease_s / 6
        for done, thread_id in enumerate(thread_ids):
            if self._prompt.is_stopped or time.monotonic() > until_s:
                return done
            self._storage.write_blocking(work(thread_id))
        return len(thread_ids)


def _store_turns(ttl: StoreTtl | None, sweep_s: float) -> int:
    """Return after how many turns the store is swept."""
    if ttl is None or ttl.sweep_interval_minutes is None:
        return PURGE_EVERY
    return max(1, round(ttl.sweep_interval_minutes * 60 / sweep_s))
