"""The A2A project's own client, in both dialects, over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from a2a.client import Client, ClientCallContext, ClientConfig, ClientFactory
from a2a.client.card_resolver import A2ACardResolver
from a2a.helpers.proto_helpers import (
    get_artifact_text,
    get_data_parts,
    get_message_text,
    new_data_part,
    new_raw_part,
    new_text_part,
)
from a2a.types import a2a_pb2 as pb
from a2a.utils import errors
from google.protobuf import json_format
from servers import Server

State = pb.TaskState


def message(*parts: pb.Part, **fields: Any) -> pb.SendMessageRequest:
    sent = pb.Message(message_id=str(uuid.uuid4()), role=pb.ROLE_USER, parts=parts, **fields)
    return pb.SendMessageRequest(message=sent)


def said(text: str, **fields: Any) -> pb.SendMessageRequest:
    return message(new_text_part(text), **fields)


def data(value: Any, **fields: Any) -> pb.SendMessageRequest:
    return message(new_data_part(value), **fields)


@asynccontextmanager
async def talking_to(
    server: Server, assistant: str, *, version: str = "1.0", streaming: bool = True
) -> AsyncIterator[Client]:
    """The client on one assistant; it picks its dialect by the card's interfaces."""
    async with httpx.AsyncClient(timeout=30) as http:
        card = await A2ACardResolver(http, f"{server.url}/a2a/{assistant}").get_agent_card()
        spoken = [one for one in card.supported_interfaces if one.protocol_version == version]
        del card.supported_interfaces[:]
        card.supported_interfaces.extend(spoken)
        config = ClientConfig(httpx_client=http, streaming=streaming)
        yield ClientFactory(config).create(card)


both_dialects = pytest.mark.parametrize("version", ["1.0", "0.3"])


async def answers(client: Client, request: pb.SendMessageRequest) -> list[pb.StreamResponse]:
    return [one async for one in client.send_message(request)]


async def task_of(client: Client, request: pb.SendMessageRequest) -> pb.Task:
    """Send a message without streaming; return the one task that is the answer."""
    (only,) = await answers(client, request)
    return only.task


async def test_a_card_is_resolved_in_every_place(server: Server) -> None:
    async with httpx.AsyncClient() as http:
        own = A2ACardResolver(http, f"{server.url}/a2a/chat")
        cards = [await own.get_agent_card(path) for path in (None, "/.well-known/agent.json", "/")]
        hosts = A2ACardResolver(http, server.url)
        query = "/.well-known/agent-card.json?assistant_id=chat"
        cards.append(await hosts.get_agent_card(query))
    assert cards[0].name == "chat"
    assert all(card == cards[0] for card in cards)
    assert [one.protocol_version for one in cards[0].supported_interfaces] == ["1.0", "0.3"]


@both_dialects
async def test_a_message_is_answered(server: Server, version: str) -> None:
    async with talking_to(server, "chat", version=version, streaming=False) as client:
        task = await task_of(client, said("good morning"))
    assert task.status.state == State.TASK_STATE_COMPLETED
    assert get_artifact_text(task.artifacts[0]) == "You said: good morning"
    assert [get_message_text(one) for one in task.history] == [
        "good morning",
        "You said: good morning",
    ]
    assert task.id.startswith(f"{task.context_id}:")


@both_dialects
async def test_an_answer_is_streamed_word_by_word(server: Server, version: str) -> None:
    async with talking_to(server, "chat", version=version) as client:
        parts = await answers(client, said("one two three"))
    kinds = [one.WhichOneof("payload") for one in parts]
    assert kinds[:2] == ["task", "status_update"] and kinds[-2:] == [
        "artifact_update",
        "status_update",
    ]
    assert parts[0].task.status.state == State.TASK_STATE_SUBMITTED
    assert parts[-1].status_update.status.state == State.TASK_STATE_COMPLETED
    pieces = [one.artifact_update for one in parts if one.HasField("artifact_update")]
    assert len(pieces) > 3
    heard = ""
    for piece in pieces:
        text = get_artifact_text(piece.artifact)
        heard = heard + text if piece.append else text
    assert heard == "You said: one two three" and pieces[-1].last_chunk


async def test_a_conversation_goes_on_in_its_context(server: Server) -> None:
    async with talking_to(server, "chat", streaming=False) as client:
        first = await task_of(client, said("one"))
        second = await task_of(client, said("two", context_id=first.context_id))
        assert second.context_id == first.context_id and second.id != first.id
        assert len(second.history) == 4
        own = [one for one in second.history if one.task_id == second.id]
        assert [get_message_text(one) for one in own] == ["two", "You said: two"]
        again = await client.get_task(pb.GetTaskRequest(id=first.id))
    assert get_artifact_text(again.artifacts[0]) == "You said: one"


