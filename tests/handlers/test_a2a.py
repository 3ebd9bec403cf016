"""A2A as it is on the wire, beyond what the protocol's own client shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from a2a.compat.v0_3 import types as legacy_types
from a2a.server.routes.jsonrpc_dispatcher import JsonRpcDispatcher
from a2a.types import a2a_pb2 as pb
from a2a.utils.errors import JSON_RPC_ERROR_CODE_MAP
from factories import NOBODY
from servers import Server, until_true

from graphstead.contract.load import packaged
from graphstead.engine.a2a import faults
from graphstead.engine.a2a.dialects import METHODS, Dialect


def text(said: str) -> dict[str, Any]:
    return {"kind": "text", "text": said}


def message(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    sent = {"role": "user", "messageId": str(uuid4()), "parts": list(parts), **fields}
    return {"message": sent}


def call(server: Server, assistant: str, method: str, params: Any, **options: Any) -> Any:
    request = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
    answer = server.post(f"/a2a/{assistant}", request, **options)
    assert answer.status_code == 200, answer.text
    assert answer.json()["id"] == 7
    return answer.json()


def task_of(server: Server, assistant: str, params: Any) -> Any:
    return call(server, assistant, "message/send", params)["result"]


def events(server: Server, assistant: str, method: str, params: Any) -> list[Any]:
    request = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
    answer = server.post(f"/a2a/{assistant}", request)
    lines = answer.text.splitlines()
    assert {line for line in lines if line.startswith("event:")} == {"event: message"}
    return [json.loads(line[6:])["result"] for line in lines if line.startswith("data: ")]


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that forgets how runs ended, beats every second and has a card of its own."""
    env = {
        "GRAPHSTEAD_RESUMABLE_STREAM_TTL_S": "0",
        "GRAPHSTEAD_HEARTBEAT_S": "1",
        "DEFAULT_A2A_ASSISTANT_ID": "tools",
    }
    running = Server(tmp_path_factory.mktemp("lonely") / "data", env=env).start()
    yield running
    assert running.stop() == 0, running.log


# ---- the protocol's numbers and names


def test_numbers_names_and_states_are_those_of_the_protocols_sdk() -> None:
    ours = {value for name, value in vars(faults).items() if isinstance(value, int)}
    assert ours <= set(JSON_RPC_ERROR_CODE_MAP.values())
    current = {name for name, method in METHODS.items() if method.dialect is Dialect.CURRENT}
    assert current == set(JsonRpcDispatcher.METHOD_TO_MODEL)
    models = [one for one in vars(legacy_types).values() if hasattr(one, "model_fields")]
    legacy = {one.model_fields["method"].default for one in models if "method" in one.model_fields}
    assert "message/send" in legacy
    assert {name for name in legacy if "/" in str(name)} <= METHODS.keys()
    states = packaged()["components"]["schemas"]["A2ATaskState"]["enum"]
    unused = {"TASK_STATE_UNSPECIFIED", "TASK_STATE_REJECTED", "TASK_STATE_AUTH_REQUIRED"}
    assert {one for one in states if one.startswith("TASK_")} == set(pb.TaskState.keys()) - unused


TASK = f"{NOBODY}:{NOBODY}"


@pytest.mark.parametrize(
    ("assistant", "method", "params", "code", "told"),
    [
        ("chat", "nope", {}, -32601, "nope"),
        ("chat", "message/send", {}, -32602, "'message' is required"),
        ("chat", "message/send", {"message": {"role": "user"}}, -32602, "params.message"),
        ("chat", "message/send", message(), -32602, "parts"),
        ("chat", "message/send", message({"kind": "video"}), -32005, "parts[0]"),
        ("chat", "message/send", message({"text": "a", "data": {}}), -32005, "exactly one"),
        ("chat", "message/send", message({"kind": "data", "data": [1]}), -32602, "an object"),
        ("chat", "message/send", message(text("a"), contextId="zz"), -32602, "contextId"),
        ("chat", "message/send", message(text("a"), taskId=TASK), -32001, TASK),
        ("chat", "message/stream", message(text("a"), taskId=TASK), -32001, TASK),
        ("chat", "tasks/get", {"id": TASK, "historyLength": -1}, -32602, "historyLength"),
        ("chat", "tasks/get", {"id": TASK}, -32001, TASK),
        ("chat", "tasks/cancel", {"id": "x"}, -32001, "x"),
        ("chat", "tasks/resubscribe", {"id": TASK}, -32001, TASK),
        ("chat", "tasks/pushNotificationConfig/set", {}, -32003, "Push"),
        ("chat", "ListTasks", {"pageSize": 101}, -32602, "pageSize"),
        ("chat", "ListTasks", {"pageToken": "x"}, -32602, "pageToken"),
        ("chat", "ListTasks", {"statusTimestampAfter": "yesterday"}, -32602, "date-time"),
        ("chat", "ListTasks", {"statusTimestampAfter": "2016-12-31T23:59:60Z"}, -32602, "instant"),
        ("echo", "message/send", message(text("a")), -32602, "message, reply"),
        ("nope", "message/send", message(text("a")), -32602, "nope"),
        (NOBODY, "tasks/get", {"id": TASK}, -32602, "not found"),
    ],
)
def test_a_fault_is_told_by_its_number_and_names_what_is_wrong(
    server: Server, assistant: str, method: str, params: Any, code: int, told: str
) -> None:
    error = call(server, assistant, method, params)["error"]
    assert error["code"] == code
    assert told in error["message"]


