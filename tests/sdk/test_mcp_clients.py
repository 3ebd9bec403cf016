"""Real MCP clients: the protocol's own, in both of its eras, and fastmcp's."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import fastmcp
import httpx
import mcp
import mcp_types
import pytest
from factories import until
from fastmcp.exceptions import ToolError
from servers import ROOT, Server

ERAS = {"legacy": "2025-11-25", "auto": "2026-07-28"}
FOREVER = {"steps": 200, "sleep_s": 0.1}


def url_of(server: Server) -> str:
    return f"{server.url}/mcp/"


async def busy(server: Server) -> list[Any]:
    body = {"metadata": {"created_by": "mcp"}, "status": "busy"}
    async with httpx.AsyncClient() as client:
        found: list[Any] = (await client.post(f"{server.url}/threads/search", json=body)).json()
        return found


@pytest.mark.parametrize("mode", ERAS)
async def test_the_protocols_own_client_lists_calls_and_reads(server: Server, mode: str) -> None:
    async with mcp.Client(url_of(server), mode=mode) as client:
        assert client.session.protocol_version == ERAS[mode]
        listed = await client.list_tools()
        assert {"chat", "echo", "graphstead_resume"} <= {tool.name for tool in listed.tools}
        echoed = await client.call_tool("echo", {"message": "hi"})
        assert echoed.structured_content == {"message": "hi", "reply": "hi"}
        said = await client.call_tool("chat", {"messages": "Good morning"})
        assert said.structured_content["messages"][-1]["content"] == "You said: Good morning"
        failed = await client.call_tool("failing", {"message": "no paper"})
        assert failed.is_error
        assert isinstance(failed.content[0], mcp_types.TextContent)
        assert failed.content[0].text == "ValueError: no paper"
        with pytest.raises(mcp.MCPError) as unknown:
            await client.call_tool("nope", {})
        assert unknown.value.error.code == mcp_types.INVALID_PARAMS
        resources = (await client.list_resources()).resources
        echo = next(one for one in resources if one.name == "echo schemas")
        (read,) = (await client.read_resource(echo.uri)).contents
        assert isinstance(read, mcp_types.TextResourceContents)
        assert json.loads(read.text)["graph_id"] == "echo"
        templates = await client.list_resource_templates()
        assert len(templates.resource_templates) == 2


@pytest.mark.parametrize("mode", ERAS)
async def test_progress_arrives_while_the_graph_runs(
    lab: Server, mode: str, tmp_path: Path
) -> None:
    arrived: list[str | None] = []
    gate = tmp_path / "gate"

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        """Let the graph go on: did it have to wait for the end, the first would never come."""
        arrived.append(message)
        gate.touch()

    async with mcp.Client(url_of(lab), mode=mode) as client:
        call = {"name": "a", "gate": str(gate)}
        result = await client.call_tool("tally", call, progress_callback=tell)
    assert result.structured_content["names"] == ["a"]
    assert arrived[-2:] == ['{"counting":"a"}', "count"]


@pytest.mark.parametrize("mode", ERAS)
async def test_a_call_that_the_client_gives_up_is_stopped(server: Server, mode: str) -> None:
    async with mcp.Client(url_of(server), mode=mode) as client:
        call = asyncio.create_task(client.call_tool("slow", FOREVER))
        await until(lambda: busy(server))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        async def stopped() -> bool:
            return not await busy(server)

        await until(stopped)
        assert (await client.call_tool("echo", {"message": 1})).structured_content["reply"] == 1


async def test_a_client_that_can_ask_its_user_answers_a_question_by_itself(
    server: Server,
) -> None:
    questions: list[str] = []

    async def ask(context: Any, params: Any) -> mcp_types.ElicitResult:
        questions.append(params.message)
        return mcp_types.ElicitResult(action="accept", content={"answer": "true"})

    async with mcp.Client(url_of(server), elicitation_callback=ask) as client:
        result = await client.call_tool("approval", {"request": "a letter"})
    assert result.structured_content["result"] == "sent"
    assert json.loads(questions[0])["question"] == "Send this?"


async def test_fastmcps_client_lists_calls_reads_and_resumes(server: Server) -> None:
    told: list[str | None] = []

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        told.append(message)

    async with fastmcp.Client(url_of(server)) as client:
        assert await client.ping() is True
        names = {tool.name for tool in await client.list_tools()}
        assert {"chat", "approval", "graphstead_validate_payload"} <= names
        steps = await client.call_tool("steps", {"topic": "tea"}, progress_handler=tell)
        assert steps.structured_content["done"] == ["plan", "work", "review"]
        assert told[1::2] == ["plan", "work", "review"]
        with pytest.raises(ToolError, match="ValueError: no paper"):
            await client.call_tool("failing", {"message": "no paper"})
        asked = await client.call_tool("approval", {"request": "a letter"})
        answer = {"thread_id": asked.meta["graphstead/thread_id"], "resume": False}
        done = await client.call_tool("graphstead_resume", answer)
        assert done.structured_content["result"] == "dropped"
        payload = {"operation": "POST /threads", "payload": {"metadata": []}}
        judged = await client.call_tool("graphstead_validate_payload", payload)
        assert judged.structured_content["errors"][0]["loc"] == "body.metadata"
        resources = await client.list_resources()
        (read,) = await client.read_resource(resources[0].uri)
        assert "input_schema" in json.loads(read.text)


def test_the_example_client_runs_as_it_is(server: Server) -> None:
    script = ROOT / "examples" / "clients" / "mcp_client.py"
    done = subprocess.run(
        [sys.executable, str(script), server.url], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "chat: You said: Good morning" in done.stdout
    assert "progress: review" in done.stdout
    assert done.stdout.endswith("question: Send this?\nresult: sent\n")
