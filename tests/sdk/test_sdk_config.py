"""What a node is told of config, context and metadata, through the Python SDK."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from factories import ended, new_thread, values_of
from langgraph_sdk.client import LangGraphClient
from servers import Server

FORCED = ("run_id", "thread_id", "graph_id", "assistant_id")


async def told(client: LangGraphClient, **fields: Any) -> Any:
    return await client.runs.wait(None, "reflect", input={}, **fields)


async def test_context_reaches_the_graph_and_is_mirrored_into_configurable(
    lab_client: LangGraphClient,
) -> None:
    heard = await told(lab_client, context={"tone": "warm"})
    assert heard["context"] == {"tone": "warm", "length": 1}
    assert heard["options"]["tone"] == "warm"


async def test_keys_that_the_context_schema_lacks_are_dropped(lab_client: LangGraphClient) -> None:
    heard = await told(lab_client, context={"tone": "warm", "junk": 1})
    assert heard["context"] == {"tone": "warm", "length": 1}


async def test_configurable_alone_becomes_the_context(lab_client: LangGraphClient) -> None:
    heard = await told(lab_client, config={"configurable": {"tone": "cold", "extra": 2}})
    assert heard["context"] == {"tone": "cold", "length": 1}
    assert (heard["options"]["tone"], heard["options"]["extra"]) == ("cold", 2)


async def test_context_and_configurable_together_are_refused(lab_client: LangGraphClient) -> None:
    with pytest.raises(httpx.HTTPStatusError) as caught:
        config = {"configurable": {"tone": "cold"}}
        await told(lab_client, config=config, context={"tone": "warm"})
    assert caught.value.response.status_code == 400
    assert "context" in caught.value.response.json()["detail"]


async def test_tags_and_recursion_limit_reach_the_graph(lab_client: LangGraphClient) -> None:
    heard = await told(lab_client, config={"tags": ["t1", "t2"], "recursion_limit": 7})
    assert (heard["tags"], heard["recursion_limit"]) == (["t1", "t2"], 7)


async def test_metadata_of_run_and_config_are_merged(lab_client: LangGraphClient) -> None:
    config = {"metadata": {"a": 1, "b": 1}}
    about = (await told(lab_client, config=config, metadata={"b": 2, "c": 3}))["about"]
    assert (about["a"], about["b"], about["c"]) == (1, 2, 3)
    assert (about["graph_id"], about["created_by"]) == ("reflect", "system")
    assert about["run_attempt"] == 1


async def test_identifying_keys_cannot_be_overwritten(lab_client: LangGraphClient) -> None:
    lies = dict.fromkeys(FORCED, "lie")
    heard = await told(lab_client, config={"configurable": lies}, metadata=lies)
    assert "lie" not in [heard["options"][key] for key in FORCED]
    assert "lie" not in [heard["about"][key] for key in ("run_id", "thread_id", "assistant_id")]
    assert heard["options"]["graph_id"] == "reflect"


async def test_a_recursion_limit_ends_the_run_with_an_error(client: LangGraphClient) -> None:
    answer: Any = await client.runs.wait(
        None,
        "slow",
        input={"steps": 50, "sleep_s": 0},
        config={"recursion_limit": 5},
        raise_error=False,
    )
    assert answer["__error__"]["error"] == "GraphRecursionError"


async def test_the_metadata_of_a_thread_reaches_its_runs(lab_client: LangGraphClient) -> None:
    thread_id = await new_thread(lab_client, metadata={"owner": "ann"})
    heard: Any = await lab_client.runs.wait(thread_id, "reflect", input={})
    assert heard["about"]["owner"] == "ann"
    assert heard["options"]["thread_id"] == thread_id


@pytest.mark.parametrize(
    ("fields", "checkpoints"),
    [
        ({"durability": "sync"}, 5),
        ({"durability": "async"}, 5),
        ({"durability": "exit"}, 1),
        ({"checkpoint_during": False}, 1),
        ({}, 5),
    ],
)
async def test_durability_decides_how_many_checkpoints_are_kept(
    client: LangGraphClient, thread_id: str, server: Server, fields: Any, checkpoints: int
) -> None:
    body = {"assistant_id": "steps", "input": {"topic": "tea"}, **fields}
    run = await client.http.post(f"/threads/{thread_id}/runs", json=body)
    assert await ended(client, run) == "success"
    assert count_checkpoints(server, thread_id) == checkpoints
    assert len((await values_of(client, thread_id))["done"]) == 3


def count_checkpoints(server: Server, thread_id: str) -> int:
    query = "select count(*) from checkpoints where thread_id = ?"
    return int(server.rows(query, thread_id)[0][0])


async def test_a_run_can_start_from_an_older_checkpoint(
    client: LangGraphClient, thread_id: str
) -> None:
    stream = client.runs.stream(thread_id, "steps", input={"topic": "a"}, stream_mode="checkpoints")
    ids = [
        part.data["config"]["configurable"]["checkpoint_id"]
        async for part in stream
        if part.event == "checkpoints"
    ]
    values: Any = await client.runs.wait(thread_id, "steps", input=None, checkpoint_id=ids[2])
    assert values == {"topic": "a", "done": ["plan", "work", "review"]}
    fork: Any = {"checkpoint_id": ids[2]}
    forked: Any = await client.runs.wait(thread_id, "steps", input={"topic": "b"}, checkpoint=fork)
    assert forked == {"topic": "b", "done": ["plan", "plan", "work", "review"]}
