"""Assistants over the SDK: settings, versions, graphs and schemas."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import BadRequestError, ConflictError, NotFoundError
from servers import Server


@pytest.fixture
async def client(server: Server) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=server.url) as one:
        yield one


async def create(client: LangGraphClient, **more: Any) -> Any:
    return await client.assistants.create("steps", metadata={"made_for": "test"}, **more)


async def test_an_assistant_begins_at_version_one_with_defaults(client: LangGraphClient) -> None:
    made = await create(client)
    assert (made["version"], made["name"], made["description"]) == (1, "Untitled", None)
    assert (made["config"], made["context"]) == ({}, {})
    assert await client.assistants.get(made["assistant_id"]) == made


async def test_context_and_configurable_mirror_each_other(client: LangGraphClient) -> None:
    by_context = await create(client, context={"tone": "dry"})
    assert by_context["config"] == {"configurable": {"tone": "dry"}}
    by_config = await create(client, config={"tags": ["t"], "configurable": {"tone": "dry"}})
    assert by_config["context"] == {"tone": "dry"}
    with pytest.raises(BadRequestError, match="both"):
        await create(client, context={"a": 1}, config={"configurable": {"b": 1}})


async def test_a_taken_id_conflicts_or_returns_what_is_there(client: LangGraphClient) -> None:
    assistant_id = str(uuid.uuid4())
    first = await create(client, assistant_id=assistant_id, name="first")
    with pytest.raises(ConflictError, match="already exists"):
        await create(client, assistant_id=assistant_id)
    again = await client.assistants.create(
        "echo", assistant_id=assistant_id, if_exists="do_nothing"
    )
    assert again == first


async def test_an_unknown_graph_is_named_with_those_there_are(client: LangGraphClient) -> None:
    with pytest.raises(NotFoundError, match=r"'nope' not found\. Expected one of: .*'echo'"):
        await client.assistants.create("nope")
    with pytest.raises(NotFoundError, match="'nope' not found"):
        await client.assistants.count(graph_id="nope")


async def test_every_patch_is_a_new_version(client: LangGraphClient) -> None:
    made = await create(client, config={"tags": ["old"]}, name="one")
    assistant_id = made["assistant_id"]
    changed = await client.assistants.update(
        assistant_id, config={"configurable": {"a": 1}}, metadata={"more": True}
    )
    assert changed["version"] == 2
    assert changed["config"] == {"configurable": {"a": 1}}
    assert changed["metadata"] == {"made_for": "test", "more": True}
    assert changed["name"] == "one"
    assert (await client.assistants.update(assistant_id))["version"] == 3


async def test_an_older_version_can_be_made_the_latest(client: LangGraphClient) -> None:
    made = await create(client, name="one", context={"a": 1})
    assistant_id = made["assistant_id"]
    await client.assistants.update(assistant_id, name="two", graph_id="echo", context={"b": 2})
    back = await client.assistants.set_latest(assistant_id, 1)
    assert (back["version"], back["name"], back["graph_id"]) == (1, "one", "steps")
    assert back["context"] == {"a": 1}
    versions = await client.assistants.get_versions(assistant_id)
    assert [(row["version"], row["name"]) for row in versions] == [(2, "two"), (1, "one")]
    assert "updated_at" not in versions[0]
    assert (await client.assistants.update(assistant_id, name="three"))["version"] == 3
    with pytest.raises(NotFoundError, match="no version 9"):
        await client.assistants.set_latest(assistant_id, 9)


async def test_a_page_of_versions_with_nothing_on_it_is_missing(client: LangGraphClient) -> None:
    with pytest.raises(NotFoundError):
        await client.assistants.get_versions(str(uuid.uuid4()))


async def test_a_run_uses_the_settings_of_its_assistant(client: LangGraphClient) -> None:
    made = await create(client, context={"tone": "dry"}, config={"tags": ["mine"]})
    run: Any = await client.runs.create(None, made["assistant_id"], input={})
    kwargs = run["kwargs"]
    assert kwargs["context"] == {"tone": "dry"}
    assert kwargs["config"]["tags"] == ["mine"]
    assert run["metadata"]["made_for"] == "test"


async def test_deleting_takes_versions_and_on_request_threads(client: LangGraphClient) -> None:
    made = await create(client)
    assistant_id = made["assistant_id"]
    thread = await client.threads.create()
    await client.runs.wait(thread["thread_id"], assistant_id, input={"topic": "x"})
    await client.assistants.delete(assistant_id, delete_threads=True)
    with pytest.raises(NotFoundError):
        await client.assistants.get(assistant_id)
    with pytest.raises(NotFoundError):
        await client.threads.get(thread["thread_id"])
    with pytest.raises(NotFoundError):
        await client.assistants.delete(assistant_id)


async def test_deleting_interrupts_a_queue_of_any_length(client: LangGraphClient) -> None:
    made = await create(client)
    others = await client.runs.create(
        None, "steps", input={}, after_seconds=600, on_completion="keep"
    )
    later = {"assistant_id": made["assistant_id"], "input": {}, "after_seconds": 600}
    queue: list[Any] = [{**later, "on_completion": "keep"}] * 501
    batch: Any = await client.runs.create_batch(queue)
    await client.assistants.delete(made["assistant_id"])
    ends = {(await client.runs.get(run["thread_id"], run["run_id"]))["status"] for run in batch}
    assert ends == {"interrupted"}
    assert (await client.runs.get(others["thread_id"], others["run_id"]))["status"] == "pending"
    await client.runs.cancel(others["thread_id"], others["run_id"])


async def test_assistants_are_counted_as_they_are_found(client: LangGraphClient) -> None:
    label = str(uuid.uuid4())
    for _ in range(3):
        await client.assistants.create("steps", metadata={"label": label})
    found = await client.assistants.search(metadata={"label": label}, limit=2)
    assert len(found) == 2
    assert await client.assistants.count(metadata={"label": label}) == 3


async def test_a_graph_is_drawn_by_name_and_opened_by_xray(client: LangGraphClient) -> None:
    flat: Any = await client.assistants.get_graph("nested")
    opened: Any = await client.assistants.get_graph("nested", xray=True)
    assert next(node["id"] for node in flat["nodes"]) == "__start__"
    assert len(opened["nodes"]) > len(flat["nodes"])
    assert any(":" in str(node["id"]) for node in opened["nodes"])


async def test_schemas_follow_from_the_graphs_types(client: LangGraphClient) -> None:
    schemas: Any = await client.assistants.get_schemas("steps")
    assert schemas["graph_id"] == "steps"
    assert "topic" in schemas["input_schema"]["properties"]
    assert (schemas["config_schema"], schemas["context_schema"]) == ({}, None)


async def test_nested_graphs_are_listed_by_namespace(client: LangGraphClient) -> None:
    every: Any = await client.assistants.get_subgraphs("nested", recurse=True)
    assert every
    name = next(iter(every))
    assert list(await client.assistants.get_subgraphs("nested", namespace=name)) == [name]
    assert await client.assistants.get_subgraphs("nested", namespace="nobody") == {}


def test_an_assistant_is_made_once_per_idempotency_key(server: Server) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    first = server.post("/assistants", {"graph_id": "echo"}, headers=headers)
    again = server.post("/assistants", {"graph_id": "echo"}, headers=headers)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
