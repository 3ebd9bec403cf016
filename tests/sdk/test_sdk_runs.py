"""Background runs and waiting, through the Python SDK."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from factories import ended, new_thread, values_of
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import NotFoundError


async def test_a_background_run_starts_pending_and_ends_as_success(
    client: LangGraphClient, thread_id: str
) -> None:
    run = await client.runs.create(thread_id, "echo", input={"message": "hi"})
    assert (run["status"], run["thread_id"]) == ("pending", thread_id)
    assert await ended(client, run) == "success"
    assert await values_of(client, thread_id) == {"message": "hi", "reply": "hi"}


async def test_a_new_run_carries_every_field_clients_read(
    client: LangGraphClient, thread_id: str
) -> None:
    run: Any = await client.runs.create(thread_id, "echo", input={"message": 1}, metadata={"u": 1})
    assert run.keys() == {
        *("run_id", "thread_id", "assistant_id", "metadata", "status", "kwargs"),
        *("multitask_strategy", "created_at", "updated_at", "langsmith_session_name"),
    }
    assert run["metadata"]["u"] == 1
    assert run["metadata"]["assistant_id"] == run["assistant_id"]
    kwargs = run["kwargs"]
    assert (kwargs["stream_mode"], kwargs["durability"]) == (["values"], "async")
    assert (kwargs["temporary"], kwargs["resumable"], kwargs["subgraphs"]) == (False, False, False)
    assert run["multitask_strategy"] == "enqueue"


async def test_wait_returns_the_last_values(client: LangGraphClient, thread_id: str) -> None:
    values = await client.runs.wait(thread_id, "steps", input={"topic": "tea"})
    assert values == {"topic": "tea", "done": ["plan", "work", "review"]}


async def test_wait_keeps_what_the_thread_has_gathered(
    client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "steps", input={"topic": "tea"})
    values: Any = await client.runs.wait(thread_id, "steps", input={"topic": "rum"})
    assert values["done"] == ["plan", "work", "review"] * 2


async def test_wait_without_a_thread_leaves_nothing_behind(client: LangGraphClient) -> None:
    created: list[Any] = []
    values = await client.runs.wait(
        None, "echo", input={"message": "hi"}, on_run_created=created.append
    )
    assert values == {"message": "hi", "reply": "hi"}
    with pytest.raises(NotFoundError):
        await client.threads.get(created[0]["thread_id"])


async def test_wait_for_a_failing_graph_raises_its_error(client: LangGraphClient) -> None:
    with pytest.raises(Exception, match="ValueError: no luck"):
        await client.runs.wait(None, "failing", input={"message": "no luck"})


async def test_wait_for_a_failing_graph_returns_its_error_on_request(
    client: LangGraphClient,
) -> None:
    answer = await client.runs.wait(
        None, "failing", input={"message": "no luck"}, raise_error=False
    )
    assert answer == {"__error__": {"error": "ValueError", "message": "no luck"}}


async def test_a_failed_run_is_error_for_run_and_thread(
    client: LangGraphClient, thread_id: str
) -> None:
    run = await client.runs.create(thread_id, "failing", input={"message": "no luck"})
    assert await ended(client, run) == "error"
    thread: Any = await client.threads.get(thread_id)
    assert (thread["status"], thread["values"]) == ("error", {"message": "no luck", "done": True})
    assert thread["error"] == {"error": "ValueError", "message": "no luck"}


async def test_a_thread_recovers_from_an_error(client: LangGraphClient, thread_id: str) -> None:
    await client.runs.wait(thread_id, "failing", input={"message": "no"}, raise_error=False)
    await client.runs.wait(thread_id, "echo", input={"message": "hi"})
    thread: Any = await client.threads.get(thread_id)
    assert (thread["status"], thread["error"]) == ("idle", None)


async def test_join_waits_for_a_running_run(client: LangGraphClient, thread_id: str) -> None:
    run = await client.runs.create(thread_id, "slow", input={"steps": 2, "sleep_s": 0.2})
    values: Any = await client.runs.join(thread_id, run["run_id"])
    assert values["count"] == 2
    assert (await client.runs.get(thread_id, run["run_id"]))["status"] == "success"


async def test_join_of_a_finished_run_shows_the_thread_as_it_is_now(
    client: LangGraphClient, thread_id: str
) -> None:
    first = await client.runs.create(thread_id, "echo", input={"message": "one"})
    await client.runs.wait(thread_id, "echo", input={"message": "two"})
    values: Any = await client.runs.join(thread_id, first["run_id"])
    assert values == {"message": "two", "reply": "two"}


async def test_join_works_while_a_stateless_run_is_alive(
    lab_client: LangGraphClient, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    given = {"name": "a", "gate": str(gate)}
    run = await lab_client.runs.create(None, "tally", input=given)
    alive: Any = await lab_client.runs.get(run["thread_id"], run["run_id"])
    assert alive["kwargs"]["temporary"]
    joined = asyncio.create_task(lab_client.runs.join(run["thread_id"], run["run_id"]))
    gate.touch()
    values: Any = await joined
    assert values["names"] == ["a"]


async def test_a_stateless_run_takes_its_thread_with_it(client: LangGraphClient) -> None:
    run = await client.runs.create(None, "echo", input={"message": "hi"}, on_completion="delete")
    await client.runs.join(run["thread_id"], run["run_id"])
    with pytest.raises(NotFoundError):
        await client.threads.get(run["thread_id"])
    with pytest.raises(NotFoundError):
        await client.runs.get(run["thread_id"], run["run_id"])


async def test_a_stateless_run_keeps_its_thread_when_asked(client: LangGraphClient) -> None:
    run = await client.runs.create(None, "echo", input={"message": "hi"}, on_completion="keep")
    assert await ended(client, run) == "success"
    thread: Any = await client.threads.get(run["thread_id"])
    assert (thread["status"], thread["values"]["reply"]) == ("idle", "hi")


async def test_after_seconds_delays_the_start(client: LangGraphClient, thread_id: str) -> None:
    began = time.monotonic()
    run = await client.runs.create(thread_id, "echo", input={"message": "hi"}, after_seconds=1)
    assert await ended(client, run) == "success"
    assert time.monotonic() - began > 0.95
    late = await client.runs.create(thread_id, "echo", input={}, after_seconds=3600)
    assert (await client.threads.get(thread_id))["status"] == "busy"
    await client.runs.cancel(thread_id, late["run_id"])


async def test_many_waits_at_once_all_get_their_own_answer(client: LangGraphClient) -> None:
    waits = [client.runs.wait(None, "echo", input={"message": n}) for n in range(30)]
    answers: Any = await asyncio.gather(*waits)
    assert [answer["reply"] for answer in answers] == list(range(30))


async def test_on_run_created_tells_where_the_run_is(
    client: LangGraphClient, thread_id: str
) -> None:
    created: list[Any] = []
    run = await client.runs.create(thread_id, "echo", input={}, on_run_created=created.append)
    assert created == [{"run_id": run["run_id"], "thread_id": thread_id}]
    stream = client.runs.stream(None, "echo", input={}, on_run_created=created.append)
    first = await anext(stream)
    assert created[1] == {"run_id": first.data["run_id"], "thread_id": None}


async def test_input_may_be_any_json(client: LangGraphClient) -> None:
    message: Any = [1, {"a": None}, "ß\n", 2.5]
    values: Any = await client.runs.wait(None, "echo", input={"message": message})
    assert values["reply"] == message


async def test_a_run_of_another_thread_is_not_found(
    client: LangGraphClient, thread_id: str
) -> None:
    run = await client.runs.create(thread_id, "echo", input={})
    with pytest.raises(NotFoundError):
        await client.runs.get(await new_thread(client), run["run_id"])


async def test_text_that_json_escapes_survives(client: LangGraphClient) -> None:
    text = 'line\nbreak \u2028 "quote" \\ 漢字 🎈'
    values: Any = await client.runs.wait(None, "echo", input={"message": text})
    assert values["reply"] == text


async def test_errors_carry_status_and_request_id(client: LangGraphClient) -> None:
    with pytest.raises(httpx.HTTPStatusError) as caught:
        await client.runs.wait(None, "no_such_graph", input={})
    assert caught.value.response.status_code == 422
    assert caught.value.response.headers["x-request-id"]
