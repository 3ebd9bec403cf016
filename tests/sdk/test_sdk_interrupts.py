"""Interrupts and what resumes them, through the Python SDK."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from factories import collect, names, new_thread, payloads
from langgraph_sdk.client import LangGraphClient

ASKED = {"question": "Send this?", "draft": "Draft for: a letter"}
BOTH: Any = ["values", "updates"]
KEPT: Any = ("status", "values", "interrupts", "error")


async def ask(client: LangGraphClient, thread_id: str) -> Any:
    return await client.runs.wait(thread_id, "approval", input={"request": "a letter"})


async def test_wait_shows_the_question_beside_the_values(
    client: LangGraphClient, thread_id: str
) -> None:
    values = await ask(client, thread_id)
    [question] = values.pop("__interrupt__")
    assert values == {"request": "a letter", "draft": "Draft for: a letter"}
    assert question == {"value": ASKED, "id": question["id"], "response_schema": None}


async def test_a_question_leaves_the_run_successful_and_the_thread_interrupted(
    client: LangGraphClient, thread_id: str
) -> None:
    created: list[Any] = []
    stream = client.runs.stream(thread_id, "approval", input={}, on_run_created=created.append)
    [question] = (await collect(stream))[-1].data["__interrupt__"]
    assert (await client.runs.get(thread_id, created[0]["run_id"]))["status"] == "success"
    thread: Any = await client.threads.get(thread_id)
    assert thread["status"] == "interrupted"
    [task] = thread["interrupts"].values()
    assert task == [{"id": question["id"], "value": question["value"]}]


async def test_the_state_names_the_waiting_task(client: LangGraphClient, thread_id: str) -> None:
    await ask(client, thread_id)
    state: Any = await client.threads.get_state(thread_id)
    [task] = state["tasks"]
    assert (state["next"], task["name"]) == (["approve"], "approve")
    assert task["interrupts"] == state["interrupts"]
    assert state["interrupts"][0]["value"] == ASKED
    assert state["interrupts"][0].keys() == {"id", "value"}


@pytest.mark.parametrize(("answer", "result"), [(True, "sent"), (False, "dropped")])
async def test_a_resume_goes_on_with_the_answer(
    client: LangGraphClient, thread_id: str, answer: bool, result: str
) -> None:
    await ask(client, thread_id)
    values: Any = await client.runs.wait(thread_id, "approval", command={"resume": answer})
    assert (values["approved"], values["result"]) == (answer, result)
    thread: Any = await client.threads.get(thread_id)
    assert (thread["status"], thread["interrupts"]) == ("idle", {})


async def test_a_question_is_streamed_as_update_and_as_values(
    client: LangGraphClient, thread_id: str
) -> None:
    stream = client.runs.stream(thread_id, "approval", input={"request": "x"}, stream_mode=BOTH)
    parts = await collect(stream)
    assert names(parts) == ["metadata", "values", "updates", "values", "updates", "values"]
    assert parts[-2].data.keys() == {"__interrupt__"}
    assert parts[-1].data["__interrupt__"] == parts[-2].data["__interrupt__"]
    assert parts[-1].data["draft"] == "Draft for: x"


async def test_a_resumed_stream_begins_with_the_values_so_far(
    client: LangGraphClient, thread_id: str
) -> None:
    await ask(client, thread_id)
    stream = client.runs.stream(thread_id, "approval", command={"resume": True}, stream_mode=BOTH)
    parts = await collect(stream)
    assert names(parts) == ["metadata", "values", "updates", "values", "updates", "values"]
    assert parts[1].data == {"request": "a letter", "draft": "Draft for: a letter"}
    assert parts[2].data == {"approve": {"approved": True}}


async def test_join_of_an_interrupted_run_shows_the_question(
    client: LangGraphClient, thread_id: str
) -> None:
    run = await client.runs.create(thread_id, "approval", input={"request": "a letter"})
    await client.runs.join(thread_id, run["run_id"])
    again: Any = await client.runs.join(thread_id, run["run_id"])
    [question] = again["__interrupt__"]
    assert again.keys() == {"__interrupt__"}
    assert question["value"] == ASKED


async def test_two_questions_at_once_come_alone_and_together(lab_client: LangGraphClient) -> None:
    thread_id = await new_thread(lab_client)
    answer: Any = await lab_client.runs.wait(thread_id, "two_questions", input={})
    assert answer.keys() == {"__interrupt__"}
    assert {one["value"] for one in answer["__interrupt__"]} == {"left?", "right?"}
    assert len((await lab_client.threads.get(thread_id))["interrupts"]) == 2


async def test_two_questions_are_streamed_as_two_pairs(lab_client: LangGraphClient) -> None:
    thread_id = await new_thread(lab_client)
    stream = lab_client.runs.stream(thread_id, "two_questions", input={}, stream_mode=BOTH)
    parts = await collect(stream)
    assert names(parts) == ["metadata", *["updates", "values"] * 2]
    asked = [one["__interrupt__"][0]["value"] for one in payloads(parts, "updates")]
    assert sorted(asked) == ["left?", "right?"]


async def test_two_questions_are_answered_one_by_one(lab_client: LangGraphClient) -> None:
    thread_id = await new_thread(lab_client)
    asked: Any = await lab_client.runs.wait(thread_id, "two_questions", input={})
    ids = {one["value"]: one["id"] for one in asked["__interrupt__"]}
    first: Any = {"resume": {ids["left?"]: "A"}}
    rest: Any = await lab_client.runs.wait(thread_id, "two_questions", command=first)
    assert [one["value"] for one in rest["__interrupt__"]] == ["right?"]
    second: Any = {"resume": {ids["right?"]: "B"}}
    values: Any = await lab_client.runs.wait(thread_id, "two_questions", command=second)
    assert values == {"answers": ["left=A", "right=B"]}


async def test_two_questions_are_answered_at_once(lab_client: LangGraphClient) -> None:
    thread_id = await new_thread(lab_client)
    asked: Any = await lab_client.runs.wait(thread_id, "two_questions", input={})
    answers = {one["id"]: one["value"].upper() for one in asked["__interrupt__"]}
    command: Any = {"resume": answers}
    values = await lab_client.runs.wait(thread_id, "two_questions", command=command)
    assert values == {"answers": ["left=LEFT?", "right=RIGHT?"]}


async def test_interrupt_before_stops_ahead_of_the_node(
    client: LangGraphClient, thread_id: str
) -> None:
    stream = client.runs.stream(
        thread_id, "steps", input={"topic": "tea"}, stream_mode=BOTH, interrupt_before=["work"]
    )
    parts = await collect(stream)
    assert names(parts) == ["metadata", "values", "updates", "values", "updates"]
    assert parts[-1].data == {"__interrupt__": []}
    state = await client.threads.get_state(thread_id)
    assert (state["next"], state["values"]) == (["work"], {"topic": "tea", "done": ["plan"]})


async def test_interrupt_after_stops_behind_the_node_and_null_input_goes_on(
    client: LangGraphClient, thread_id: str
) -> None:
    halted = await client.runs.wait(thread_id, "steps", input={}, interrupt_after=["plan"])
    assert halted == {"done": ["plan"]}
    thread: Any = await client.threads.get(thread_id)
    assert (thread["status"], thread["interrupts"]) == ("interrupted", {})
    values = await client.runs.wait(thread_id, "steps", input=None)
    assert values == {"done": ["plan", "work", "review"]}


async def test_interrupt_before_every_node_walks_step_by_step(
    client: LangGraphClient, thread_id: str
) -> None:
    starts: list[Any] = [{}, None, None]
    halts: list[Any] = [
        await client.runs.wait(thread_id, "steps", input=given, interrupt_before="*")
        for given in starts
    ]
    assert [halt["done"] for halt in halts] == [[], ["plan"], ["plan", "work"]]


async def test_a_question_within_a_subgraph_is_shown_at_both_levels(
    client: LangGraphClient, thread_id: str
) -> None:
    stream = client.runs.stream(
        thread_id, "nested", input={}, stream_mode="updates", stream_subgraphs=True
    )
    parts = await collect(stream)
    inner, root = parts[-2:]
    assert inner.event.startswith("updates|inner:")
    assert (root.event, root.data) == ("updates", inner.data)
    assert root.data["__interrupt__"][0]["value"] == "Which way?"


async def test_a_question_within_a_subgraph_is_resumed_from_outside(
    client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "nested", input={})
    values = await client.runs.wait(thread_id, "nested", command={"resume": "left"})
    assert values == {"trail": ["before", "after"], "answer": "left"}


async def test_the_state_shows_a_subgraph_on_request(
    client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "nested", input={})
    plain: Any = (await client.threads.get_state(thread_id))["tasks"][0]
    deep: Any = (await client.threads.get_state(thread_id, subgraphs=True))["tasks"][0]
    assert plain["checkpoint"]["checkpoint_ns"].startswith("inner:")
    assert plain["state"] is None
    assert deep["checkpoint"] is None
    assert deep["state"]["values"] == {"question": "Which way?"}
    assert deep["state"]["next"] == ["ask"]
    assert deep["state"]["checkpoint"]["checkpoint_ns"] == plain["checkpoint"]["checkpoint_ns"]


async def test_a_stateless_run_cannot_be_resumed(client: LangGraphClient) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        await client.runs.wait(None, "approval", command={"resume": True})


async def test_goto_and_update_start_where_the_command_says(
    client: LangGraphClient, thread_id: str
) -> None:
    await client.runs.wait(thread_id, "steps", input={"topic": "tea"})
    command: Any = {"goto": "review", "update": {"topic": "rum"}}
    values: Any = await client.runs.wait(thread_id, "steps", command=command)
    assert values == {"topic": "rum", "done": ["plan", "work", "review", "review"]}


@pytest.mark.parametrize("answers", [{"0" * 32: "yes"}, {}])
async def test_a_strict_answer_to_no_question_changes_nothing(
    client: LangGraphClient, thread_id: str, answers: dict[str, str]
) -> None:
    await ask(client, thread_id)
    before: Any = await client.threads.get(thread_id)
    refused: Any = await client.runs.wait(
        thread_id,
        "approval",
        command={"resume": answers},
        strict_resume=True,
        raise_error=False,
    )
    assert refused["__error__"]["error"] == "UnknownInterruptError"
    after: Any = await client.threads.get(thread_id)
    assert [after[name] for name in KEPT] == [before[name] for name in KEPT]
    [run, _] = await client.runs.list(thread_id)
    assert run["status"] == "error"


async def test_a_strict_answer_to_an_open_question_is_taken(
    client: LangGraphClient, thread_id: str
) -> None:
    question = (await ask(client, thread_id))["__interrupt__"][0]["id"]
    values: Any = await client.runs.wait(
        thread_id, "approval", command={"resume": {question: True}}, strict_resume=True
    )
    assert (values["approved"], values["result"]) == (True, "sent")


async def test_an_answer_that_is_rolled_back_was_never_given(lab_client: LangGraphClient) -> None:
    thread_id = await new_thread(lab_client)
    await lab_client.runs.wait(thread_id, "considered", input={})
    for question, answer in (("first?", "yes"), ("second?", "no")):
        await answered_and_rolled_back(lab_client, thread_id, "slowly")
        assert await questions(lab_client, thread_id) == [question]
        output = await lab_client.runs.wait(thread_id, "considered", command={"resume": answer})
    assert output == {"decided": "yes, no"}


async def answered_and_rolled_back(client: LangGraphClient, thread_id: str, answer: str) -> None:
    command: Any = {"resume": answer}
    async for part in client.runs.stream(
        thread_id, "considered", command=command, stream_mode=["custom"]
    ):
        data: Any = part.data
        if part.event == "metadata":
            run_id = data["run_id"]
        elif data == answer:
            break
    await client.runs.cancel(thread_id, run_id, wait=True, action="rollback")
    assert (await client.threads.get(thread_id))["status"] == "interrupted"


async def questions(client: LangGraphClient, thread_id: str) -> list[Any]:
    state = await client.threads.get_state(thread_id)
    return [one["value"] for task in state["tasks"] for one in task["interrupts"]]
