"""RemoteGraph reads and writes the states of threads here."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any, Protocol

import pytest
from factories import until
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.pregel.remote import RemoteGraph
from langgraph.types import Command
from langgraph_sdk import get_client, get_sync_client
from servers import Server
from typing_extensions import TypedDict


def on_thread(**more: Any) -> Any:
    return {"configurable": {"thread_id": str(uuid.uuid4()), **more}}


class Connect(Protocol):
    def __call__(self, graph_id: str, name: str | None = None) -> RemoteGraph: ...


@pytest.fixture
async def connect(server: Server) -> AsyncIterator[Connect]:
    """Make remote graphs whose connections are closed in the end."""
    async with get_client(url=server.url) as client:
        with get_sync_client(url=server.url) as sync_client:
            yield lambda graph_id, name=None: RemoteGraph(
                graph_id, client=client, sync_client=sync_client, name=name
            )


@pytest.fixture
def steps(connect: Connect) -> RemoteGraph:
    return connect("steps")


async def test_the_history_of_a_remote_graph_is_listed(steps: RemoteGraph) -> None:
    config = on_thread()
    await steps.ainvoke({"topic": "tea"}, config)
    history = [state async for state in steps.aget_state_history(config)]
    assert [(state.metadata or {})["step"] for state in history] == [3, 2, 1, 0, -1]
    assert history[0].values["done"] == ["plan", "work", "review"]
    assert history[0].parent_config is not None
    some = steps.aget_state_history(config, limit=2, filter={"source": "loop"})
    assert [state.next async for state in some] == [(), ("review",)]
    older = steps.aget_state_history(config, before=history[2].config, limit=10)
    assert [state.next async for state in older] == [state.next for state in history[3:]]


def test_the_history_of_a_remote_graph_is_listed_without_async(steps: RemoteGraph) -> None:
    config = on_thread()
    steps.invoke({"topic": "tea"}, config)
    assert len(list(steps.get_state_history(config))) == 5
    assert steps.get_state(config).values["topic"] == "tea"


async def test_a_remote_graph_is_read_at_an_older_checkpoint(steps: RemoteGraph) -> None:
    config = on_thread()
    await steps.ainvoke({"topic": "tea"}, config)
    past = [state async for state in steps.aget_state_history(config)][2]
    again = await steps.aget_state(past.config)
    assert (again.values, again.next) == (past.values, past.next)
    assert again.tasks[0].name == "work"


async def test_a_remote_graph_is_updated_and_goes_on(steps: RemoteGraph) -> None:
    config = on_thread()
    await steps.ainvoke({"topic": "tea"}, config)
    written = await steps.aupdate_state(config, {"topic": "milk"}, as_node="work")
    state = await steps.aget_state(config)
    assert (
        state.config["configurable"]["checkpoint_id"] == (written["configurable"]["checkpoint_id"])
    )
    assert (state.values["topic"], state.next) == ("milk", ("review",))
    values = await steps.ainvoke(None, config)
    assert values["done"] == ["plan", "work", "review", "review"]


async def test_a_remote_graph_is_forked_from_an_older_checkpoint(steps: RemoteGraph) -> None:
    config = on_thread()
    await steps.ainvoke({"topic": "tea"}, config)
    past = [state async for state in steps.aget_state_history(config)][2]
    forked = await steps.aupdate_state(past.config, {"topic": "milk"})
    parts = [part async for part in steps.astream(None, forked, stream_mode="updates")]
    assert parts == [{name: {"done": [name]}} for name in ("work", "review")]
    assert (await steps.aget_state(config)).values["topic"] == "milk"


async def test_the_question_of_a_remote_subgraph_is_seen_and_answered(connect: Connect) -> None:
    graph, config = connect("nested"), on_thread()
    await graph.ainvoke({}, config)
    state = await graph.aget_state(config, subgraphs=True)
    inner: Any = state.tasks[0].state
    assert (inner.values, inner.next) == ({"question": "Which way?"}, ("ask",))
    assert state.tasks[0].interrupts[0].value == "Which way?"
    values = await graph.ainvoke(Command(resume="left"), config)
    assert values["answer"] == "left"


class Outer(TypedDict, total=False):
    request: str


async def test_a_remote_graph_is_a_node_of_a_local_one(connect: Connect) -> None:
    builder = StateGraph(Outer)
    builder.add_node("remote", connect("approval", name="approval"))
    builder.add_edge(START, "remote")
    local: Any = builder.compile(checkpointer=InMemorySaver())
    config = on_thread()
    stream = local.astream({"request": "x"}, config, stream_mode="updates", subgraphs=True)
    parts = [part async for part in stream]
    assert [list(update) for namespace, update in parts if namespace] == [
        ["draft"],
        ["__interrupt__"],
    ]

    async def at_rest() -> Any:
        # The question is heard before the remote run has stored its last step.
        [task] = (await local.aget_state(config, subgraphs=True)).tasks
        return task if "draft" in task.state.values else None

    task = await until(at_rest)
    assert task.interrupts[0].value["question"] == "Send this?"
    assert (task.state.values["draft"], task.state.next) == ("Draft for: x", ("approve",))