async def test_history_can_be_short_or_left_out(server: Server) -> None:
    async with talking_to(server, "chat", streaming=False) as client:
        task = await task_of(client, said("one"))
        for length in (0, 1):
            got = await client.get_task(pb.GetTaskRequest(id=task.id, history_length=length))
            assert len(got.history) == length
        scope = ClientCallContext(service_parameters={"LangGraph-A2A-History-Scope": "task"})
        more = await task_of(client, said("two", context_id=task.context_id))
        own = await client.get_task(pb.GetTaskRequest(id=more.id), context=scope)
    assert [get_message_text(one) for one in own.history] == ["two", "You said: two"]


async def test_a_graph_without_messages_takes_and_gives_data(server: Server) -> None:
    async with talking_to(server, "echo", streaming=False) as client:
        task = await task_of(client, data({"message": {"n": 1}}))
        (answer,) = get_data_parts(task.artifacts[0].parts)
        assert answer == {"message": {"n": 1}, "reply": {"n": 1}}
        with pytest.raises(errors.InvalidParamsError, match="message, reply"):
            await task_of(client, said("text"))


@both_dialects
async def test_a_question_is_answered_within_its_task(server: Server, version: str) -> None:
    async with talking_to(server, "approval", version=version, streaming=False) as client:
        asked = await task_of(client, data({"request": "a letter"}))
        assert asked.status.state == State.TASK_STATE_INPUT_REQUIRED
        (question,) = get_data_parts(asked.artifacts[0].parts)
        assert question["value"]["question"] == "Send this?"
        where = {"context_id": asked.context_id, "task_id": asked.id}
        done = await task_of(client, data({"resume": True}, **where))
        assert (done.id, done.status.state) == (asked.id, State.TASK_STATE_COMPLETED)
        (values,) = get_data_parts(done.artifacts[0].parts)
        assert values["result"] == "sent"
        with pytest.raises(errors.UnsupportedOperationError, match="takes no message"):
            await task_of(client, said("more", **where))
        got = await client.get_task(pb.GetTaskRequest(id=asked.id))
    assert got.status.state == State.TASK_STATE_COMPLETED


async def test_a_question_is_streamed_and_answered_by_text(server: Server) -> None:
    async with talking_to(server, "approval") as client:
        parts = await answers(client, data({"request": "x"}))
        assert parts[-1].status_update.status.state == State.TASK_STATE_INPUT_REQUIRED
        assert [one.artifact_update.artifact.name for one in parts[-2:-1]] == ["Interrupt"]
        task = parts[0].task
        more = await answers(client, said("yes", task_id=task.id))
    assert more[0].task.id == task.id
    assert more[-1].status_update.status.state == State.TASK_STATE_COMPLETED


@both_dialects
async def test_files_become_content_and_come_back(server: Server, version: str) -> None:
    parts = (
        new_text_part("look"),
        new_raw_part(b"hello", filename="hello.txt", media_type="text/plain"),
        pb.Part(url="https://example.com/a.png", media_type="image/png"),
    )
    async with talking_to(server, "chat", version=version, streaming=False) as client:
        task = await task_of(client, message(*parts))
    back = task.history[0].parts
    assert [one.WhichOneof("content") for one in back] == ["text", "raw", "url"]
    assert (back[1].raw, back[1].filename) == (b"hello", "hello.txt")
    values = server.get(f"/threads/{task.context_id}").json()["values"]
    kinds = [block["type"] for block in values["messages"][0]["content"]]
    assert kinds == ["text", "file", "image"]


async def test_a_failed_run_is_a_failed_task_that_says_why(server: Server) -> None:
    async with talking_to(server, "failing", streaming=False) as client:
        task = await task_of(client, data({"message": "no luck"}))
        assert task.status.state == State.TASK_STATE_FAILED
        assert get_message_text(task.status.message) == "ValueError: no luck"
        assert (await client.get_task(pb.GetTaskRequest(id=task.id))).status == task.status


