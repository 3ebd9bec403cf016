"""The SDKs work through an enforcing gateway as they do without one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from factories import collect, names, new_thread, until
from gateway.gateways import Gateway
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from sdk.test_js_sdk import JS, node
from servers import Server

__all__ = ["node"]
HI: Any = {"messages": [{"role": "user", "content": "hello there"}]}


@pytest.fixture
async def client(front: Gateway) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=front.url) as made:
        yield made


async def test_runs_threads_and_streams_pass(client: LangGraphClient) -> None:
    thread_id = await new_thread(client)
    state = await client.runs.wait(thread_id, "echo", input={"message": "one"})
    assert state == {"message": "one", "reply": "one"}
    stream = client.runs.stream(thread_id, "chat", input=HI, stream_mode=["messages-tuple"])
    assert set(names(await collect(stream))) == {"metadata", "messages"}
    batch: Any = [{"assistant_id": "echo", "input": {"message": str(n)}} for n in range(3)]
    assert len(await client.runs.create_batch(batch)) == 3
    history = await client.threads.get_history(thread_id)
    assert "messages" in history[0]["values"]


@pytest.mark.parametrize("transport", ["sse", "websocket"])
async def test_the_event_protocol_passes_over_both_transports(
    client: LangGraphClient, transport: Any
) -> None:
    async with client.threads.stream(assistant_id="chat", transport=transport) as thread:
        await thread.run.start(input=HI)
        output = await thread.output
    assert "You said: hello there" in str(output["messages"][-1]["content"])


async def test_a_run_is_cancelled_when_its_client_leaves(client: LangGraphClient) -> None:
    thread_id = await new_thread(client)
    stream = client.runs.stream(
        thread_id, "slow", input={"steps": 600, "seconds": 0.1}, on_disconnect="cancel"
    )
    async for _ in stream:
        break
    await stream.aclose()  # type: ignore[attr-defined]

    async def cancelled() -> bool:
        runs = await client.runs.list(thread_id)
        return [run["status"] for run in runs] == ["interrupted"]

    assert await until(cancelled, 40)


def test_the_javascript_sdk_passes(node: str, front: Gateway) -> None:
    command = [node, "--experimental-websocket", "--test", "--test-reporter=spec"]
    done = subprocess.run(
        [*command, "streams.test.mjs"],
        cwd=JS,
        env={**os.environ, "GRAPHSTEAD_URL": front.url},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_our_own_server_keeps_its_contract(front: Gateway, server: Server) -> None:
    for path in ("/info", "/ok", "/openapi.json", "/docs", "/metrics", "/assistants/nope"):
        assert front.get(path).status_code == server.get(path).status_code
    found = front.findings("upstream")
    assert not found, found
    assert Path(front.log_path).exists()
