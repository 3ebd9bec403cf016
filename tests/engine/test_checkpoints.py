"""The saver against LangGraph's own conformance suite and against the promises of its own."""

from __future__ import annotations

import asyncio
import operator
import threading
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.channels import DeltaChannel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import Capability
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from graphstead.engine.checkpoints import Saver, StaleRun
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import RunRow

NOW = "2026-01-01T00:00:00.000000+00:00"


def on_thread(thread_id: str, **configurable: Any) -> RunnableConfig:
    return {"configurable": {"thread_id": thread_id, **configurable}}


class Chain(TypedDict, total=False):
    big: str
    items: Annotated[list[int], operator.add]


def make_chain(saver: BaseCheckpointSaver[str], steps: int, state: type = Chain) -> Any:
    builder: Any = StateGraph(state)
    for step in range(steps):
        builder.add_node(f"n{step}", lambda _, step=step: {"items": [step]})
    builder.add_edge(START, "n0")
    for step in range(1, steps):
        builder.add_edge(f"n{step - 1}", f"n{step}")
    return builder.compile(checkpointer=saver)


def make_running(tx: Tx, run_id: str, gen: int) -> None:
    tx.runs.insert(RunRow(run_id, "t", "a", "pending", {}, {}, "enqueue", NOW, NOW, start_ms=0))
    tx.runs.start(run_id, worker="w", gen=gen, attempt=1, updated_at=NOW)


async def rows_of(storage: Storage, thread_id: str) -> Sequence[Any]:
    return await storage.read(lambda tx: tx.checkpoints.list(thread_id, None))


async def test_the_saver_passes_every_capability_of_the_conformance_suite(
    storage: Storage,
) -> None:
    async def savers() -> AsyncIterator[Saver]:
        yield Saver(storage)

    report = await validate(checkpointer_test("Saver")(savers))
    failures = [name for result in report.results.values() for name in result.failures]
    assert failures == []
    assert {name for name, result in report.results.items() if result.passed} == {
        capability.value for capability in Capability
    }


async def test_the_owner_of_a_run_saves_under_its_generation(storage: Storage) -> None:
    await storage.write(lambda tx: make_running(tx, "r", 1))
    graph = make_chain(Saver(storage, fence=("r", 1)), 2)
    assert (await graph.ainvoke({"items": []}, on_thread("t")))["items"] == [0, 1]
    assert len(await rows_of(storage, "t")) == 4


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
async def test_a_worker_that_lost_its_run_leaves_no_row(storage: Storage, durability: Any) -> None:
    await storage.write(lambda tx: make_running(tx, "r", 2))
    graph = make_chain(Saver(storage, fence=("r", 1)), 2)
    with pytest.raises(StaleRun):
        await graph.ainvoke({"items": []}, on_thread("t"), durability=durability)
    assert await rows_of(storage, "t") == []


async def test_pending_writes_are_fenced_too(storage: Storage) -> None:
    config = on_thread("t", checkpoint_ns="", checkpoint_id="c")
    with pytest.raises(StaleRun):
        await Saver(storage, fence=("nobody", 1)).aput_writes(config, [("ch", 1)], "task")
    assert await storage.read(lambda tx: tx.checkpoints.writes("t", "", "c")) == []


async def test_an_unchanged_value_is_stored_once(storage: Storage) -> None:
    graph = make_chain(Saver(storage), 10)
    await graph.ainvoke({"big": "x" * 100_000, "items": []}, on_thread("t"))
    assert len(await rows_of(storage, "t")) == 12
    # Once as a channel's value, twice as the input that brought it.
    assert await storage.read(lambda tx: tx.checkpoints.size("t")) < 350_000
    history = [state async for state in graph.aget_state_history(on_thread("t"))]
    assert all(state.values["big"] == "x" * 100_000 for state in history[:-1])


@pytest.mark.parametrize("value", [None, True, 7, 1.5, "short", "s" * 500, [1], {"a": {1}}, b"x"])
async def test_values_come_back_as_they_were(storage: Storage, value: Any) -> None:
    class State(TypedDict):
        value: Any

    graph: Any = StateGraph(State).add_node("n", lambda _: {"value": value}).add_edge(START, "n")
    graph = graph.compile(checkpointer=Saver(storage))
    await graph.ainvoke({"value": 0}, on_thread("t"))
    assert (await graph.aget_state(on_thread("t"))).values == {"value": value}


async def test_an_interrupted_graph_resumes(storage: Storage) -> None:
    graph: Any = StateGraph(Chain)
    graph.add_node("ask", lambda _: {"items": [interrupt("how many?")]})
    graph = graph.add_edge(START, "ask").compile(checkpointer=Saver(storage))
    first = await graph.ainvoke({"items": [1]}, on_thread("t"))
    assert first["__interrupt__"][0].value == "how many?"
    done = await graph.ainvoke(Command(resume=2), on_thread("t"))
    assert done["items"] == [1, 2]


