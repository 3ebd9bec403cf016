"""`POST /runs/batch` through the Python SDK: order, size, all or nothing."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest
from factories import echo_item, ended, until
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import NotFoundError
from servers import Server


def count_runs(server: Server, mark: str) -> int:
    query = "select count(*) from runs where metadata like ?"
    return int(server.rows(query, f"%{mark}%")[0][0])


async def test_a_batch_answers_in_the_order_of_its_items(client: LangGraphClient) -> None:
    items: Any = [echo_item(n, metadata={"n": n}, on_completion="keep") for n in range(20)]
    runs: Any = await client.runs.create_batch(items)
    assert [run["metadata"]["n"] for run in runs] == list(range(20))
    assert len({run["run_id"] for run in runs}) == 20
    assert {await ended(client, run) for run in runs} == {"success"}
    threads: Any = [await client.threads.get(run["thread_id"]) for run in runs]
    assert [thread["values"]["reply"] for thread in threads] == list(range(20))


@pytest.mark.timeout(300)
async def test_a_batch_of_a_thousand_is_taken_and_worked_off(
    client: LangGraphClient, server: Server
) -> None:
    mark = str(uuid.uuid4())
    items: Any = [echo_item(n, metadata={"mark": mark}) for n in range(1_000)]
    runs = await client.runs.create_batch(items)
    assert len({run["run_id"] for run in runs}) == 1_000

    async def drained() -> bool:
        return count_runs(server, mark) == 0

    assert await until(drained, 240)


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        ({"assistant_id": "no_such_graph"}, 422),
        ({"assistant_id": "0190d2c7-0000-7000-8000-000000000001"}, 404),
        (echo_item(1, stream_mode="junk"), 422),
        (echo_item(1, command={"resume": True}), 400),
        ({"input": {}}, 422),
    ],
)
async def test_one_bad_item_refuses_the_batch_and_stores_nothing(
    client: LangGraphClient, server: Server, bad: Any, status: int
) -> None:
    mark = str(uuid.uuid4())
    kept: Any = {"metadata": {"mark": mark}, "on_completion": "keep"}
    with pytest.raises(httpx.HTTPStatusError) as caught:
        items: Any = [echo_item(0, **kept), echo_item(1, **kept), bad, echo_item(3, **kept)]
        await client.runs.create_batch(items)
    assert caught.value.response.status_code == status
    assert "[2]" in caught.value.response.json()["detail"]
    assert count_runs(server, mark) == 0


async def test_batch_items_with_their_own_assistants_each_run_theirs(
    client: LangGraphClient,
) -> None:
    items: Any = [
        echo_item("hi", on_completion="keep"),
        {"assistant_id": "steps", "input": {"topic": "t"}, "on_completion": "keep"},
        {"assistant_id": "failing", "input": {}, "on_completion": "keep"},
    ]
    runs = await client.runs.create_batch(items)
    assert [await ended(client, run) for run in runs] == ["success", "success", "error"]


async def test_a_stateless_batch_cleans_up_after_itself(client: LangGraphClient) -> None:
    items: Any = [echo_item(n) for n in range(3)]
    for run in await client.runs.create_batch(items):
        output: Any = await client.runs.join(run["thread_id"], run["run_id"])
        assert output["reply"] in (0, 1, 2)
        with pytest.raises(NotFoundError):
            await client.threads.get(run["thread_id"])


async def test_an_empty_batch_is_refused(client: LangGraphClient) -> None:
    with pytest.raises(httpx.HTTPStatusError) as caught:
        await client.runs.create_batch([])
    assert caught.value.response.status_code == 422
