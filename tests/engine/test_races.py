"""Many processes decide about the same threads at once: every run ends once, and none is stuck."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from graphstead.contract.auth import ANONYMOUS
from graphstead.engine import run_creation, thread_life, transitions
from graphstead.engine.clock import SystemClock, system_assistant_id, wire_time
from graphstead.engine.drafts import Draft
from graphstead.engine.replays import Once
from graphstead.engine.transitions import Outcome, StaleRun, ThreadOutcome
from graphstead.problems import ThreadBusy
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import AssistantRow, EventRow, RunRow

CLOCK = SystemClock()
THREADS = [CLOCK.new_id() for _ in range(3)]
STRATEGIES = ("enqueue", "enqueue", "reject", "interrupt", "rollback")
GOOD = Outcome("success", b"{}", ThreadOutcome("idle", {}, None, {}))
PROCESSES = 3
RACE_S, LONGEST_RACE_S = 3.0, 60.0
ENOUGH = 50


class Party:
    """One process: creates, works, cancels and recovers on its own storage, as fast as it can."""

    def __init__(self, number: int, storage: Storage) -> None:
        self.name = f"w{number}"
        self.storage = storage
        self.chance = random.Random(number)
        self.made: list[str] = []
        self.finished: list[str] = []

    def create(self) -> None:
        thread_id, strategy = self.chance.choice(THREADS), self.chance.choice(STRATEGIES)
        draft = Draft(
            run_id=CLOCK.new_id(),
            thread_id=thread_id,
            assistant_id=system_assistant_id("echo"),
            body={
                "input": {},
                "if_not_exists": "create",
                "multitask_strategy": strategy,
                "after_seconds": self.chance.choice([0, 0, 0, 0.001]),
            },
            caller=ANONYMOUS,
            request_id="r",
            requested_ms=CLOCK.now_ms(),
        )
        try:
            self.storage.write_blocking(lambda tx: run_creation.create(tx, draft, CLOCK))
        except ThreadBusy:
            return
        self.made.append(draft.run_id)

    def work(self, *, gives_up: float = 0.1) -> int:
        runs = self.storage.write_blocking(lambda tx: transitions.claim(tx, self.name, 2, CLOCK))
        for run in runs:
            if self.chance.random() >= gives_up:
                self.carry_out(run)
        return len(runs)

    def carry_out(self, run: RunRow) -> None:
        row = EventRow(run.gen * 10, CLOCK.now_ms(), "custom", b"1")
        try:
            self.storage.write_blocking(lambda tx: transitions.append(tx, run, [row]))
            self.storage.write_blocking(lambda tx: transitions.finish(tx, run, GOOD, [], CLOCK))
        except StaleRun:
            return
        self.finished.append(run.run_id)

    def cancel(self) -> None:
        action = self.chance.choice(["interrupt", "rollback"])
        live = self.live()
        if live:
            run = self.chance.choice(live)
            self.storage.write_blocking(
                lambda tx: transitions.ask_to_stop(tx, run, action, CLOCK)  # type: ignore[arg-type]
            )

    def recover(self) -> None:
        lost = self.storage.read_blocking(lambda tx: tx.runs.orphans(100))
        self.storage.write_blocking(lambda tx: transitions.recover(tx, lost, CLOCK, 1000))

    def delete(self, thread_id: str) -> None:
        self.storage.write_blocking(lambda tx: thread_life.delete(tx, thread_id, CLOCK))

    def live(self) -> list[RunRow]:
        return self.storage.read_blocking(lambda tx: tx.runs.by_status(("pending", "running"), 99))

    def race(self, until: Callable[[], bool]) -> None:
        acts: list[Callable[[], object]] = [self.create, self.create, self.work, self.work]
        acts += [self.work, self.cancel, self.recover]
        while not until():
            self.chance.choice(acts)()


def seed(tx: Tx) -> None:
    now, assistant_id = wire_time(), system_assistant_id("echo")
    tx.assistants.insert(AssistantRow(assistant_id, "echo", "e", None, {}, {}, {}, 1, now, now))


def test_racing_processes_end_every_run_once_and_leave_none_behind(
    storage: Storage, open_storage: Callable[[], Storage]
) -> None:
    storage.write_blocking(seed)
    others = [open_storage() for _ in range(PROCESSES - 1)]
    parties = [Party(number, one) for number, one in enumerate((storage, *others))]
    begun_s = time.monotonic()

    def told_enough() -> bool:
        lasted_s = time.monotonic() - begun_s
        made = sum(len(party.made) for party in parties)
        enough = made > ENOUGH and any(party.finished for party in parties)
        return lasted_s > (RACE_S if enough else LONGEST_RACE_S)

    with ThreadPoolExecutor(2 * PROCESSES) as pool:
        for race in [pool.submit(party.race, told_enough) for party in parties for _ in range(2)]:
            race.result()
    settle(parties[0])
    for other in others:
        other.close()
    made = [run_id for party in parties for run_id in party.made]
    finished = Counter(run_id for party in parties for run_id in party.finished)
    assert len(made) > ENOUGH and finished, "the race was too slow to tell anything"
    assert [run_id for run_id, times in finished.items() if times > 1] == []
    ends = storage.read_blocking(lambda tx: {run_id: tx.events.ended(run_id) for run_id in made})
    assert [run_id for run_id, end in ends.items() if end is None] == []
    statuses = storage.read_blocking(lambda tx: [tx.threads.get(one) for one in THREADS])
    assert {row.status for row in statuses if row} <= {"idle", "error"}


def settle(party: Party) -> None:
    """Let one healthy worker end what is left; a run that nobody can claim fails here."""
    for _ in range(1000):
        if not party.live():
            return
        party.recover()
        party.work(gives_up=0)
    stuck = [(run.run_id, run.status, run.blocked, run.worker) for run in party.live()]
    raise AssertionError(f"left behind: {stuck}")


def test_one_key_sent_to_several_processes_makes_one_run(
    storage: Storage, open_storage: Callable[[], Storage]
) -> None:
    others = [open_storage() for _ in range(PROCESSES - 1)]
    start = threading.Barrier(PROCESSES)
    made: list[int] = []

    def act(one: Storage) -> dict[str, int]:
        once = Once("scope", "key", {}, CLOCK)

        def work(_tx: Tx) -> dict[str, int]:
            made.append(1)
            return {"answer": len(made)}

        start.wait(60)
        return one.write_blocking(lambda tx: once.answer(tx, work))

    with ThreadPoolExecutor(PROCESSES) as pool:
        answers = list(pool.map(act, (storage, *others)))
    for other in others:
        other.close()
    assert answers[0] == answers[1] == answers[2]


def test_a_thread_is_deleted_under_the_hands_of_its_runs(
    storage: Storage, open_storage: Callable[[], Storage]
) -> None:
    storage.write_blocking(seed)
    other = open_storage()
    one, two = Party(1, storage), Party(2, other)
    until_s = time.monotonic() + 1.0

    def over() -> bool:
        return time.monotonic() >= until_s

    def delete() -> None:
        while not over():
            two.delete(one.chance.choice(THREADS))

    with ThreadPoolExecutor(3) as pool:
        for task in [
            pool.submit(delete),
            pool.submit(one.race, over),
            pool.submit(two.race, over),
        ]:
            task.result()
    settle(one)
    for thread_id in THREADS:
        two.delete(thread_id)
    assert storage.read_blocking(lambda tx: [tx.runs.ids_of(one) for one in THREADS]) == [[]] * 3
    other.close()
