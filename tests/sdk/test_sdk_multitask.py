"""Two runs on one thread, through the Python SDK: refuse or queue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from factories import collect, ended, new_thread, until, values_of
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import ConflictError, NotFoundError

LONG = {"steps": 600, "sleep_s": 0.1}


async def add(
    client: LangGraphClient, thread_id: str, name: str, gate: Path | None = None, **fields: Any
) -> Any:
    given = {"name": name} | ({"gate": str(gate)} if gate else {})
    return await client.runs.create(thread_id, "tally", input=given, **fields)


async def test_reject_refuses_a_run_on_a_busy_thread(
    lab_client: LangGraphClient, tmp_path: Path
) -> None:
    thread_id, gate = await new_thread(lab_client), tmp_path / "gate"
    first = await add(lab_client, thread_id, "a", gate)
    with pytest.raises(ConflictError):
        await add(lab_client, thread_id, "b", multitask_strategy="reject")
    gate.touch()
    assert await ended(lab_client, first) == "success"
    assert (await values_of(lab_client, thread_id))["names"] == ["a"]


async def test_reject_also_refuses_to_wait_and_to_stream(
    lab_client: LangGraphClient, tmp_path: Path
) -> None:
    thread_id, gate = await new_thread(lab_client), tmp_path / "gate"
    await add(lab_client, thread_id, "a", gate)
    body: Any = {"input": {"name": "b"}, "multitask_strategy": "reject"}
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        await lab_client.runs.wait(thread_id, "tally", **body)
    with pytest.raises(ConflictError):
        await collect(lab_client.runs.stream(thread_id, "tally", **body))
    gate.touch()


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


async def test_runs_of_different_threads_go_side_by_side(
    lab_client: LangGraphClient, tmp_path: Path
) -> None:
    threads, gate = [await new_thread(lab_client) for _ in range(8)], tmp_path / "gate"
    runs = [await add(lab_client, thread_id, "a", gate) for thread_id in threads]
    for run in runs:
        await until(lambda run=run: is_running(lab_client, run))  # type: ignore[misc]
    gate.touch()
    assert {await ended(lab_client, run) for run in runs} == {"success"}


async def test_interrupt_stops_the_running_run_and_starts_the_new_one(
    client: LangGraphClient, thread_id: str
) -> None:
    first = await client.runs.create(thread_id, "slow", input=LONG)
    await until(lambda: is_running(client, first))
    second = await client.runs.create(
        thread_id, "echo", input={"message": 2}, multitask_strategy="interrupt"
    )
    assert (await ended(client, first), await ended(client, second)) == ("interrupted", "success")
    assert (await client.threads.get(thread_id))["status"] == "idle"


async def test_interrupt_also_ends_runs_that_wait(client: LangGraphClient, thread_id: str) -> None:
    queue = [await client.runs.create(thread_id, "slow", input=LONG) for _ in range(3)]
    last = await client.runs.create(
        thread_id, "echo", input={"message": 2}, multitask_strategy="interrupt"
    )
    assert {await ended(client, run) for run in queue} == {"interrupted"}
    assert await ended(client, last) == "success"


async def test_rollback_leaves_no_trace_of_the_running_run(
    client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "echo", input={"message": 1})
    first = await client.runs.create(thread_id, "slow", input=LONG)
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
