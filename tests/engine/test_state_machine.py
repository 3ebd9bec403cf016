"""Any interleaving of create, claim, write, finish, cancel, crash and delete keeps the promises.

The rules call the engine's own transitions over real databases; a model beside them remembers
what was acknowledged and which generation may still write.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from databases import PostgresPlace
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from graphstead.contract.auth import ANONYMOUS
from graphstead.engine import run_creation, transitions
from graphstead.engine.clock import SystemClock, system_assistant_id, wire_time
from graphstead.engine.drafts import Draft
from graphstead.engine.transitions import Outcome, StaleRun, ThreadOutcome
from graphstead.problems import ThreadBusy
from graphstead.storage.base import Storage
from graphstead.storage.postgres import open_postgres
from graphstead.storage.rows import AssistantRow, EventRow, RunRow
from graphstead.storage.sqlite import open_sqlite

pytestmark = pytest.mark.timeout(600)
THREADS = ("01999f3c-0000-7000-8000-000000000001", "01999f3c-0000-7000-8000-000000000002")
STRATEGIES = ("enqueue", "reject", "interrupt", "rollback")
MAX_ATTEMPTS = 3
CLOCK = SystemClock()
GOOD = Outcome("success", b"{}", ThreadOutcome("idle", {}, None, {}))


def assistant() -> AssistantRow:
    now, assistant_id = wire_time(), system_assistant_id("echo")
    return AssistantRow(assistant_id, "echo", "echo", None, {}, {}, {}, 1, now, now)


def draft(thread_id: str | None, strategy: str) -> Draft:
    return Draft(
        run_id=CLOCK.new_id(),
        thread_id=thread_id,
        assistant_id=system_assistant_id("echo"),
        body={"input": {}, "if_not_exists": "create", "multitask_strategy": strategy},
        caller=ANONYMOUS,
        request_id="r",
        requested_ms=CLOCK.now_ms(),
    )


class RunLife(RuleBasedStateMachine):
    """The model: acknowledged runs, how each may have ended, and the claims handed out."""

    claims = Bundle("claims")

    @initialize()
    def open(self) -> None:
        self.storage = self.opened()
        self.acknowledged: set[str] = set()
        self.gone: set[str] = set()
        self.newest_gen: dict[str, int] = {}
        self.seq = 0
        self.do(lambda tx: tx.assistants.insert(assistant()))

    def opened(self) -> Storage:
        """Open an empty database."""
        raise NotImplementedError

    def left(self) -> None:
        """Throw the database away."""
        raise NotImplementedError

    def teardown(self) -> None:
        if hasattr(self, "storage"):
            self.drain()
            self.storage.close()
            self.left()

    def do(self, work: Any) -> Any:
        return self.storage.write_blocking(work)

    # ---- what clients and workers do

    @rule(thread_id=st.sampled_from((*THREADS, None)), strategy=st.sampled_from(STRATEGIES))
    def create(self, thread_id: str | None, strategy: str) -> None:
        asked = draft(thread_id, strategy)
        try:
            run = self.do(lambda tx: run_creation.create(tx, asked, CLOCK))
        except ThreadBusy:
            assert strategy == "reject"
            return
        assert run.status == "pending"
        self.acknowledged.add(run.run_id)

    @rule(target=claims, worker=st.sampled_from(("w1", "w2")), limit=st.integers(1, 3))
    def claim(self, worker: str, limit: int) -> Any:
        runs: list[RunRow] = self.do(lambda tx: transitions.claim(tx, worker, limit, CLOCK))
        for run in runs:
            assert run.gen > self.newest_gen.get(run.run_id, 0)
            self.newest_gen[run.run_id] = run.gen
        return multiple(*runs)

    @rule(run=claims)
    def write(self, run: RunRow) -> None:
        self.seq += 1
        row = EventRow(self.seq, CLOCK.now_ms(), "custom", b"1")
        mine = self.is_owner(run)
        try:
            self.do(lambda tx: transitions.append(tx, run, [row]))
        except StaleRun:
            assert not mine
        else:
            assert mine

    @rule(run=consumes(claims))
    def finish(self, run: RunRow) -> None:
        mine = self.is_owner(run)
        try:
            self.do(lambda tx: transitions.finish(tx, run, GOOD, [], CLOCK))
        except StaleRun:
            assert not mine
        else:
            assert mine

    @rule(worker=st.sampled_from(("w1", "w2")))
    def crash(self, worker: str) -> None:
        lost: list[RunRow] = self.do(lambda tx: tx.runs.of_worker(worker))
        self.do(lambda tx: transitions.recover(tx, lost, CLOCK, MAX_ATTEMPTS))
        for run in lost:
            now = self.row(run.run_id)
            assert now is None or now.status != "running"

    @rule(run=claims)
    def give_back(self, run: RunRow) -> None:
        self.do(lambda tx: transitions.give_back(tx, [run], CLOCK))

    @rule(data=st.data(), action=st.sampled_from(("interrupt", "rollback")))
    def cancel(self, data: st.DataObject, action: Any) -> None:
        live = self.live()
        if live:
            run = data.draw(st.sampled_from(live))
            self.do(lambda tx: transitions.ask_to_stop(tx, run, action, CLOCK))

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        live = self.live()
        if live:
            run = data.draw(st.sampled_from(live))
            self.do(lambda tx: transitions.remove(tx, run, CLOCK))
            self.gone.add(run.run_id)

    # ---- what must hold, always

    @invariant()
    def one_running_run_per_thread(self) -> None:
        running = [run.thread_id for run in self.live() if run.status == "running"]
        assert len(running) == len(set(running))

    @invariant()
    def every_acknowledged_run_is_alive_or_has_an_end(self) -> None:
        for run_id in self.acknowledged:
            row, ended = self.row(run_id), self.ended(run_id)
            assert row is not None or ended is not None
            if row is not None:
                assert (row.status in transitions.FINAL) == (ended is not None)

    @invariant()
    def a_thread_is_busy_exactly_while_it_has_a_live_run(self) -> None:
        live = {run.thread_id for run in self.live()}
        for thread_id in THREADS:
            thread = self.do(lambda tx, thread_id=thread_id: tx.threads.get(thread_id))
            if thread is not None:
                assert (thread.status == "busy") == (thread_id in live)

    @invariant()
    def a_blocked_run_waits_for_somebody(self) -> None:
        live = self.live()
        for run in live:
            if run.blocked:
                assert [one for one in live if one.thread_id == run.thread_id and not one.blocked]

    # ---- looking

    def live(self) -> list[RunRow]:
        if not hasattr(self, "storage"):
            return []
        found: list[RunRow] = self.do(lambda tx: tx.runs.by_status(("pending", "running"), 1000))
        return sorted(found, key=lambda run: run.run_id)

    def row(self, run_id: str) -> RunRow | None:
        found: RunRow | None = self.do(lambda tx: tx.runs.get(run_id))
        return found

    def ended(self, run_id: str) -> Any:
        return self.do(lambda tx: tx.events.ended(run_id))

    def is_owner(self, run: RunRow) -> bool:
        row = self.row(run.run_id)
        return row is not None and row.status == "running" and row.gen == run.gen

    def drain(self) -> None:
        """Let healthy workers finish everything: nothing may be left behind."""
        for _ in range(len(self.acknowledged) * 3 + 10):
            for worker in ("w1", "w2"):
                lost = self.do(lambda tx, worker=worker: tx.runs.of_worker(worker))
                self.do(lambda tx, lost=lost: transitions.recover(tx, lost, CLOCK, 1000))
            runs = self.do(lambda tx: transitions.claim(tx, "w3", 10, CLOCK))
            for run in runs:
                self.do(lambda tx, run=run: transitions.finish(tx, run, GOOD, [], CLOCK))
        assert self.live() == []


class RunLifeOnSqlite(RunLife):
    def opened(self) -> Storage:
        self.folder = tempfile.TemporaryDirectory()
        return open_sqlite(Path(self.folder.name) / "db.sqlite3", readers=1)

    def left(self) -> None:
        self.folder.cleanup()


class RunLifeOnPostgres(RunLife):
    def opened(self) -> Storage:
        self.place = PostgresPlace()
        return open_postgres(self.place.uri, writers=2, readers=1)

    def left(self) -> None:
        self.place.leave()


def bounded(max_examples: int) -> settings:
    return settings(
        max_examples=max_examples,
        stateful_step_count=30,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


TestRunLifeOnSqlite = RunLifeOnSqlite.TestCase
TestRunLifeOnSqlite.settings = bounded(40)
TestRunLifeOnPostgres = RunLifeOnPostgres.TestCase
TestRunLifeOnPostgres.settings = bounded(20)
