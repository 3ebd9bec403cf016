"""A saver that writes ahead keeps every promise of one that waits but the moment of commits."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Literal

import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from graphstead.engine.checkpoints import Ahead, Saver, StaleRun
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import EventRow, RunRow
from graphstead.streaming.log import EventWriter

NOW = "2026-01-01T00:00:00.000000+00:00"
THREAD: Any = {"configurable": {"thread_id": "t"}}


class Counted(TypedDict):
    items: Annotated[list[int], operator.add]


def make_loop(saver: Saver, steps: int) -> Any:
    async def step(state: Counted) -> Counted:
        return {"items": [len(state["items"])]}

    def more(state: Counted) -> str:
        return "step" if len(state["items"]) < steps else "__end__"

    builder = StateGraph(Counted).add_node("step", step).add_edge(START, "step")
    return builder.add_conditional_edges("step", more).compile(checkpointer=saver)


def make_running(tx: Tx, gen: int) -> None:
    tx.runs.insert(RunRow("r", "t", "a", "pending", {}, {}, "enqueue", NOW, NOW, start_ms=0))
    tx.runs.start("r", worker="w", gen=gen, attempt=1, updated_at=NOW)


@pytest.mark.parametrize("ahead", ["writes", "everything"])
async def test_reads_wait_for_what_is_queued(storage: Storage, ahead: Ahead) -> None:
    async def savers() -> AsyncIterator[Saver]:
        yield Saver(storage, ahead=ahead)

    report = await validate(checkpointer_test("Saver")(savers))
    assert [name for result in report.results.values() for name in result.failures] == []


@pytest.mark.parametrize("durability", ["async", "sync", "exit"])
async def test_every_step_is_stored_once_the_queue_has_settled(
    storage: Storage, durability: str
) -> None:
    saver = Saver(storage, ahead="everything")
    await make_loop(saver, 100).ainvoke({"items": []}, THREAD, durability=durability)
    await saver.settled()
    rows = await storage.read(lambda tx: tx.checkpoints.list("t", None))
    assert len(rows) == (1 if durability == "exit" else 102)


async def test_a_run_taken_over_hears_of_it_when_its_queue_settles(storage: Storage) -> None:
    await storage.write(lambda tx: make_running(tx, 2))
    saver = Saver(storage, fence=("r", 1), ahead="everything")
    with pytest.raises(StaleRun):
        await make_loop(saver, 200).ainvoke({"items": []}, THREAD)
        await saver.settled()
    with pytest.raises(StaleRun):
        await saver.settled()
    assert await storage.read(lambda tx: tx.checkpoints.list("t", None)) == []


@pytest.mark.parametrize("ahead", ["writes", "everything"])
async def test_no_checkpoint_is_stored_before_what_was_said_on_the_way_to_it(
    storage: Storage, ahead: Ahead
) -> None:
    """Or an attempt that goes on from it would never say it."""
    stored: list[int] = []

    async def store(rows: Sequence[EventRow]) -> None:
        await asyncio.sleep(0.01)
        there = await storage.read(lambda tx: tx.checkpoints.list("t", None))
        stored.append(len(there) - rows[0].seq)

    writer = EventWriter(store, 0)
    graph = make_loop(Saver(storage, ahead=ahead, behind=writer.stored), 10)
    graph.stream_eager = ahead == "writes"
    durability = "sync" if ahead == "writes" else "async"
    async for _ in graph.astream(
        {"items": []}, THREAD, stream_mode="updates", durability=durability
    ):
        await writer.put("updates", b"{}")
    await writer.stored()
    # One is that of the input, one that of the state before the first step.
    assert len(stored) > 1 and max(stored) <= 1


async def test_what_is_said_later_is_not_waited_for() -> None:
    gates = [asyncio.Event(), asyncio.Event()]

    async def store(rows: Sequence[EventRow]) -> None:
        await gates[rows[0].seq - 1].wait()

    writer = EventWriter(store, 0)
    await writer.put("custom", b"1")
    waiting = asyncio.create_task(writer.stored())
    await asyncio.sleep(0)
    await writer.put("custom", b"2")
    assert not waiting.done()
    gates[0].set()
    await waiting
    gates[1].set()
    await writer.stored()


@pytest.mark.parametrize("durability", ["async", "sync", "exit"])
@pytest.mark.parametrize("eager", [False, True])
async def test_a_step_that_is_cut_off_while_it_decides_what_is_next_is_done_again(
    storage: Storage, durability: Literal["async", "sync", "exit"], *, eager: bool
) -> None:
    """LangGraph takes what it had written by then for all: the graph would end there."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def step(state: Counted) -> Counted:
        return {"items": [len(state["items"])]}

    async def further(state: Counted) -> str:
        if len(state["items"]) == 2:
            reached.set()
            await go_on.wait()
        return "step" if len(state["items"]) < 4 else "__end__"

    builder = StateGraph(Counted).add_node("step", step).add_edge(START, "step")
    builder.add_conditional_edges("step", further)
    saver = Saver(storage, ahead="everything")
    graph = builder.compile(checkpointer=saver)
    graph.stream_eager = eager
    cut = asyncio.create_task(graph.ainvoke({"items": []}, THREAD, durability=durability))
    await reached.wait()
    cut.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut
    await saver.settled()
    go_on.set()
    graph = builder.compile(checkpointer=Saver(storage, ahead="everything"))
    assert (await graph.ainvoke(None, THREAD))["items"] == [0, 1, 2, 3]