@pytest.mark.parametrize(
    ("content", "code", "rpc_id"),
    [
        (b"{x", -32700, None),
        (b"", -32700, None),
        (b"[]", -32600, None),
        (b'{"jsonrpc":"1.0","id":1,"method":"tasks/get","params":{"id":"x"}}', -32600, 1),
        (b'{"jsonrpc":"2.0","method":"ListTasks"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":true,"method":"ListTasks"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":"a"}', -32600, "a"),
        (b'{"jsonrpc":"2.0","id":"a","method":"GetTask"}', -32602, "a"),
    ],
)
def test_a_body_that_is_no_request_is_refused_in_the_envelope(
    server: Server, content: bytes, code: int, rpc_id: Any
) -> None:
    headers = {"content-type": "application/json"}
    answer = server.call("POST", "/a2a/chat", content=content, headers=headers)
    assert (answer.status_code, answer.json()["id"]) == (200, rpc_id)
    assert answer.json()["error"]["code"] == code


@pytest.mark.parametrize(
    ("method", "accept", "status"),
    [
        ("ListTasks", "application/json", 200),
        ("ListTasks", "application/*;q=0.5, text/html", 200),
        ("ListTasks", "text/event-stream", 400),
        ("ListTasks", "text/html", 400),
        ("message/stream", "application/json", 400),
        ("message/stream", "text/event-stream", 200),
    ],
)
def test_an_accept_header_that_takes_no_answer_is_refused(
    server: Server, method: str, accept: str, status: int
) -> None:
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": message(text("a"))}
    answer = server.post("/a2a/chat", request, headers={"accept": accept})
    assert answer.status_code == status
    if status == 400:
        assert answer.json()["error"].startswith("Accept header must include")


def test_a_version_that_is_not_spoken_is_refused(server: Server) -> None:
    answer = call(server, "chat", "ListTasks", {}, headers={"A2A-Version": "2.1"})
    assert answer["error"]["code"] == -32009


# ---- messages


def test_the_same_message_again_is_the_same_task(server: Server) -> None:
    params = message(text("once"))
    first = task_of(server, "chat", params)
    assert task_of(server, "chat", params) == first
    streamed = events(server, "chat", "message/stream", params)
    assert streamed[0]["id"] == first["id"]
    assert streamed[-1]["status"]["state"] == "completed"
    runs = server.get(f"/threads/{first['contextId']}/runs").json()
    assert len(runs) == 1


def test_an_id_used_twice_on_a_context_never_overwrites_what_was_said(server: Server) -> None:
    first = task_of(server, "chat", message(text("one"), messageId="m-1"))
    again = message(text("two"), messageId="m-1", contextId=first["contextId"])
    error = call(server, "chat", "message/send", again)["error"]
    assert error["code"] == -32602 and "m-1" in error["message"]
    assert task_of(server, "chat", message(text("two"), messageId="m-1"))["id"] != first["id"]
    got = call(server, "chat", "tasks/get", {"id": first["id"]})["result"]
    assert [one["parts"][0]["text"] for one in got["history"]] == ["one", "You said: one"]


def test_a_context_that_is_not_there_is_made_under_its_id(server: Server) -> None:
    context_id = str(uuid4())
    task = task_of(server, "chat", message(text("hi"), contextId=context_id))
    assert task["contextId"] == context_id
    thread = server.get(f"/threads/{context_id}").json()
    assert thread["metadata"]["graph_id"] == "chat"


