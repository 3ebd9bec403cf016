"""Threads over HTTP with the Python SDK: rows, search, copies, pruning, deletion."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from factories import ended, new_thread, until
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import (
    BadRequestError,
    ConflictError,
    NotFoundError,
    UnprocessableEntityError,
)
from servers import Server

UNKNOWN = "01999f3c-6b1a-7d52-9c5e-2f7f0c3b8a11"


@pytest.fixture
async def client(server: Server) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=server.url) as made:
        yield made


@pytest.fixture
async def thread_id(client: LangGraphClient) -> str:
    return await new_thread(client)


async def slow_run(client: LangGraphClient, thread_id: str, **fields: Any) -> Any:
    """Start a run that sleeps for a minute, and wait until it does."""
    given = {"steps": 600, "sleep_s": 0.1}
    run = await client.runs.create(thread_id, "slow", input=given, **fields)

    async def begun() -> bool:
        state: Any = await client.threads.get_state(thread_id)
        return bool(state["values"].get("count"))

    await until(begun)
    return run


# ---- rows


async def test_metadata_is_merged_one_level_deep(client: LangGraphClient) -> None:
    thread_id = await new_thread(client, metadata={"a": {"x": 1}, "b": 1})
    changed: Any = await client.threads.update(thread_id, metadata={"a": {"y": 2}, "c": None})
    assert changed["metadata"] == {"a": {"y": 2}, "b": 1, "c": None}
    assert changed["updated_at"] > changed["created_at"] == changed["state_updated_at"]
    assert await client.threads.get(thread_id) == changed


async def test_a_minimal_answer_to_a_patch_has_no_body(server: Server, thread_id: str) -> None:
    path, headers = f"/threads/{thread_id}", {"prefer": "return=minimal"}
    answer = server.call("PATCH", path, json={"metadata": {"a": 1}}, headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert server.get(path).json()["metadata"] == {"a": 1}


async def test_an_unknown_thread_cannot_be_changed_measured_or_deleted(server: Server) -> None:
    path = f"/threads/{UNKNOWN}"
    assert server.call("PATCH", path, json={"metadata": {}}).status_code == 404
    assert server.call("DELETE", path).status_code == 404
    for below in ("storage", "state", "history", f"state/{UNKNOWN}"):
        assert server.get(f"{path}/{below}").status_code == 404
    assert server.post(f"{path}/state", {"values": {}}).status_code == 404
    assert server.post(f"{path}/history", {}).status_code == 404


async def test_a_time_to_live_is_shown_on_request(client: LangGraphClient) -> None:
    made: Any = await client.threads.create(ttl=10)
    assert "ttl" not in await client.threads.get(made["thread_id"])
    shown: Any = await client.threads.get(made["thread_id"], include=["ttl"])
    rest = shown["ttl"]
    assert (rest["strategy"], rest["ttl_minutes"]) == ("delete", 10)
    lives = datetime.fromisoformat(rest["expires_at"]) - datetime.fromisoformat(made["created_at"])
    assert abs(lives - timedelta(minutes=10)) < timedelta(seconds=30)


async def test_a_time_to_live_can_be_set_later(client: LangGraphClient, thread_id: str) -> None:
    await client.threads.update(thread_id, metadata={}, ttl={"ttl": 5, "strategy": "keep_latest"})
    shown: Any = await client.threads.get(thread_id, include=["ttl"])
    assert (shown["ttl"]["strategy"], shown["ttl"]["ttl_minutes"]) == ("keep_latest", 5)


def test_a_thread_is_made_once_per_idempotency_key(server: Server) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    body = {"metadata": {"n": 1}}
    first = server.post("/threads", body, headers=headers)
    again = server.post("/threads", body, headers=headers)
    assert again.json() == first.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert server.post("/threads", {}, headers=headers).status_code == 409


# ---- supersteps


async def test_a_thread_begins_with_the_state_its_supersteps_make(
    client: LangGraphClient,
) -> None:
    begun: Any = [("__input__", {"topic": "tea"}), ("__start__", {"topic": "tea"})]
    steps: Any = [
        {"updates": [{"values": values, "as_node": as_node}]}
        for as_node, values in [*begun, ("plan", {"done": ["by hand"]})]
    ]
    made: Any = await client.threads.create(graph_id="steps", supersteps=steps)
    assert (made["status"], made["values"]["done"]) == ("interrupted", ["by hand"])
    state: Any = await client.threads.get_state(made["thread_id"])
    assert (state["values"]["topic"], state["next"]) == ("tea", ["work"])
    history: Any = await client.threads.get_history(made["thread_id"])
    assert [one["metadata"]["source"] for one in history] == ["update", "update", "input"]
    values: Any = await client.runs.wait(made["thread_id"], "steps", input=None)
    assert values["done"] == ["by hand", "work", "review"]


async def test_a_superstep_may_hold_a_command(server: Server) -> None:
    update = {"values": None, "command": {"update": {"topic": "x"}}, "as_node": "review"}
    body = {"metadata": {"graph_id": "steps"}, "supersteps": [{"updates": [update]}]}
    made = server.post("/threads", body)
    assert (made.status_code, made.json()["values"]["topic"]) == (200, "x")


@pytest.mark.parametrize("graph_id", ["steps", None])
async def test_supersteps_that_are_refused_leave_no_thread(
    client: LangGraphClient, graph_id: str | None
) -> None:
    thread_id = str(uuid.uuid4())
    steps: Any = [{"updates": [{"values": {}, "as_node": "nowhere"}]}]
    with pytest.raises(BadRequestError):
        await client.threads.create(thread_id=thread_id, graph_id=graph_id, supersteps=steps)
    with pytest.raises(NotFoundError):
        await client.threads.get(thread_id)


async def test_supersteps_do_not_touch_a_thread_that_is_there(client: LangGraphClient) -> None:
    made = await client.threads.create(graph_id="steps")
    steps: Any = [{"updates": [{"values": {"topic": "x"}, "as_node": "plan"}]}]
    options: Any = {"thread_id": made["thread_id"], "graph_id": "steps", "supersteps": steps}
    assert await client.threads.create(**options, if_exists="do_nothing") == made
    with pytest.raises(ConflictError):
        await client.threads.create(**options)


# ---- search and count


async def test_threads_are_found_by_what_their_metadata_contain(client: LangGraphClient) -> None:
    mark = str(uuid.uuid4())
    kept = await new_thread(client, metadata={"mark": mark, "deep": {"a": 1, "b": [1, 2]}})
    await new_thread(client, metadata={"mark": mark, "deep": {"a": 2}})
    for part in ({"deep": {"a": 1}}, {"deep": {"b": [1]}}, {"deep": {"b": [2, 1]}}):
        match: Any = {"mark": mark, **part}
        assert [one["thread_id"] for one in await client.threads.search(metadata=match)] == [kept]
        assert await client.threads.count(metadata=match) == 1
    assert await client.threads.count(metadata={"mark": mark}) == 2


async def test_threads_are_found_by_values_though_others_have_none(
    client: LangGraphClient,
) -> None:
    mark = str(uuid.uuid4())
    thread_id = await new_thread(client, metadata={"mark": mark})
    await new_thread(client, metadata={"mark": mark})
    await client.runs.wait(thread_id, "steps", input={"topic": mark})
    match: Any = {"metadata": {"mark": mark}, "values": {"topic": mark, "done": ["work"]}}
    found = await client.threads.search(**match)
    assert [one["thread_id"] for one in found] == [thread_id]
    assert await client.threads.count(**match) == 1


async def test_threads_are_found_by_id_and_status(client: LangGraphClient) -> None:
    ids = [await new_thread(client) for _ in range(3)]
    await client.runs.wait(ids[0], "approval", input={"request": "x"})
    found = await client.threads.search(ids=ids, sort_by="created_at", sort_order="asc")
    assert [one["thread_id"] for one in found] == ids
    waiting = await client.threads.search(ids=ids, status="interrupted")
    assert [one["thread_id"] for one in waiting] == ids[:1]
    assert waiting[0]["interrupts"]


async def test_the_thread_changed_last_is_found_first(client: LangGraphClient) -> None:
    ids = [await new_thread(client) for _ in range(3)]
    await client.threads.update(ids[1], metadata={"a": 1})
    found = await client.threads.search(ids=ids)
    assert [one["thread_id"] for one in found] == [ids[1], ids[2], ids[0]]


async def test_a_page_tells_the_true_total_and_where_the_next_begins(
    server: Server, client: LangGraphClient
) -> None:
    ids = [await new_thread(client) for _ in range(3)]
    first = server.post("/threads/search", {"ids": ids, "limit": 2})
    assert len(first.json()) == 2
    assert (first.headers["x-pagination-total"], first.headers["x-pagination-next"]) == ("3", "2")
    last = server.post("/threads/search", {"ids": ids, "limit": 2, "offset": 2})
    assert len(last.json()) == 1
    assert last.headers["x-pagination-total"] == "3"
    assert "x-pagination-next" not in last.headers


async def test_numbers_of_a_page_may_be_written_as_json_has_them(
    server: Server, client: LangGraphClient
) -> None:
    ids = [await new_thread(client) for _ in range(3)]
    found = server.post("/threads/search", {"ids": ids, "limit": 1.0, "offset": 1.0})
    assert found.headers["x-pagination-next"] == "2"
    history = server.post(f"/threads/{ids[0]}/history", {"limit": 1.0})
    assert (history.status_code, history.json()) == (200, [])


async def test_members_are_selected_and_values_extracted_by_path(
    client: LangGraphClient, thread_id: str
) -> None:
    given: Any = {"messages": [{"role": "user", "content": "hi"}]}
    await client.runs.wait(thread_id, "chat", input=given)
    paths = {
        "last": "values.messages[-1].content",
        "first": "values.messages[0].content",
        "none": "values.messages[9].content",
        "graph": "metadata.graph_id",
        "questions": "interrupts",
    }
    found: Any = await client.threads.search(
        ids=[thread_id], select=["thread_id", "status"], extract=paths
    )
    extracted: Any = {
        "last": "You said: hi",
        "first": "hi",
        "none": None,
        "graph": "chat",
        "questions": {},
    }
    assert found == [{"thread_id": thread_id, "status": "idle", "extracted": extracted}]


@pytest.mark.parametrize(
    "body",
    [
        {"select": ["nothing"]},
        {"extract": {"a": "kwargs.x"}},
        {"extract": {str(number): "values.x" for number in range(11)}},
        {"status": "asleep"},
        {"ids": ["x"]},
        {"limit": 0},
    ],
)
async def test_a_search_that_means_nothing_is_refused(server: Server, body: Any) -> None:
    assert server.post("/threads/search", body).status_code == 422


# ---- copies


async def copied(client: LangGraphClient, thread_id: str) -> Any:
    """Copy a thread; the SDK says that it returns nothing, and returns the copy."""
    copying: Any = client.threads.copy
    return await copying(thread_id)


async def test_a_copy_shows_and_continues_the_state_of_its_source(
    client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "approval", input={"request": "x"})
    source: Any = await client.threads.get(thread_id)
    copy = await copied(client, thread_id)
    assert copy["thread_id"] != thread_id
    for name in ("metadata", "values", "interrupts", "status"):
        assert copy[name] == source[name]
    assert await client.runs.list(copy["thread_id"]) == []
    values: Any = await client.runs.wait(copy["thread_id"], "approval", command={"resume": True})
    assert values["result"] == "sent"
    assert await client.threads.get(thread_id) == source


async def test_a_copy_has_the_whole_history_under_its_own_id(
    client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "steps", input={})
    copy_id = (await copied(client, thread_id))["thread_id"]
    before: Any = await client.threads.get_history(thread_id)
    after: Any = await client.threads.get_history(copy_id)
    assert [one["checkpoint_id"] for one in after] == [one["checkpoint_id"] for one in before]
    assert {one["metadata"]["thread_id"] for one in after} == {copy_id}


async def test_the_copy_of_an_unknown_thread_is_a_conflict(client: LangGraphClient) -> None:
    with pytest.raises(ConflictError):
        await client.threads.copy(UNKNOWN)


# ---- pruning and measuring


async def test_pruning_deletes_what_is_there_and_counts_it(client: LangGraphClient) -> None:
    ids = [await new_thread(client) for _ in range(2)]
    await client.runs.wait(ids[0], "steps", input={})
    assert await client.threads.prune([*ids, ids[0], UNKNOWN]) == {"pruned_count": 2}
    assert await client.threads.search(ids=ids) == []
    assert await client.threads.prune([]) == {"pruned_count": 0}


async def test_pruning_to_the_latest_keeps_the_state_and_drops_the_past(
    client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "steps", input={"topic": "tea"})
    state = await client.threads.get_state(thread_id)
    pruned = await client.threads.prune([thread_id], strategy="keep_latest")
    assert pruned == {"pruned_count": 1}
    kept = await client.threads.get_state(thread_id)
    assert (kept["values"], kept["checkpoint"]) == (state["values"], state["checkpoint"])
    assert len(await client.threads.get_history(thread_id)) == 1
    values: Any = await client.runs.wait(thread_id, "steps", input={})
    assert values["done"] == ["plan", "work", "review"] * 2


async def test_pruning_to_the_latest_keeps_what_a_waiting_subgraph_needs(
    server: Server, client: LangGraphClient, thread_id: str
) -> None:
    for _ in range(3):
        await client.runs.wait(thread_id, "nested", input={})
        await client.runs.wait(thread_id, "nested", command={"resume": "left"})
    await client.runs.wait(thread_id, "nested", input={})
    before = server.get(f"/threads/{thread_id}/storage").json()
    await client.threads.prune([thread_id], strategy="keep_latest")
    after = server.get(f"/threads/{thread_id}/storage").json()
    assert after["checkpoints"]["count"] == 2 < before["checkpoints"]["count"]
    values: Any = await client.runs.wait(thread_id, "nested", command={"resume": "right"})
    assert values["answer"] == "right"


async def test_a_busy_thread_is_not_pruned_to_the_latest(
    client: LangGraphClient, thread_id: str
) -> None:
    run = await slow_run(client, thread_id)
    pruned = await client.threads.prune([thread_id], strategy="keep_latest")
    assert pruned == {"pruned_count": 0}
    await client.runs.cancel(thread_id, run["run_id"], wait=True)


async def test_the_storage_of_a_thread_is_told_by_channel(server: Server) -> None:
    thread_id = server.post("/threads", {}).json()["thread_id"]
    empty = server.get(f"/threads/{thread_id}/storage").json()
    assert (empty["total_bytes"], empty["checkpoints"]["count"]) == (0, 0)
    server.post(f"/threads/{thread_id}/runs/wait", {"assistant_id": "steps", "input": {}})
    found = server.get(f"/threads/{thread_id}/storage").json()
    parts = (found["checkpoints"], found["channel_values"], found["pending_writes"])
    assert found["total_bytes"] == sum(part["bytes"] for part in parts)
    assert found["checkpoints"]["count"] == 5
    assert found["channel_values"]["by_channel"]["done"]["versions"] >= 3


# ---- deletion


async def test_a_deleted_thread_is_gone_with_its_runs(
    client: LangGraphClient, thread_id: str
) -> None:
    run = await client.runs.create(thread_id, "steps", input={})
    await ended(client, run)
    await client.threads.delete(thread_id)
    with pytest.raises(NotFoundError):
        await client.threads.get(thread_id)
    with pytest.raises(NotFoundError):
        await client.runs.get(thread_id, run["run_id"])
    with pytest.raises(NotFoundError):
        await client.threads.delete(thread_id)


async def test_a_deleted_threads_id_can_be_used_anew(
    client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "steps", input={"topic": "old"})
    await client.threads.delete(thread_id)
    await client.threads.create(thread_id=thread_id)
    assert await client.threads.get_history(thread_id) == []
    values: Any = await client.runs.wait(thread_id, "steps", input={"topic": "new"})
    assert values == {"topic": "new", "done": ["plan", "work", "review"]}


async def test_deleting_a_busy_thread_stops_its_runs_and_ends_their_streams(
    server: Server, client: LangGraphClient, thread_id: str, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    given: Any = {"steps": 2400, "sleep_s": 0.05, "marks": str(marks)}
    run = await client.runs.create(thread_id, "slow", input=given)
    waiting = await client.runs.create(thread_id, "slow", input=given)

    async def begun() -> bool:
        return marks.exists()

    await until(begun)
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
        paths = [f"/threads/{thread_id}/runs/{one['run_id']}/join" for one in (run, waiting)]
        # Their headers are there: both are waited for.
        joins = [await http.send(http.build_request("GET", path), stream=True) for path in paths]
        await client.threads.delete(thread_id)
        for join in joins:
            answer = json.loads(await join.aread())
            assert answer["__error__"]["message"] == "404: Run not found"

    async def stands_still() -> bool:
        done = marks.read_text()
        await asyncio.sleep(0.3)
        return marks.read_text() == done

    assert await until(stands_still)
    await client.threads.create(thread_id=thread_id)
    values: Any = await client.runs.wait(thread_id, "echo", input={"message": 1})
    assert values["reply"] == 1


# ---- state updates


async def test_an_update_continues_the_state_as_a_node(
    client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "steps", input={"topic": "tea"})
    written: Any = await client.threads.update_state(thread_id, {"done": ["again"]}, as_node="plan")
    assert written["checkpoint"] == written["configurable"]
    assert written["checkpoint"]["checkpoint_id"] == written["checkpoint_id"]
    state: Any = await client.threads.get_state(thread_id)
    assert state["checkpoint"] == written["checkpoint"]
    assert state["values"]["done"] == ["plan", "work", "review", "again"]
    assert (state["next"], state["metadata"]["source"]) == (["work"], "update")
    assert (state["metadata"]["graph_id"], state["metadata"]["thread_id"]) == ("steps", thread_id)
    thread: Any = await client.threads.get(thread_id)
    assert (thread["status"], thread["values"]) == ("interrupted", state["values"])
    values: Any = await client.runs.wait(thread_id, "steps", input=None)
    assert values["done"] == ["plan", "work", "review", "again", "work", "review"]


async def test_an_update_answers_a_question_and_clears_an_error(
    client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "approval", input={"request": "x"})
    await client.threads.update_state(thread_id, {"approved": True}, as_node="approve")
    thread: Any = await client.threads.get(thread_id)
    assert (thread["status"], thread["interrupts"]) == ("interrupted", {})
    await client.runs.wait(thread_id, "failing", input={}, raise_error=False)
    assert (await client.threads.get(thread_id))["status"] == "error"
    await client.threads.update_state(thread_id, None, as_node="fail")
    healed: Any = await client.threads.get(thread_id)
    assert (healed["status"], healed["error"]) == ("idle", None)


@pytest.mark.parametrize(
    ("values", "as_node"),
    [({"topic": "x"}, "nowhere"), ([{"topic": "x"}], "plan"), ({"done": 5}, "plan")],
)
async def test_an_update_that_the_graph_refuses_changes_nothing(
    client: LangGraphClient, thread_id: str, values: Any, as_node: str
) -> None:
    await client.runs.wait(thread_id, "steps", input={})
    before = await client.threads.get(thread_id)
    with pytest.raises(BadRequestError):
        await client.threads.update_state(thread_id, values, as_node=as_node)
    assert await client.threads.get(thread_id) == before
    assert len(await client.threads.get_history(thread_id)) == 5


async def test_a_thread_of_no_graph_has_no_state_to_write(
    client: LangGraphClient, thread_id: str
) -> None:
    with pytest.raises(BadRequestError, match="graph_id"):
        await client.threads.update_state(thread_id, {"topic": "x"})


async def test_a_busy_thread_refuses_updates(client: LangGraphClient, thread_id: str) -> None:
    run = await slow_run(client, thread_id)
    with pytest.raises(ConflictError):
        await client.threads.update_state(thread_id, {"count": 5})
    await client.runs.cancel(thread_id, run["run_id"], wait=True)
    await client.threads.update_state(thread_id, {"count": 5}, as_node="begin")
    assert (await client.threads.get(thread_id))["values"]["count"] == 5  # type: ignore[index]


async def test_updates_at_the_same_time_all_count(client: LangGraphClient, thread_id: str) -> None:
    await client.runs.wait(thread_id, "steps", input={})
    updates = [
        client.threads.update_state(thread_id, {"done": [str(number)]}, as_node="review")
        for number in range(4)
    ]
    await asyncio.gather(*updates)
    values: Any = (await client.threads.get(thread_id))["values"]
    assert sorted(values["done"][3:]) == ["0", "1", "2", "3"]


async def test_an_update_of_an_older_checkpoint_is_a_fork(
    client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "steps", input={"topic": "tea"})
    history: Any = await client.threads.get_history(thread_id)
    base = next(one for one in history if one["next"] == ["work"])
    for place in ({"checkpoint": base["checkpoint"]}, {"checkpoint_id": base["checkpoint_id"]}):
        await client.threads.update_state(thread_id, {"topic": "milk"}, **place)
        state: Any = await client.threads.get_state(thread_id)
        assert state["parent_checkpoint_id"] == base["checkpoint_id"]
        assert state["values"] == {"topic": "milk", "done": ["plan"]}
    values: Any = await client.runs.wait(thread_id, "steps", input=None)
    assert values == {"topic": "milk", "done": ["plan", "work", "review"]}


async def test_an_unknown_checkpoint_cannot_be_forked(
    client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "steps", input={})
    with pytest.raises(NotFoundError, match="Checkpoint"):
        await client.threads.update_state(thread_id, {"topic": "x"}, checkpoint_id=UNKNOWN)


# ---- states and history


async def test_a_past_state_is_read_by_id_and_by_address(
    client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "steps", input={"topic": "tea"})
    history: Any = await client.threads.get_history(thread_id)
    past = next(one for one in history if one["next"] == ["work"])
    assert past["tasks"][0]["result"] == {"done": ["work"]}
    by_id = await client.threads.get_state(thread_id, checkpoint_id=past["checkpoint_id"])
    by_address = await client.threads.get_state(thread_id, checkpoint=past["checkpoint"])
    assert by_id == by_address == past


async def test_a_checkpoint_that_was_never_written_has_an_empty_state(
    client: LangGraphClient, thread_id: str
) -> None:
    for _ in range(2):
        state: Any = await client.threads.get_state(thread_id, checkpoint_id=UNKNOWN)
        place = {"thread_id": thread_id, "checkpoint_ns": "", "checkpoint_id": UNKNOWN}
        assert (state["values"], state["metadata"]) == ({}, None)
        assert (state["checkpoint"], state["checkpoint_id"]) == (place, UNKNOWN)
        await client.runs.wait(thread_id, "steps", input={})


async def test_an_address_without_an_id_means_the_newest_state(
    server: Server, client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "steps", input={})
    path = f"/threads/{thread_id}/state"
    assert server.post(f"{path}/checkpoint", {"checkpoint": {}}).json() == server.get(path).json()


async def test_a_state_is_cut_down_to_what_is_selected(
    client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "steps", input={"topic": "tea"})
    wanted: Any = ["values.topic", "next"]
    cut = {"values": {"topic": "tea"}, "next": []}
    newest: Any = await client.threads.get_state(thread_id, select=wanted)
    assert newest == cut
    whole: Any = await client.threads.get_state(thread_id)
    by_id: Any = await client.threads.get_state(
        thread_id, checkpoint_id=whole["checkpoint_id"], select=wanted
    )
    by_address: Any = await client.threads.get_state(
        thread_id, checkpoint=whole["checkpoint"], select=wanted
    )
    listed: Any = await client.threads.get_history(thread_id, limit=1, select=wanted)
    assert by_id == by_address == listed[0] == cut


async def test_the_history_is_newest_first_and_one_state_long_by_default(
    server: Server, client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "steps", input={})
    path = f"/threads/{thread_id}/history"
    history: Any = await client.threads.get_history(thread_id)
    assert [one["metadata"]["step"] for one in history] == [3, 2, 1, 0, -1]
    parents = [one["parent_checkpoint_id"] for one in history]
    assert parents == [*(one["checkpoint_id"] for one in history[1:]), None]
    assert server.get(path).json() == server.post(path, {}).json() == history[:1]
    assert server.get(path, params={"limit": 2}).json() == history[:2]


async def test_the_history_goes_on_before_a_checkpoint_in_every_form(
    server: Server, client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "steps", input={})
    history: Any = await client.threads.get_history(thread_id)
    path, checkpoint = f"/threads/{thread_id}/history", history[1]["checkpoint"]
    checkpoint_id = checkpoint["checkpoint_id"]
    for before in (checkpoint_id, checkpoint, {"configurable": checkpoint}):
        assert server.post(path, {"limit": 9, "before": before}).json() == history[2:]
    query = {"limit": 9, "before": checkpoint_id}
    assert server.get(path, params=query).json() == history[2:]


async def test_the_history_is_filtered_by_metadata_and_checkpoint(
    client: LangGraphClient, thread_id: str
) -> None:
    first = await client.runs.create(thread_id, "steps", input={})
    await ended(client, first)
    await client.runs.wait(thread_id, "steps", input={})
    match: Any = {"run_id": first["run_id"], "source": "loop"}
    found: Any = await client.threads.get_history(thread_id, metadata=match)
    assert [one["metadata"]["step"] for one in found] == [3, 2, 1, 0]
    both: Any = {**match, "thread_id": thread_id}
    assert await client.threads.get_history(thread_id, metadata=both) == found
    other: Any = {"thread_id": UNKNOWN}
    assert await client.threads.get_history(thread_id, metadata=other) == []
    only: Any = await client.threads.get_history(thread_id, checkpoint=found[1]["checkpoint"])
    assert only == [found[1]]


@pytest.mark.parametrize("limit", [0, 1001])
async def test_a_history_without_bounds_is_refused(
    client: LangGraphClient, thread_id: str, limit: int
) -> None:
    with pytest.raises(UnprocessableEntityError):
        await client.threads.get_history(thread_id, limit=limit)


# ---- subgraphs


async def test_the_state_of_a_subgraph_is_read_listed_and_written(
    client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "nested", input={})
    outer: Any = await client.threads.get_state(thread_id)
    place = outer["tasks"][0]["checkpoint"]
    assert place["checkpoint_ns"].startswith("inner:")
    within: Any = await client.threads.get_state(thread_id, subgraphs=True)
    task = within["tasks"][0]
    assert (task["checkpoint"], task["state"]["next"]) == (None, ["ask"])
    inner: Any = await client.threads.get_state(thread_id, checkpoint=place)
    assert inner["values"] == task["state"]["values"] == {"question": "Which way?"}
    history: Any = await client.threads.get_history(thread_id, checkpoint=place)
    assert history[0]["checkpoint"] == inner["checkpoint"]
    await client.threads.update_state(thread_id, {"question": "Where to?"}, checkpoint=place)
    inner = await client.threads.get_state(thread_id, checkpoint=place)
    assert inner["values"] == {"question": "Where to?"}
    thread: Any = await client.threads.get(thread_id)
    assert (thread["values"], thread["status"]) == ({"trail": ["before"]}, "interrupted")
    values: Any = await client.runs.wait(thread_id, "nested", command={"resume": "left"})
    assert values["answer"] == "left"


async def test_a_subgraph_that_has_not_begun_has_no_state(
    client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "nested", input={})
    place: Any = {"thread_id": thread_id, "checkpoint_ns": "after:1"}
    state: Any = await client.threads.get_state(thread_id, checkpoint=place)
    assert (state["values"], state["checkpoint"]) == ({}, None)
    assert await client.threads.get_history(thread_id, checkpoint=place) == []


async def test_a_namespace_of_the_clients_own_means_the_whole_graph(
    client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "nested", input={})
    place: Any = {"thread_id": thread_id, "checkpoint_ns": "elsewhere:1"}
    newest: Any = await client.threads.get_state(thread_id)
    assert await client.threads.get_state(thread_id, checkpoint=place) == newest
    assert (await client.threads.get_history(thread_id, checkpoint=place))[0] == newest
    with pytest.raises(BadRequestError):
        await client.threads.update_state(thread_id, {"x": 1}, checkpoint=place)
