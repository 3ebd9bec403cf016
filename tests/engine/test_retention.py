"""What goes by itself: the history of threads long at rest, threads past the project's time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from engine.resting import NOON_MS, Limits, StoppedClock, found, make_thread, run_chain, start_run
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from graphstead.contract.auth import ANONYMOUS
from graphstead.engine import run_creation, thread_life
from graphstead.engine.checkpoints import Saver
from graphstead.engine.clock import wire_time_of_ms
from graphstead.engine.drafts import Draft
from graphstead.engine.pruning import prune
from graphstead.engine.rewinding import WatchedClock
from graphstead.engine.thread_rows import MINUTE_MS, default_ttl, new_row
from graphstead.engine.upkeep import AT_ONCE, DAY_MS, PURGE_EVERY, Quota, Upkeep
from graphstead.graphs.thread_ttl import ThreadTtl
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import AssistantRow, DeliveryRow, RunRow

TTL = {"strategy": "keep_latest", "ttl_minutes": 60.0}


@dataclass(frozen=True)
class KeepForEver(Limits):
    history_days: int = 0
    dead_webhook_days: int = 0


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(NOON_MS)


def checkpoints(storage: Storage, thread_id: str) -> int:
    return len(storage.read_blocking(lambda tx: tx.checkpoints.list(thread_id, None)))


def forget(storage: Storage, thread_id: str, before_ms: int) -> bool:
    serde, before = Saver(storage).serde, wire_time_of_ms(before_ms)
    return storage.write_blocking(
        lambda tx: thread_life.forget_history(tx, serde, thread_id, before)
    )


def with_history(storage: Storage, before_ms: int) -> list[str]:
    before = wire_time_of_ms(before_ms)
    return storage.read_blocking(lambda tx: tx.threads.with_history(before, 10))


def set_state(storage: Storage, thread_id: str, at_ms: int) -> None:
    storage.write_blocking(
        lambda tx: tx.threads.set_state(
            thread_id,
            status="idle",
            values={},
            error=None,
            interrupts={},
            state_updated_at=wire_time_of_ms(at_ms),
        )
    )


def swept(
    storage: Storage,
    clock: StoppedClock,
    limits: Limits,
    done: Callable[[], bool],
    *,
    for_s: float = 60,
) -> None:
    """Let upkeep work until `done`, or for so long where that is not to happen."""
    upkeep = Upkeep(None, storage, limits, WatchedClock(clock))
    upkeep.start()
    until_s = time.monotonic() + for_s
    while not done() and time.monotonic() < until_s:
        time.sleep(0.02)
    upkeep.stop()


# ---- history


def test_the_sweep_forgets_the_history_of_threads_long_at_rest(
    storage: Storage, clock: StoppedClock
) -> None:
    for thread_id, age_days in {"old": 31, "young": 29}.items():
        make_thread(storage, thread_id, NOON_MS - age_days * DAY_MS, values={"n": 1})
        run_chain(storage, thread_id, 5)
    before = found(storage, "old")
    swept(storage, clock, Limits(), lambda: checkpoints(storage, "old") == 1)
    assert checkpoints(storage, "old") == 1
    assert checkpoints(storage, "young") > 5
    assert found(storage, "old") == before


def test_history_may_be_kept_for_ever(storage: Storage, clock: StoppedClock) -> None:
    make_thread(storage, "t", NOON_MS - 1000 * DAY_MS)
    run_chain(storage, "t", 3)
    swept(storage, clock, KeepForEver(), lambda: checkpoints(storage, "t") == 1, for_s=1)
    assert checkpoints(storage, "t") > 3


def test_a_trimmed_thread_is_looked_at_again_once_its_state_changes(storage: Storage) -> None:
    make_thread(storage, "t", NOON_MS)
    assert with_history(storage, NOON_MS + 1) == ["t"]
    assert with_history(storage, NOON_MS) == []
    assert forget(storage, "t", NOON_MS + 1)
    assert with_history(storage, NOON_MS + 1) == []
    set_state(storage, "t", NOON_MS + 5)
    assert with_history(storage, NOON_MS + 6) == ["t"]


def test_a_busy_thread_keeps_its_history(storage: Storage) -> None:
    make_thread(storage, "t", NOON_MS)
    run_chain(storage, "t", 3)
    start_run(storage, "t")
    assert not forget(storage, "t", NOON_MS + 1)
    assert checkpoints(storage, "t") > 3
    assert with_history(storage, NOON_MS + 1) == []
    set_state(storage, "t", NOON_MS)
    assert with_history(storage, NOON_MS + 1) == ["t"]


def test_a_thread_whose_state_changed_in_the_meantime_keeps_its_history(storage: Storage) -> None:
    make_thread(storage, "t", NOON_MS)
    run_chain(storage, "t", 3)
    assert not forget(storage, "t", NOON_MS)
    assert checkpoints(storage, "t") > 3


class Talk(TypedDict, total=False):
    said: Annotated[list[str], lambda old, new: [*old, *new]]


def asking(storage: Storage) -> Any:
    """Return a graph whose subgraph asks in its second step."""
    inner = StateGraph(Talk)
    inner.add_node("first", lambda state: {"said": ["first"]})
    inner.add_node("ask", lambda state: {"said": [interrupt("why?")]})
    inner.add_edge(START, "first").add_edge("first", "ask")
    outer = StateGraph(Talk)
    outer.add_node("before", lambda state: {"said": ["before"]})
    outer.add_node("inner", inner.compile())
    outer.add_edge(START, "before").add_edge("before", "inner")
    return outer.compile(checkpointer=Saver(storage))


def test_a_thread_that_waits_in_a_subgraph_goes_on_without_its_history(storage: Storage) -> None:
    graph, config = asking(storage), {"configurable": {"thread_id": "t"}}
    make_thread(storage, "t", NOON_MS)
    graph.invoke({"said": []}, config)
    full = checkpoints(storage, "t")
    shown = graph.get_state(config, subgraphs=True)
    assert forget(storage, "t", NOON_MS + 1)
    assert checkpoints(storage, "t") < full
    left = graph.get_state(config, subgraphs=True)
    assert (left.values, left.next, left.interrupts) == (shown.values, shown.next, shown.interrupts)
    assert left.tasks[0].state.values == shown.tasks[0].state.values
    ended = graph.invoke(Command(resume="because"), config)
    assert ended["said"][-2:] == ["first", "because"]


# ---- the time the project gives


def create_run(storage: Storage, thread_id: str | None, body: dict[str, Any]) -> RunRow:
    clock = StoppedClock(NOON_MS)
    now = wire_time_of_ms(NOON_MS)
    row = AssistantRow("a", "echo", "echo", None, {}, {}, {}, 1, now, now)
    draft = Draft(
        run_id=clock.new_id(),
        thread_id=thread_id,
        assistant_id="a",
        body=body,
        caller=ANONYMOUS,
        request_id="r",
        requested_ms=NOON_MS,
        thread_ttl=TTL,
    )
    storage.write_blocking(lambda tx: tx.assistants.insert(row))
    return storage.write_blocking(lambda tx: run_creation.create(tx, draft, clock))


@pytest.mark.parametrize(
    ("thread_id", "body"),
    [("t", {"if_not_exists": "create"}), (None, {"on_completion": "keep"})],
)
def test_a_thread_made_for_a_run_gets_the_time_of_the_project(
    storage: Storage, thread_id: str | None, body: dict[str, Any]
) -> None:
    row = found(storage, create_run(storage, thread_id, body).thread_id)
    assert row is not None
    assert (row.ttl, row.expires_ms) == (TTL, NOON_MS + 60 * MINUTE_MS)


def test_a_thread_that_was_there_gets_none(storage: Storage) -> None:
    make_thread(storage, "t", NOON_MS)
    row = found(storage, create_run(storage, "t", {}).thread_id)
    assert row is not None
    assert row.ttl is None


def test_a_thread_that_ends_with_its_run_is_not_stored(storage: Storage) -> None:
    assert found(storage, create_run(storage, None, {}).thread_id) is None


def test_the_time_a_thread_is_created_with_goes_before_that_of_the_project(
    clock: StoppedClock,
) -> None:
    assert new_row({}, clock, TTL).ttl == TTL
    asked = {"ttl": {"ttl": 5}}
    assert new_row(asked, clock, TTL).ttl == {"strategy": "delete", "ttl_minutes": 5}
    assert new_row({"ttl": {}}, clock, TTL).ttl is None


def test_a_rhythm_alone_gives_threads_no_time() -> None:
    assert default_ttl(None) is default_ttl(ThreadTtl(sweep_interval_minutes=5)) is None
    assert default_ttl(ThreadTtl("keep_latest", 60.0)) == TTL


def test_a_sweep_takes_its_limit_in_slices_and_then_rests() -> None:
    quota = Quota.of(ThreadTtl(sweep_interval_minutes=1, sweep_limit=AT_ONCE + 50), 1.0)
    assert quota.slice(1) == AT_ONCE
    quota.spend(AT_ONCE, more=True)
    assert quota.slice(2) == 50
    quota.spend(50, more=True)
    assert [quota.slice(3), quota.slice(59), quota.slice(60)] == [0, 0, AT_ONCE]
    quota.spend(3, more=False)
    assert [quota.slice(61), quota.slice(120)] == [0, AT_ONCE]
    assert Quota.of(None, 1.0).every_turns == PURGE_EVERY


# ---- webhook calls that were given up


def give_up(storage: Storage, ages_days: Mapping[str, float], *, dead: bool = True) -> None:
    """Store the calls of runs that ended so many days before noon."""

    def add(tx: Tx) -> None:
        for run_id, days in ages_days.items():
            ended_ms = NOON_MS - int(days * DAY_MS)
            again_ms = None if dead else NOON_MS + DAY_MS
            row = DeliveryRow(run_id, "https://a.example", b"{}", ended_ms, again_ms)
            tx.deliveries.add(row)

    storage.write_blocking(add)


def dead_calls(storage: Storage) -> list[str]:
    return [row.run_id for row in storage.read_blocking(lambda tx: tx.deliveries.dead(9999))]


def test_the_sweep_forgets_calls_that_were_given_up_long_ago_in_slices(
    storage: Storage, clock: StoppedClock
) -> None:
    give_up(storage, {f"old-{n}": 31 for n in range(2 * AT_ONCE + 1)} | {"young": 29})
    give_up(storage, {"owed": 300}, dead=False)
    swept(storage, clock, Limits(), lambda: len(dead_calls(storage)) == 1)
    assert dead_calls(storage) == ["young"]
    assert storage.read_blocking(lambda tx: tx.deliveries.next_ms()) is not None


def test_calls_that_were_given_up_may_be_kept_for_ever(
    storage: Storage, clock: StoppedClock
) -> None:
    give_up(storage, {"old": 10_000})
    swept(storage, clock, KeepForEver(), lambda: dead_calls(storage) == [], for_s=1)
    assert dead_calls(storage) == ["old"]


@pytest.mark.parametrize(("days", "left"), [(30, 1), (0, 5)])
def test_pruning_by_hand_keeps_to_the_same_days_and_0_is_never(
    storage: Storage, clock: StoppedClock, days: int, left: int
) -> None:
    make_thread(storage, "t", NOON_MS - 1000 * DAY_MS)
    run_chain(storage, "t", 3)
    give_up(storage, {"old": 1000})
    kept = checkpoints(storage, "t")
    done = prune(storage, clock, history_days=days, stream_ttl_s=1, dead_webhook_days=days)
    assert (done.webhook_calls, done.trimmed_threads) == ((1, 1) if days else (0, 0))
    assert checkpoints(storage, "t") == min(left, kept)
