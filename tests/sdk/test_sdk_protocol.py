"""`client.threads.stream()` of the Python SDK: every projection, over both transports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest
from factories import until
from langgraph_sdk import get_client
from servers import Server

Transport = Literal["sse", "websocket"]
HELLO = {"messages": [{"role": "user", "content": "hello there"}]}
BOTH = pytest.mark.parametrize("transport", ["sse", "websocket"])


@asynccontextmanager
async def thread_of(server: Server, graph: str, transport: Transport) -> AsyncIterator[Any]:
    async with (
        get_client(url=server.url) as client,
        client.threads.stream(assistant_id=graph, transport=transport) as thread,
    ):
        yield thread


async def listed(stream: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in stream]


def reading(*streams: Any) -> list[asyncio.Task[list[Any]]]:
    """Read the streams in the background; the SDK subscribes once the run has been started."""
    return [asyncio.create_task(listed(stream)) for stream in streams]


@BOTH
async def test_messages_values_and_output_are_projected(
    server: Server, transport: Transport
) -> None:
    async with thread_of(server, "chat", transport) as thread:
        messages, values = reading(thread.messages, thread.values)
        await thread.run.start(input=HELLO)
        [message] = await messages
        assert [token async for token in message.text] == ["You ", "said: ", "hello ", "there"]
        output = await thread.output
        assert output["messages"][-1]["id"] == message.message_id
        assert (await values)[-1]["messages"][-1]["id"] == message.message_id


@BOTH
async def test_a_thread_goes_on_with_another_run(server: Server, transport: Transport) -> None:
    async with thread_of(server, "chat", transport) as thread:
        seen = []
        for _ in range(2):
            [messages] = reading(thread.messages)
            await thread.run.start(input=HELLO)
            seen += [message.message_id for message in await messages]
        assert len(set(seen)) == len(seen) == 2


@BOTH
async def test_tool_calls_are_projected(server: Server, transport: Transport) -> None:
    async with thread_of(server, "tools", transport) as thread:
        [calls] = reading(thread.tool_calls)
        await thread.run.start(input=HELLO)
        [call] = await calls
        assert (call.name, call.input) == ("count_letters", {"text": "hello there"})
        assert (await call.output)["content"] == "10"


@BOTH
async def test_a_question_shows_its_value_and_is_answered(
    server: Server, transport: Transport
) -> None:
    async with thread_of(server, "approval", transport) as thread:
        await thread.run.start(input={"request": "mail"})
        await until(lambda: _true(thread.interrupted))
        [asked] = thread.interrupts
        assert asked["value"] == {"question": "Send this?", "draft": "Draft for: mail"}
        await thread.run.respond(True)
        assert (await thread.output)["result"] == "sent"


async def _true(value: bool) -> bool:
    return value


@BOTH
async def test_the_question_of_a_subgraph_is_answered_in_its_place(
    server: Server, transport: Transport
) -> None:
    async with thread_of(server, "nested", transport) as thread:
        await thread.run.start(input={"trail": []})
        await until(lambda: _true(thread.interrupted))
        [asked] = thread.interrupts
        assert (asked["value"], asked["namespace"][0].split(":")[0]) == ("Which way?", "inner")
        await thread.run.respond("left")
        assert (await thread.output)["answer"] == "left"


@BOTH
async def test_subgraphs_are_found_with_how_they_ended(stage: Server, transport: Transport) -> None:
    async with thread_of(stage, "team", transport) as thread:
        [found] = reading(thread.subgraphs)
        await thread.run.start(input=HELLO)
        [group] = await found
        assert (group.graph_name, group.status) == ("group", "completed")


@BOTH
async def test_a_failure_is_raised(server: Server, transport: Transport) -> None:
    async with thread_of(server, "failing", transport) as thread:
        await thread.run.start(input={"message": "no luck"})
        with pytest.raises(RuntimeError, match="no luck"):
            await thread.output


@BOTH
async def test_the_graphs_own_stream_is_an_extension(stage: Server, transport: Transport) -> None:
    async with thread_of(stage, "agent", transport) as thread:
        [steps] = reading(thread.extensions["steps"])
        await thread.run.start(input=HELLO)
        assert [one["payload"]["count"] for one in await steps] == [1, 2, 3, 4]


async def test_a_refused_command_is_raised_with_its_code(server: Server) -> None:
    async with thread_of(server, "chat", "sse") as thread:
        with pytest.raises(RuntimeError, match=r"\[invalid_argument\].*config"):
            await thread.run.start(input=HELLO, config=5)