def test_data_and_text_become_one_input(server: Server) -> None:
    parts = (text("hello"), {"kind": "data", "data": {"unknown": 1}})
    task = task_of(server, "tools", message(*parts))
    tool = task["history"][1]["parts"][0]["data"]["tool_results"][0]
    assert (tool["name"], tool["content"]) == ("count_letters", "5")
    assert task["artifacts"][0]["parts"] == [text("That is 5 letters.")]
    run_id = task["id"].partition(":")[2]
    run = server.get(f"/threads/{task['contextId']}/runs/{run_id}").json()
    assert run["kwargs"]["input"]["unknown"] == 1


def test_metadata_of_a_message_are_those_of_its_run(server: Server) -> None:
    params = {**message(text("hi"), metadata={"k": 1}), "metadata": {"from": "tests"}}
    task = task_of(server, "chat", params)
    run = server.get(f"/threads/{task['contextId']}/runs").json()[0]
    assert run["metadata"]["from"] == "tests"
    values = server.get(f"/threads/{task['contextId']}").json()["values"]
    assert values["messages"][0]["additional_kwargs"] == {"metadata": {"k": 1}}


def test_whole_numbers_of_64_bits_pass_unharmed(server: Server) -> None:
    part = {"kind": "data", "data": {"message": 2**63 - 1}}
    task = task_of(server, "echo", message(part))
    assert task["artifacts"][0]["parts"][1]["data"]["reply"] == 2**63 - 1


def test_a_client_gets_only_what_it_takes(server: Server) -> None:
    part = {"kind": "data", "data": {"message": "x"}}
    for mode, kind in (("application/json", "data"), ("text/*", "text")):
        wishes = {"configuration": {"acceptedOutputModes": [mode]}}
        task = task_of(server, "echo", {**message(part), **wishes})
        assert [one["kind"] for one in task["artifacts"][0]["parts"]] == [kind]


def test_an_answer_at_once_shows_the_message_and_the_task_comes_to_an_end(server: Server) -> None:
    params = {**message(text("hi")), "configuration": {"blocking": False}}
    task = task_of(server, "chat", params)
    assert task["status"]["state"] == "submitted"
    assert [one["parts"] for one in task["history"]] == [[text("hi")]]

    def completed() -> bool:
        got = call(server, "chat", "tasks/get", {"id": task["id"]})["result"]
        return bool(got["status"]["state"] == "completed")

    until_true(completed)


def test_an_answer_sent_again_resumes_once(server: Server) -> None:
    asked = task_of(server, "approval", message({"kind": "data", "data": {"request": "x"}}))
    answer = message({"kind": "data", "data": {"resume": False}}, taskId=asked["id"])
    first = task_of(server, "approval", answer)
    assert first["artifacts"][0]["parts"][1]["data"]["result"] == "dropped"
    assert task_of(server, "approval", answer) == first
    runs = server.get(f"/threads/{asked['contextId']}/runs").json()
    assert len(runs) == 2
    begun = asked["id"].partition(":")[2]
    assert [run["metadata"].get("continues_run_id") for run in runs] == [begun, None]


@pytest.mark.parametrize("forgetful", [False, True])
def test_a_question_that_was_passed_over_is_told_as_such(
    server: Server, lonely: Server, forgetful: bool
) -> None:
    one = lonely if forgetful else server
    asked = task_of(one, "approval", message({"data": {"request": "1"}}))
    later = message({"data": {"request": "2"}}, contextId=asked["contextId"])
    assert task_of(one, "approval", later)["status"]["state"] == "input-required"
    got = call(one, "approval", "tasks/get", {"id": asked["id"]})["result"]
    assert got["status"]["state"] == "canceled" and "artifacts" not in got
    assert "without an answer" in got["status"]["message"]["parts"][0]["text"]
    error = call(one, "approval", "message/send", message(text("yes"), taskId=asked["id"]))["error"]
    assert error["code"] == -32004


def test_a_client_that_leaves_does_not_end_its_task(server: Server) -> None:
    params = message({"data": {"steps": 5, "sleep_s": 0.1}})
    request = {"jsonrpc": "2.0", "id": 1, "method": "message/stream", "params": params}
    with httpx.stream("POST", f"{server.url}/a2a/slow", json=request, timeout=30) as answer:
        first = next(line for line in answer.iter_lines() if line.startswith("data: "))
    task_id = json.loads(first[6:])["result"]["id"]

    def completed() -> bool:
        got = call(server, "slow", "tasks/get", {"id": task_id})["result"]
        return bool(got["status"]["state"] == "completed")

    until_true(completed)


def test_a_task_is_only_its_own_assistants(server: Server) -> None:
    task = task_of(server, "chat", message(text("hi")))
    error = call(server, "tools", "tasks/get", {"id": task["id"]})["error"]
    assert error["code"] == -32001


