"""Making the runs of crons: on time, each date exactly once, of missed dates one run alone.

Any number of processes may keep the time of one database. Finding that a cron is due, making its
run and moving it to its next date are one transaction: who comes second finds nothing due.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import structlog

from graphstead.engine import cron_rows, run_creation
from graphstead.engine.clock import Clock
from graphstead.engine.drafts import Grants
from graphstead.engine.outages import Outage
from graphstead.engine.prompts import Prompt
from graphstead.engine.run_grants import RunGate
from graphstead.problems import Problem
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import CronRow, Json, RunRow

log = structlog.get_logger("graphstead.crons")
AT_ONCE = 200
POLL_S = 1.0
NO_RULES = Grants()


def fire(
    tx: Tx,
    cron_id: str,
    clock: Clock,
    thread_ttl: Json | None = None,
    grants: Grants = NO_RULES,
) -> RunRow | None:
    """Make the cron's run and move it to its next date; None where it is not due, or is over.

    Raises what `run_creation.create` does; nothing has happened then.
    """
    found = _due(tx, cron_id, clock)
    if found is None:
        return None
    row, now_ms = found
    if row.thread_id and tx.threads.lock(row.thread_id) is None:
        tx.crons.delete(cron_id)
        return None
    _move_on(tx, row, now_ms)
    if row.end_ms is not None and now_ms > row.end_ms:
        return None
    # All by one look at the clock: the run of the next date starts later than this one.
    draft = replace(cron_rows.draft_of(row, clock, thread_ttl, grants), requested_ms=now_ms)
    return run_creation.create(tx, draft, clock)


def skip(tx: Tx, cron_id: str, clock: Clock) -> None:
    """Move a cron whose run cannot be made to its next date, or to none if that is the reason."""
    found = _due(tx, cron_id, clock)
    if found is None:
        return
    row, now_ms = found
    try:
        _move_on(tx, row, now_ms)
    except Problem:
        tx.crons.move(cron_id, None)


def _due(tx: Tx, cron_id: str, clock: Clock) -> tuple[CronRow, int] | None:
    """Return the cron, locked, and the time at which it was found to be due."""
    row = tx.crons.lock(cron_id)
    if row is None or not row.enabled or row.next_run_ms is None:
        return None
    now_ms = clock.now_ms()
    return (row, now_ms) if row.next_run_ms <= now_ms else None


def _move_on(tx: Tx, row: CronRow, now_ms: int) -> None:
    tx.crons.move(row.cron_id, cron_rows.next_run_ms(row, now_ms))


class Timekeeper:
    """A thread that waits for the next date; each `poll_s` it looks for what others changed."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        thread_ttl: Json | None = None,
        gate: RunGate | None = None,
        *,
        poll_s: float = POLL_S,
    ) -> None:
        self._prompt = Prompt(storage.doorbells, "crons", poll_s)
        self._storage = storage
        self._clock = clock
        self._gate = gate
        self._thread_ttl = thread_ttl
        self._thread = threading.Thread(target=self._main, name="crons", daemon=True)

    def start(self) -> None:
        """Begin keeping time; dates missed so far make one run for each cron."""
        self._prompt.listen()
        self._thread.start()

    def stop(self) -> None:
        """Make no further run."""
        self._prompt.stop()
        if self._thread.is_alive():
            self._thread.join(10)

    def _main(self) -> None:
        outage = Outage("keeping crons")
        while not self._prompt.is_stopped:
            wait_s = self._prompt.usual_s
            try:
                with outage.told():
                    wait_s = self._wait_s() if self.turn() else wait_s
            except Exception:  # the thread's edge: a database that is away comes back
                log.exception("crons failed")
            self._prompt.wait(wait_s)

    def _wait_s(self) -> float:
        """Return how long to wait: until the next date, unless a bell rings for it."""
        if self._prompt.rings:
            return self._prompt.poll_s
        next_ms = self._storage.read_blocking(lambda tx: tx.crons.next_ms())
        if next_ms is None:
            return self._prompt.poll_s
        return min(self._prompt.poll_s, max(0.0, (next_ms - self._clock.now_ms()) / 1000))

    def turn(self) -> bool:
        """Make the runs that are due now; False where something unforeseen kept one from it."""
        now_ms = self._clock.now_ms()
        due = self._storage.read_blocking(lambda tx: tx.crons.due(now_ms, AT_ONCE))
        return all([self._fired(cron_id) for cron_id in due if not self._prompt.is_stopped])

    def _fired(self, cron_id: str) -> bool:
        try:
            self._fire(cron_id)
        except Exception:  # one cron's edge: the others are due all the same
            log.exception("a cron failed", cron_id=cron_id)
            return False
        return True

    def _fire(self, cron_id: str) -> None:
        clock, ttl = self._clock, self._thread_ttl
        try:
            grants = self._ask(cron_id)
            run = self._storage.write_blocking(lambda tx: fire(tx, cron_id, clock, ttl, grants))
        except Problem as problem:
            log.warning("a cron could not make its run", cron_id=cron_id, reason=problem.detail)
            self._storage.write_blocking(lambda tx: skip(tx, cron_id, clock))
            return
        if run is not None:
            log.info("a cron made its run", cron_id=cron_id, run_id=run.run_id)

    def _ask(self, cron_id: str) -> Grants:
        """Ask the rules as if who made the cron created the run now."""
        if self._gate is None or self._gate.is_open:
            return NO_RULES
        row = self._storage.read_blocking(lambda tx: tx.crons.get(cron_id))
        if row is None:
            return NO_RULES
        owner, body = cron_rows.owner_of(row), cron_rows.run_body(row)
        run_id = self._clock.new_id()
        return asyncio.run(self._gate.ask(owner, body, run_id, row.thread_id, row.assistant_id))
