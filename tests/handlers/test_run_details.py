"""Details of runs that a comparison with the reference brought up (measured on 0.16.7)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from factories import new_thread, until
from langgraph_sdk import get_client
from servers import Server

ENDLESS: Any = {"steps": 600, "sleep_s": 0.1}


async def test_a_cancelled_run_is_joined_with_the_values_it_came_to(server: Server) -> None:
    async with get_client(url=server.url) as client:
        thread_id = await new_thread(client)
        run = await client.runs.create(thread_id, "slow", input=ENDLESS)

        async def begun() -> bool:
            return bool((await client.threads.get_state(thread_id))["values"])

        await until(begun)
        await client.runs.cancel(thread_id, run["run_id"], wait=True)
        output: Any = await client.runs.join(thread_id, run["run_id"])
        assert output["steps"] == 600
        thread: Any = await client.threads.get(thread_id)
        assert thread["error"]["error"] == "UserInterrupt"


async def test_who_waits_for_a_pending_run_gets_an_object_when_it_is_cancelled(
    server: Server,
) -> None:
    async with get_client(url=server.url) as client:
        thread_id = await new_thread(client)
        first = await client.runs.create(thread_id, "slow", input=ENDLESS)
        waiting = asyncio.create_task(client.runs.wait(thread_id, "echo", input={}))

        async def pending() -> Any:
            found = await client.runs.list(thread_id, status="pending")
            # The first waits as well until a worker has heard of it.
            return [one for one in found if one["run_id"] != first["run_id"]]

        behind = (await until(pending))[0]
        await client.runs.cancel(thread_id, behind["run_id"])
        assert isinstance(await waiting, dict)
        assert isinstance(await client.runs.join(thread_id, behind["run_id"]), dict)
        await client.runs.cancel(thread_id, first["run_id"])


@pytest.mark.parametrize("after", [0, 0.01])
async def test_the_delay_is_told_as_it_was_asked_for(server: Server, after: float) -> None:
    body = {"assistant_id": "echo", "after_seconds": after}
    made = server.post("/runs", body).json()
    told = made["kwargs"]["config"]["configurable"]["__after_seconds__"]
    assert (told, type(told)) == (after, type(after))


async def test_a_thread_remembers_the_config_of_its_run(server: Server) -> None:
    thread_id = server.post("/threads", {}).json()["thread_id"]
    config = {"tags": ["t"], "metadata": {"b": 2}, "configurable": {"q": 1}}
    body = {"assistant_id": "echo", "input": {}, "config": config}
    server.post(f"/threads/{thread_id}/runs/wait", body)
    kept = server.get(f"/threads/{thread_id}").json()["config"]
    assert kept == {"tags": ["t"], "metadata": {"b": 2}, "configurable": {}}


async def test_debug_names_the_place_of_a_subgraph_as_states_do(server: Server) -> None:
    async with get_client(url=server.url) as client:
        thread_id = await new_thread(client)
        stream = client.runs.stream(thread_id, "nested", input={}, stream_mode="debug")
        parts: list[Any] = [part.data async for part in stream if part.event == "debug"]
    tasks = [
        task
        for part in parts
        if part["type"] == "checkpoint"
        for task in part["payload"]["tasks"]
        if task["name"] == "inner"
    ]
    assert tasks
    for task in tasks:
        assert "state" not in task
        assert task["checkpoint"]["checkpoint_ns"].startswith("inner:")