async def test_a_task_is_left_alone_followed_and_cancelled(server: Server) -> None:
    request = data({"steps": 200, "sleep_s": 0.1})
    request.configuration.return_immediately = True
    async with (
        talking_to(server, "slow") as client,
        talking_to(server, "slow", streaming=False) as asking,
    ):
        begun = await task_of(asking, request)
        assert begun.status.state == State.TASK_STATE_SUBMITTED
        heard: list[pb.StreamResponse] = []
        async for one in client.subscribe(pb.SubscribeToTaskRequest(id=begun.id)):
            heard.append(one)
            if len(heard) == 4:
                cancelled = await client.cancel_task(pb.CancelTaskRequest(id=begun.id))
                assert cancelled.status.state == State.TASK_STATE_CANCELED
        assert heard[0].task.id == begun.id
        told = [get_data_parts(one.status_update.status.message.parts) for one in heard[2:4]]
        assert told == [[{"count": 1}], [{"count": 2}]]
        assert heard[-1].status_update.status.state == State.TASK_STATE_CANCELED
        with pytest.raises(errors.TaskNotCancelableError):
            await client.cancel_task(pb.CancelTaskRequest(id=begun.id))
        with pytest.raises(errors.UnsupportedOperationError):
            await anext(client.subscribe(pb.SubscribeToTaskRequest(id=begun.id)))


async def test_tasks_are_listed_page_by_page_and_by_state(server: Server) -> None:
    async with talking_to(server, "approval", streaming=False) as client:
        first = await task_of(client, data({"request": "1"}))
        done = await task_of(client, data({"resume": True}, task_id=first.id))
        waiting = [await task_of(client, data({"request": str(n)})) for n in range(2)]
        asked = pb.ListTasksRequest(status=State.TASK_STATE_INPUT_REQUIRED, page_size=1)
        page = await client.list_tasks(asked)
        assert [one.id for one in page.tasks] == [waiting[1].id]
        assert page.total_size >= 2 and page.page_size == 1
        asked.page_token = page.next_page_token
        assert [one.id for one in (await client.list_tasks(asked)).tasks] == [waiting[0].id]
        only = pb.ListTasksRequest(context_id=first.context_id, include_artifacts=True)
        listed = await client.list_tasks(only)
    assert [(one.id, one.status.state) for one in listed.tasks] == [(done.id, done.status.state)]
    assert listed.total_size == 1 and listed.next_page_token == ""
    assert listed.tasks[0].artifacts == done.artifacts


async def test_what_is_not_there_is_told_in_the_protocols_own_errors(server: Server) -> None:
    async with talking_to(server, "chat", streaming=False) as client:
        missing = f"{uuid.uuid4()}:{uuid.uuid4()}"
        with pytest.raises(errors.TaskNotFoundError):
            await client.get_task(pb.GetTaskRequest(id=missing))
        with pytest.raises(errors.TaskNotFoundError):
            await task_of(client, said("hi", task_id=missing))
        config = pb.TaskPushNotificationConfig(task_id=missing, url="https://example.com")
        with pytest.raises(errors.PushNotificationNotSupportedError):
            await client.create_task_push_notification_config(config)
        picky = said("hi")
        picky.configuration.accepted_output_modes.append("image/png")
        with pytest.raises(errors.ContentTypeNotSupportedError, match="image/png"):
            await task_of(client, picky)


async def test_the_card_can_be_asked_for_by_the_protocol(server: Server) -> None:
    async with talking_to(server, "chat") as client:
        card = await client.get_extended_agent_card(pb.GetExtendedAgentCardRequest())
    assert card.name == "chat" and len(card.supported_interfaces) == 2


@pytest.mark.parametrize("assistant", ["chat", "tools", "approval", "failing", "echo"])
async def test_answers_hold_nothing_that_the_protocol_does_not_know(
    server: Server, assistant: str
) -> None:
    part = {"data": {"message": "x", "messages": [{"role": "user", "content": "x"}]}}
    params = {"message": {"role": "ROLE_USER", "messageId": str(uuid.uuid4()), "parts": [part]}}
    path = f"/a2a/{assistant}"

    def call(method: str, params: Any) -> httpx.Response:
        return server.post(path, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})

    sent = call("SendMessage", params).json()["result"]
    task = json_format.ParseDict(sent, pb.SendMessageResponse()).task
    json_format.ParseDict(call("GetTask", {"id": task.id}).json()["result"], pb.Task())
    listed = call("ListTasks", {"includeArtifacts": True}).json()["result"]
    json_format.ParseDict(listed, pb.ListTasksResponse())
    streamed = httpx.Response(200, content=call("SendStreamingMessage", params).content)
    events = [line[6:] for line in streamed.iter_lines() if line.startswith("data: ")]
    for event in events:
        json_format.ParseDict(httpx.Response(200, text=event).json()["result"], pb.StreamResponse())
    assert len(events) >= 2
