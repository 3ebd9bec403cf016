"""LangGraph's RemoteGraph on this server."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from langgraph.pregel.remote import RemoteException, RemoteGraph
from langgraph.types import Command
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import LangGraphClient
from servers import Server


def on_thread() -> Any:
    return {"configurable": {"thread_id": str(uuid.uuid4())}}


async def test_a_remote_graph_is_invoked(client: LangGraphClient) -> None:
    graph = RemoteGraph("steps", client=client)
    values = await graph.ainvoke({"topic": "tea"})
    assert values == {"topic": "tea", "done": ["plan", "work", "review"]}


def test_a_remote_graph_is_invoked_without_async(server: Server) -> None:
    with get_sync_client(url=server.url) as client:
        assert RemoteGraph("echo", sync_client=client).invoke({"message": 1})["reply"] == 1


async def test_a_remote_graph_is_streamed_and_makes_its_thread(client: LangGraphClient) -> None:
    graph, config = RemoteGraph("steps", client=client), on_thread()
    parts = [part async for part in graph.astream({"topic": "t"}, config, stream_mode="updates")]
    assert parts == [{name: {"done": [name]}} for name in ("plan", "work", "review")]
    state: Any = await client.threads.get_state(config["configurable"]["thread_id"])
    assert state["values"]["done"] == ["plan", "work", "review"]


async def test_a_remote_graph_streams_tokens(client: LangGraphClient) -> None:
    graph = RemoteGraph("chat", client=client)
    given = {"messages": [{"role": "user", "content": "hi"}]}
    stream: Any = graph.astream(given, on_thread(), stream_mode="messages")
    texts = [message["content"] async for message, _ in stream]
    assert "".join(texts) == "You said: hi"


async def test_a_remote_graph_raises_what_the_graph_raised(client: LangGraphClient) -> None:
    with pytest.raises(RemoteException, match="no luck"):
        await RemoteGraph("failing", client=client).ainvoke({"message": "no luck"})


async def test_a_remote_graph_is_interrupted_and_resumed(client: LangGraphClient) -> None:
    graph, config = RemoteGraph("approval", client=client), on_thread()
    halted = await graph.ainvoke({"request": "x"}, config)
    assert halted["__interrupt__"][0]["value"]["question"] == "Send this?"
    values = await graph.ainvoke(Command(resume=True), config)
    assert values["result"] == "sent"
