"""Threads, their state, and assistants, through the Python SDK."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from factories import ended, new_thread
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import ConflictError, NotFoundError

GRAPH_IDS = uuid.UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
STEPS_ID = str(uuid.uuid5(GRAPH_IDS, "steps"))


async def test_a_new_thread_is_idle_and_empty(client: LangGraphClient) -> None:
    made: Any = await client.threads.create(metadata={"owner": "ann"})
    assert made["metadata"] == {"owner": "ann"}
    assert (made["status"], made["values"]) == ("idle", None)
    assert await client.threads.get(made["thread_id"]) == made


async def test_a_thread_takes_the_id_it_is_given(client: LangGraphClient) -> None:
    wanted = str(uuid.uuid4())
    assert (await client.threads.create(thread_id=wanted))["thread_id"] == wanted
    with pytest.raises(ConflictError):
        await client.threads.create(thread_id=wanted)


async def test_if_exists_do_nothing_returns_the_thread_unchanged(client: LangGraphClient) -> None:
    made = await client.threads.create(metadata={"n": 1})
    again = await client.threads.create(
        thread_id=made["thread_id"], metadata={"n": 2}, if_exists="do_nothing"
    )
    assert again == made


async def test_a_graph_id_is_kept_in_the_metadata(client: LangGraphClient) -> None:
    made: Any = await client.threads.create(graph_id="echo")
    assert made["metadata"]["graph_id"] == "echo"


async def test_a_run_writes_its_graph_and_assistant_into_the_thread(
    client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "steps", input={})
    metadata: Any = (await client.threads.get(thread_id))["metadata"]
    assert metadata == {"graph_id": "steps", "assistant_id": STEPS_ID}


async def test_a_run_on_an_unknown_thread_is_refused(client: LangGraphClient) -> None:
    with pytest.raises(NotFoundError):
        await client.runs.create(str(uuid.uuid4()), "echo", input={})


async def test_if_not_exists_create_makes_the_thread(client: LangGraphClient) -> None:
    wanted = str(uuid.uuid4())
    run = await client.runs.create(
        wanted, "echo", input={"message": 1}, if_not_exists="create", metadata={"a": 1}
    )
    assert await ended(client, run) == "success"
    thread: Any = await client.threads.get(wanted)
    assert thread["metadata"]["a"] == 1
    assert thread["metadata"]["graph_id"] == "echo"


async def test_an_unknown_thread_is_not_found(client: LangGraphClient) -> None:
    with pytest.raises(NotFoundError) as caught:
        await client.threads.get(unknown := str(uuid.uuid4()))
    assert unknown in str(caught.value)


async def test_the_state_of_a_fresh_thread_is_empty(
    client: LangGraphClient, thread_id: str
) -> None:
    empty: Any = {"values": {}, "next": [], "tasks": [], "interrupts": []}
    unset = ("metadata", "created_at", "checkpoint", "parent_checkpoint", "checkpoint_id")
    state = await client.threads.get_state(thread_id)
    assert state == {**empty, **dict.fromkeys(unset), "parent_checkpoint_id": None}


async def test_the_state_after_a_run_is_its_last_checkpoint(
    client: LangGraphClient, thread_id: str
) -> None:
    run = await client.runs.create(thread_id, "steps", input={"topic": "tea"})
    await ended(client, run)
    state: Any = await client.threads.get_state(thread_id)
    assert state["values"] == {"topic": "tea", "done": ["plan", "work", "review"]}
    assert (state["next"], state["tasks"]) == ([], [])
    assert state["checkpoint"].keys() == {"thread_id", "checkpoint_ns", "checkpoint_id"}
    assert state["checkpoint_id"] == state["checkpoint"]["checkpoint_id"]
    assert state["parent_checkpoint"]["checkpoint_id"] == state["parent_checkpoint_id"]
    metadata = state["metadata"]
    assert (metadata["source"], metadata["step"]) == ("loop", 3)
    assert (metadata["run_id"], metadata["graph_id"]) == (run["run_id"], "steps")


async def test_a_thread_is_busy_while_a_run_is_on_it(
    lab_client: LangGraphClient, tmp_path: Path
) -> None:
    thread_id, gate = await new_thread(lab_client), tmp_path / "gate"
    given = {"name": "a", "gate": str(gate)}
    run = await lab_client.runs.create(thread_id, "tally", input=given)
    assert (await lab_client.threads.get(thread_id))["status"] == "busy"
    gate.touch()
    await ended(lab_client, run)
    assert (await lab_client.threads.get(thread_id))["status"] == "idle"


async def test_a_chat_keeps_its_history_from_run_to_run(
    client: LangGraphClient, thread_id: str
) -> None:
    for text in ("one", "two"):
        given: Any = {"messages": [{"role": "user", "content": text}]}
        values: Any = await client.runs.wait(thread_id, "chat", input=given)
    said = [message["content"] for message in values["messages"]]
    assert said == ["one", "You said: one", "two", "You said: two"]


@pytest.mark.parametrize("name", ["steps", STEPS_ID])
async def test_a_graph_has_an_assistant_under_its_name_and_its_fixed_id(
    client: LangGraphClient, name: str
) -> None:
    values: Any = await client.runs.wait(None, name, input={"topic": "tea"})
    assert values["done"] == ["plan", "work", "review"]
    found: Any = await client.assistants.get(STEPS_ID)
    assert (found["assistant_id"], found["graph_id"]) == (STEPS_ID, "steps")
    assert (found["name"], found["metadata"]["created_by"]) == ("steps", "system")


async def test_assistants_are_found_by_their_graph(client: LangGraphClient) -> None:
    [found] = await client.assistants.search(graph_id="steps", metadata={"created_by": "system"})
    assert found["assistant_id"] == STEPS_ID
    everything: Any = await client.assistants.search(metadata={"created_by": "system"}, limit=100)
    assert {"echo", "steps", "chat", "approval"} <= {one["graph_id"] for one in everything}


async def test_a_page_of_assistants_tells_where_the_next_begins(client: LangGraphClient) -> None:
    first: Any = await client.assistants.search(limit=2, response_format="object")
    assert (len(first["assistants"]), first["next"]) == (2, "2")
    second: Any = await client.assistants.search(limit=2, offset=2)
    ids = {one["assistant_id"] for one in [*first["assistants"], *second]}
    assert len(ids) == 4


async def test_an_unknown_assistant_is_refused(client: LangGraphClient) -> None:
    with pytest.raises(NotFoundError):
        await client.assistants.get(str(uuid.uuid4()))
    with pytest.raises(NotFoundError):
        await client.runs.create(None, str(uuid.uuid4()), input={})
    with pytest.raises(httpx.HTTPStatusError, match="422"):
        await client.runs.wait(None, "no_such_graph", input={})
