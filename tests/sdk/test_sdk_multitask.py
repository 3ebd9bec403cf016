"""Two runs on one thread, through the Python SDK: refuse or queue."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from factories import collect, ended, new_thread, until, values_of
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import ConflictError, NotFoundError


async def add(client: LangGraphClient, thread_id: str, name: str, **fields: Any) -> Any:
    given = {"name": name, "sleep_s": fields.pop("sleep_s", 0.05)}
    return await client.runs.create(thread_id, "tally", input=given, **fields)


async def test_reject_refuses_a_run_on_a_busy_thread(lab_client: LangGraphClient) -> None:
    thread_id = await new_thread(lab_client)
    first = await add(lab_client, thread_id, "a", sleep_s=0.4)
    with pytest.raises(ConflictError):
        await add(lab_client, thread_id, "b", multitask_strategy="reject")
    assert await ended(lab_client, first) == "success"
    assert (await values_of(lab_client, thread_id))["names"] == ["a"]


async def test_reject_also_refuses_to_wait_and_to_stream(lab_client: LangGraphClient) -> None:
    thread_id = await new_thread(lab_client)
    await add(lab_client, thread_id, "a", sleep_s=0.4)
    body: Any = {"input": {"name": "b"}, "multitask_strategy": "reject"}
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        await lab_client.runs.wait(thread_id, "tally", **body)
    with pytest.raises(ConflictError):
        await collect(lab_client.runs.stream(thread_id, "tally", **body))


async def test_reject_takes_a_run_on_an_idle_thread(lab_client: LangGraphClient) -> None:
    thread_id = await new_thread(lab_client)
    for name in ("a", "b"):
        run = await add(lab_client, thread_id, name, multitask_strategy="reject")
        assert await ended(lab_client, run) == "success"
    assert (await values_of(lab_client, thread_id))["names"] == ["a", "b"]


async def test_runs_of_a_thread_queue_in_the_order_of_their_creation(
    lab_client: LangGraphClient,
) -> None:
    thread_id = await new_thread(lab_client)
    wanted = [f"run-{n}" for n in range(12)]
    runs = [await add(lab_client, thread_id, name) for name in wanted]
    assert {await ended(lab_client, run) for run in runs} == {"success"}
    assert (await values_of(lab_client, thread_id))["names"] == wanted


async def test_a_failed_run_lets_the_next_one_start(
    client: LangGraphClient, thread_id: str
) -> None:
    first = await client.runs.create(thread_id, "failing", input={})
    second = await client.runs.create(thread_id, "echo", input={"message": 2})
    assert (await ended(client, first), await ended(client, second)) == ("error", "success")


async def test_runs_of_different_threads_go_side_by_side(lab_client: LangGraphClient) -> None:
    threads = [await new_thread(lab_client) for _ in range(8)]
    began = asyncio.get_running_loop().time()
    runs = [await add(lab_client, thread_id, "a", sleep_s=0.5) for thread_id in threads]
    assert {await ended(lab_client, run) for run in runs} == {"success"}
    assert asyncio.get_running_loop().time() - began < 3


async def test_interrupt_stops_the_running_run_and_starts_the_new_one(
    client: LangGraphClient, thread_id: str
) -> None:
    first = await client.runs.create(thread_id, "slow", input={"steps": 90, "sleep_s": 0.1})
    await until(lambda: is_running(client, first))
    second = await client.runs.create(
        thread_id, "echo", input={"message": 2}, multitask_strategy="interrupt"
    )
    assert (await ended(client, first), await ended(client, second)) == ("interrupted", "success")
    assert (await client.threads.get(thread_id))["status"] == "idle"


async def test_interrupt_also_ends_runs_that_wait(client: LangGraphClient, thread_id: str) -> None:
    slow = {"steps": 90, "sleep_s": 0.1}
    queue = [await client.runs.create(thread_id, "slow", input=slow) for _ in range(3)]
    last = await client.runs.create(
        thread_id, "echo", input={"message": 2}, multitask_strategy="interrupt"
    )
    assert {await ended(client, run) for run in queue} == {"interrupted"}
    assert await ended(client, last) == "success"


async def test_rollback_leaves_no_trace_of_the_running_run(
    client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "echo", input={"message": 1})
    first = await client.runs.create(thread_id, "slow", input={"steps": 90, "sleep_s": 0.1})
    await until(lambda: is_running(client, first))
    second = await client.runs.create(
        thread_id, "echo", input={"message": 2}, multitask_strategy="rollback"
    )
    assert await ended(client, second) == "success"
    with pytest.raises(NotFoundError):
        await client.runs.get(thread_id, first["run_id"])
    assert await values_of(client, thread_id) == {"message": 2, "reply": 2}


async def is_running(client: LangGraphClient, run: Any) -> bool:
    return (await client.runs.get(run["thread_id"], run["run_id"]))["status"] == "running"