def test_a_synchronous_graph_saves_and_lists(storage: Storage) -> None:
    graph = make_chain(Saver(storage), 3)
    graph.invoke({"items": []}, on_thread("t"))
    assert graph.get_state(on_thread("t")).values["items"] == [0, 1, 2]
    newest_first = [state.metadata["step"] for state in graph.get_state_history(on_thread("t"))]
    assert newest_first == [3, 2, 1, 0, -1]


def test_threads_with_loops_of_their_own_share_a_saver(storage: Storage) -> None:
    graph = make_chain(Saver(storage), 5)

    def use(name: str) -> None:
        asyncio.run(graph.ainvoke({"items": []}, on_thread(name)))

    users = [threading.Thread(target=use, args=(f"t{number}",)) for number in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    for number in range(4):
        assert graph.get_state(on_thread(f"t{number}")).values["items"] == [0, 1, 2, 3, 4]


async def test_metadata_names_the_run_and_survives_odd_text(storage: Storage) -> None:
    saver = Saver(storage)
    config = on_thread("t", run_id="r1", assistant_id="a1", __secret="no", odd="é\ud800")
    await make_chain(saver, 1).ainvoke({"items": []}, config)
    found = await saver.aget_tuple(on_thread("t"))
    assert found is not None
    told = dict(found.metadata)
    assert told == {
        "source": "loop",
        "step": 1,
        "parents": {},
        "run_id": "r1",
        "assistant_id": "a1",
        "odd": "é?",
    }
    assert [row.run_id for row in await rows_of(storage, "t")] == ["r1"] * 3


async def test_deleting_a_run_leaves_what_came_before_it(storage: Storage) -> None:
    saver = Saver(storage)
    graph = make_chain(saver, 2)
    await graph.ainvoke({"items": []}, on_thread("t", run_id="r1"))
    await graph.ainvoke({"items": [5]}, on_thread("t", run_id="r2"))
    await saver.adelete_for_runs(["r2"])
    assert (await graph.aget_state(on_thread("t"))).values["items"] == [0, 1]


async def test_versions_grow_and_never_repeat_between_branches(storage: Storage) -> None:
    saver = Saver(storage)
    first = saver.get_next_version(None, None)
    branches = {saver.get_next_version(first, None) for _ in range(100)}
    assert len(branches) == 100
    assert all(first < branch for branch in branches)
    assert saver.get_next_version(3, None) > first


async def test_an_unknown_pruning_strategy_is_refused(storage: Storage) -> None:
    with pytest.raises(ValueError, match="keep_latest or delete"):
        await Saver(storage).aprune(["t"], strategy="everything")


def appended(state: list[int], writes: Sequence[list[int]]) -> list[int]:
    return state + [item for write in writes for item in write]


class Deltas(TypedDict, total=False):
    items: Annotated[list[int], DeltaChannel(appended, snapshot_frequency=4)]


@pytest.mark.parametrize("durability", ["async", "exit"])
async def test_delta_channels_are_rebuilt_as_in_memory(storage: Storage, durability: Any) -> None:
    graphs = [make_chain(saver, 11, Deltas) for saver in (Saver(storage), InMemorySaver())]
    config = on_thread("t")
    for given in ([100], [200], [300]):
        for graph in graphs:
            await graph.ainvoke({"items": given}, config, durability=durability)
    ours, theirs = [
        [state.values.get("items") async for state in graph.aget_state_history(config)]
        for graph in graphs
    ]
    assert ours == theirs
    assert ours[0] == [n for given in (100, 200, 300) for n in (given, *range(11))]


async def test_pruning_keeps_what_a_delta_channel_is_rebuilt_from(storage: Storage) -> None:
    saver = Saver(storage)
    graph = make_chain(saver, 10, Deltas)
    await graph.ainvoke({"items": [100]}, on_thread("t"))
    before = (await graph.aget_state(on_thread("t"))).values
    await saver.aprune(["t"])
    assert 1 < len(await rows_of(storage, "t")) <= 5
    assert (await graph.aget_state(on_thread("t"))).values == before
    after = await graph.ainvoke({"items": [200]}, on_thread("t"))
    assert after["items"] == [100, *range(10), 200, *range(10)]


async def test_pruning_keeps_one_checkpoint_where_no_delta_needs_more(storage: Storage) -> None:
    saver = Saver(storage)
    graph = make_chain(saver, 11)
    await graph.ainvoke({"items": [100]}, on_thread("t"))
    await saver.aprune(["t"])
    assert len(await rows_of(storage, "t")) == 1
    assert (await graph.aget_state(on_thread("t"))).values["items"] == [100, *range(11)]


async def test_a_copied_thread_rebuilds_its_delta_channels(storage: Storage) -> None:
    saver = Saver(storage)
    graph = make_chain(saver, 6, Deltas)
    await graph.ainvoke({"items": [1]}, on_thread("t"))
    await saver.acopy_thread("t", "copy")
    assert (await graph.aget_state(on_thread("copy"))).values["items"] == [1, *range(6)]