def test_runs_of_the_rest_api_are_tasks_too(server: Server) -> None:
    thread_id = server.post("/threads", {}).json()["thread_id"]
    body = {"assistant_id": "echo", "input": {"message": "rest"}}
    server.post(f"/threads/{thread_id}/runs/wait", body)
    run_id = server.get(f"/threads/{thread_id}/runs").json()[0]["run_id"]
    listed = call(server, "echo", "tasks/list", {"contextId": thread_id})["result"]
    assert [one["id"] for one in listed["tasks"]] == [f"{thread_id}:{run_id}"]


# ---- time


def test_what_older_tasks_came_to_outlives_the_log(lonely: Server) -> None:
    first = task_of(lonely, "echo", message({"data": {"message": "old"}}))
    task_of(lonely, "echo", message({"data": {"message": "new"}}, contextId=first["contextId"]))
    got = call(lonely, "echo", "tasks/get", {"id": first["id"]})["result"]
    assert got["artifacts"] == first["artifacts"]


def test_a_silent_stream_beats(lonely: Server) -> None:
    params = message({"data": {"steps": 1, "sleep_s": 5}})
    request = {"jsonrpc": "2.0", "id": 1, "method": "message/stream", "params": params}
    answer = lonely.post("/a2a/slow", request)
    assert ": heartbeat\r\n\r\n" in answer.text
    assert '"completed"' in answer.text.splitlines()[-2]


def test_a_task_survives_the_death_of_the_server(lonely: Server) -> None:
    params = message({"data": {"steps": 50, "sleep_s": 0.1}})
    params |= {"configuration": {"blocking": False}}
    task = task_of(lonely, "slow", params)
    lonely.restart(kill=True)
    assert task_of(lonely, "slow", params)["id"] == task["id"]
    followed = events(lonely, "slow", "tasks/resubscribe", {"id": task["id"]})
    assert followed[0]["id"] == task["id"]
    got = call(lonely, "slow", "tasks/get", {"id": task["id"]})["result"]
    assert got["status"]["state"] == "completed"
    assert got["artifacts"][0]["parts"][1]["data"]["count"] == 50
    assert followed[-1]["status"] == got["status"]


# ---- cards


def test_the_card_of_the_host_is_that_of_the_setting(lonely: Server, server: Server) -> None:
    assert lonely.get("/.well-known/agent-card.json").json()["name"] == "tools"
    refused = server.get("/.well-known/agent-card.json")
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == -32602
    assert "assistant_id" in refused.json()["detail"]


def test_a_card_of_nobody_is_refused_as_json(server: Server) -> None:
    for path in ("/a2a/nope", "/a2a/nope/.well-known/agent-card.json"):
        answer = server.get(path)
        assert answer.status_code == 400
        assert "nope" in answer.json()["error"]["message"]


def test_a_card_names_the_address_that_the_client_used(server: Server) -> None:
    card = server.get("/a2a/chat", headers={"host": "agents.example.com:81"}).json()
    assistant_id = card["url"].rpartition("/")[2]
    assert card["url"] == f"http://agents.example.com:81/a2a/{assistant_id}"
    assert server.get(f"/assistants/{assistant_id}").json()["graph_id"] == "chat"


def test_a_card_says_what_the_graph_takes(server: Server) -> None:
    chat, echo = (server.get(f"/a2a/{name}").json() for name in ("chat", "echo"))
    assert chat["defaultInputModes"] == ["application/json", "text/plain"]
    assert echo["defaultInputModes"] == ["application/json"]
    assert echo["skills"][0]["metadata"]["inputSchema"]["properties"] == ["message", "reply"]


def test_an_assistant_says_by_its_metadata_which_media_types_it_takes(server: Server) -> None:
    modes = {"a2a": {"input_modes": ["text/plain"], "output_modes": ["text/plain"]}}
    made = server.post("/assistants", {"graph_id": "chat", "name": "fussy", "metadata": modes})
    assistant_id = made.json()["assistant_id"]
    card = server.get(f"/a2a/{assistant_id}").json()
    assert (card["name"], card["description"]) == ("fussy", "fussy assistant")
    assert card["defaultInputModes"] == card["skills"][0]["outputModes"] == ["text/plain"]
    picture = {"kind": "file", "file": {"uri": "http://e.com/a", "mimeType": "image/png"}}
    error = call(server, assistant_id, "message/send", message(picture))["error"]
    assert error["code"] == -32005 and "image/png" in error["message"]


def test_the_verb_delete_is_told_which_are_right(server: Server) -> None:
    answer = server.call("DELETE", "/a2a/chat")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
