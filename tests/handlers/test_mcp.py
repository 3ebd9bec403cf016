"""The MCP entry as bytes on the wire; sdk/test_mcp_clients.py has what clients make of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import mcp_types
import pytest
from factories import NOBODY
from mcp_types import jsonrpc, methods
from mcp_types import version as versions
from servers import Server, until_true

from graphstead.engine.mcp import messages, speakers

BOTH = "application/json, text/event-stream"
MODERN = versions.LATEST_MODERN_VERSION
LEGACY = versions.LATEST_HANDSHAKE_VERSION
BACKGROUND = ThreadPoolExecutor(2)
LONG = {"steps": 1200, "sleep_s": 0.1}


def post(server: Server, message: Any, path: str = "/mcp", **headers: str) -> httpx.Response:
    sent = {"accept": BOTH, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return server.post(path, message, headers=sent)


def request(method: str, params: Any = None, message_id: Any = 1) -> dict[str, Any]:
    message = {"jsonrpc": "2.0", "id": message_id, "method": method}
    return message if params is None else {**message, "params": params}


def ask(server: Server, method: str, params: Any = None, **headers: str) -> Any:
    """Send a request of the newest version that begins with `initialize`; return its result."""
    answer = post(server, request(method, params), **{"mcp_protocol_version": LEGACY, **headers})
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


def use(server: Server, tool: str, arguments: Any, **params: Any) -> Any:
    return ask(server, "tools/call", {"name": tool, "arguments": arguments, **params})


def refused(server: Server, method: str, params: Any) -> dict[str, Any]:
    answer = post(server, request(method, params))
    assert answer.status_code == 200
    error: dict[str, Any] = answer.json()["error"]
    return error


def modern(server: Server, method: str, params: Any = None, **changed: Any) -> httpx.Response:
    """Send a request that stands for itself; `changed` replaces or (None) omits headers."""
    params = params or {}
    meta = {speakers.VERSION_KEY: MODERN, speakers.CAPABILITIES_KEY: {}, **params.get("_meta", {})}
    named = params.get(speakers.NAME_OF_METHOD.get(method, ""))
    headers = {"mcp_protocol_version": MODERN, "mcp_method": method, "mcp_name": named, **changed}
    sent = {name: value for name, value in headers.items() if value is not None}
    return post(server, request(method, {**params, "_meta": meta}), **sent)


def resources_of(server: Server) -> Iterator[dict[str, Any]]:
    """Yield the resources of all pages: other tests leave assistants and threads behind."""
    cursor: str | None = "0"
    while cursor is not None:
        page = ask(server, "resources/list", {"cursor": cursor})
        yield from page["resources"]
        cursor = page.get("nextCursor")


def threads_of_calls(server: Server, **conditions: Any) -> list[dict[str, Any]]:
    body = {"metadata": {"created_by": "mcp"}, "limit": 100, **conditions}
    found: list[dict[str, Any]] = server.post("/threads/search", body).json()
    return found


# ---- the transport


def test_both_spellings_of_the_path_answer_alike(server: Server) -> None:
    answers = [post(server, request("tools/list"), path=path) for path in ("/mcp", "/mcp/")]
    assert [one.status_code for one in answers] == [200, 200]
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{bad", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":1e999}}', -32700),
        (b'"ping"', -32600),
        (b"[]", -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":1}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', -32600),
        (b"", -32600),
    ],
)
def test_what_is_no_message_is_refused_in_json_rpc(
    server: Server, content: bytes, code: int
) -> None:
    headers = {"accept": BOTH, "content-type": "application/json"}
    answer = server.call("POST", "/mcp", content=content, headers=headers)
    assert answer.status_code == 400
    assert mcp_types.JSONRPCError.model_validate(answer.json()).error.code == code
    assert answer.json()["id"] is None


@pytest.mark.parametrize(
    "message",
    [
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 99}},
        {"jsonrpc": "2.0", "method": "notifications/unheard"},
        {"jsonrpc": "2.0", "id": 4, "result": {}},
        {"jsonrpc": "2.0", "id": 4, "error": {"code": 1, "message": "no"}},
        [{"jsonrpc": "2.0", "method": "notifications/initialized"}],
    ],
)
def test_what_asks_for_nothing_is_acknowledged_without_a_body(server: Server, message: Any) -> None:
    answer = post(server, message)
    assert (answer.status_code, answer.content) == (202, b"")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html, application/*;q=0.5"])
def test_a_client_that_takes_json_gets_it(server: Server, accept: str) -> None:
    answer = post(server, request("ping"), accept=accept)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"jsonrpc": "2.0", "id": 1, "result": {}}


def test_a_client_that_takes_events_alone_gets_its_answer_as_one(server: Server) -> None:
    answer = post(server, request("ping"), accept="text/event-stream")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.text == 'event: message\r\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\r\n\r\n'


def test_a_client_that_takes_neither_is_refused(server: Server) -> None:
    answer = post(server, request("ping"), accept="text/html")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == messages.INVALID_REQUEST


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
def test_there_is_no_stream_to_get_and_no_session_to_keep(server: Server, path: str) -> None:
    got = server.get(path, headers={"accept": "text/event-stream"})
    assert (got.status_code, got.headers["allow"]) == (405, "DELETE, POST")
    assert server.call("DELETE", path).status_code == 404
    assert server.call("DELETE", path, headers={"mcp-session-id": "any"}).status_code == 204


# ---- versions


def test_versions_and_codes_are_those_of_the_protocols_own_package() -> None:
    assert versions.HANDSHAKE_PROTOCOL_VERSIONS == speakers.HANDSHAKE_VERSIONS
    assert versions.MODERN_PROTOCOL_VERSIONS == speakers.MODERN_VERSIONS
    assert mcp_types.DEFAULT_NEGOTIATED_VERSION == speakers.UNNAMED_VERSION
    assert mcp_types.PROTOCOL_VERSION_META_KEY == speakers.VERSION_KEY
    assert mcp_types.CLIENT_CAPABILITIES_META_KEY == speakers.CAPABILITIES_KEY
    for name in ("INVALID_REQUEST", "METHOD_NOT_FOUND", "INVALID_PARAMS", "INTERNAL_ERROR"):
        assert getattr(jsonrpc, name) == getattr(messages, name)
    for name in ("HEADER_MISMATCH", "UNSUPPORTED_PROTOCOL_VERSION"):
        assert getattr(jsonrpc, name) == getattr(messages, name)


@pytest.mark.parametrize(
    ("wanted", "given"),
    [*((one, one) for one in versions.HANDSHAKE_PROTOCOL_VERSIONS), (MODERN, LEGACY), (7, LEGACY)],
)
def test_initialize_settles_on_a_version_both_speak(
    server: Server, wanted: Any, given: str
) -> None:
    client = {"capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    answer = post(server, request("initialize", {"protocolVersion": wanted, **client}))
    result = answer.json()["result"]
    assert result["protocolVersion"] == given
    assert result["serverInfo"]["name"] == "graphstead"
    assert sorted(result["capabilities"]) == ["resources", "tools"]
    assert len(answer.headers["mcp-session-id"]) == 32


def test_a_version_nobody_speaks_is_refused_with_those_that_are_spoken(server: Server) -> None:
    answer = post(server, request("ping"), mcp_protocol_version="1999-01-01")
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == jsonrpc.UNSUPPORTED_PROTOCOL_VERSION
    assert error["data"]["supported"] == list(versions.KNOWN_PROTOCOL_VERSIONS)


def test_several_messages_at_once_belong_to_one_version(server: Server) -> None:
    echo = {"name": "echo", "arguments": {"message": "hi"}}
    notice = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    batch = [request("ping", None, "a"), notice, request("tools/call", echo, "b")]
    batch.append(request("prompts/list", None, "c"))
    unnamed, named = post(server, batch), post(server, batch, mcp_protocol_version="2025-03-26")
    for answer in (unnamed, named):
        ids = {one["id"]: one for one in answer.json()}
        assert ids["a"]["result"] == {}
        assert ids["b"]["result"]["structuredContent"] == {"message": "hi", "reply": "hi"}
        assert ids["c"]["error"]["code"] == messages.METHOD_NOT_FOUND
        assert len(ids) == 3
    streamed = post(server, batch, accept="text/event-stream").text
    assert streamed.count("event: message\r\n") == 3
    assert post(server, batch, mcp_protocol_version="2025-06-18").status_code == 400
    assert post(server, [request("initialize")]).status_code == 400


QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("tools/list", {}),
    ("tools/call", {"name": "echo", "arguments": {"message": "hi"}}),
    ("tools/call", {"name": "failing", "arguments": {}}),
    ("resources/list", {}),
    ("resources/templates/list", {}),
    ("resources/read", {"uri": "graphstead://assistants/{echo}/schemas"}),
]


@pytest.mark.parametrize("version", versions.KNOWN_PROTOCOL_VERSIONS)
def test_every_result_has_the_shape_of_its_version(server: Server, version: str) -> None:
    found = server.post("/assistants/search", {"graph_id": "echo"}).json()
    own = "server/discover" if version == MODERN else "ping"
    for method, params in [*QUESTIONS, (own, {})]:
        filled = json.loads(json.dumps(params).replace("{echo}", found[-1]["assistant_id"]))
        if version == MODERN:
            answer = modern(server, method, filled)
        else:
            answer = post(server, request(method, filled), mcp_protocol_version=version)
        assert answer.status_code == 200, answer.text
        methods.validate_server_result(method, version, answer.json()["result"])


@pytest.mark.parametrize("method", ["prompts/list", "completion/complete", "logging/setLevel"])
def test_what_is_not_offered_is_no_method(server: Server, method: str) -> None:
    assert refused(server, method, {})["code"] == messages.METHOD_NOT_FOUND
    answer = modern(server, method)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, -32601)


def test_methods_of_one_era_are_unknown_in_the_other(server: Server) -> None:
    assert refused(server, "server/discover", {})["code"] == messages.METHOD_NOT_FOUND
    assert modern(server, "initialize").status_code == 404


def test_a_modern_client_may_ping_though_its_version_has_no_such_method(server: Server) -> None:
    assert modern(server, "ping").json()["result"]["resultType"] == "complete"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"mcp_method": "tools/list"}, jsonrpc.HEADER_MISMATCH),
        ({"mcp_method": None}, jsonrpc.HEADER_MISMATCH),
        ({"mcp_name": "chat"}, jsonrpc.HEADER_MISMATCH),
        ({"mcp_name": "=?base64?!?="}, jsonrpc.HEADER_MISMATCH),
        ({"mcp_name": "=?base64?ZWNobw==?="}, None),
    ],
)
def test_a_modern_request_must_not_contradict_its_headers(
    server: Server, changed: dict[str, Any], code: int | None
) -> None:
    answer = modern(server, "tools/call", {"name": "echo", "arguments": {}}, **changed)
    assert answer.status_code == (200 if code is None else 400)
    assert answer.json().get("error", {}).get("code") == code


def test_a_modern_request_without_its_envelope_is_refused(server: Server) -> None:
    headers = {"mcp_protocol_version": MODERN, "mcp_method": "tools/list"}
    answer = post(server, request("tools/list", {}), **headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32602)
    assert answer.json()["id"] == 1


# ---- tools


def test_an_assistant_is_listed_with_what_it_takes(server: Server) -> None:
    tools = {tool["name"]: tool for tool in ask(server, "tools/list")["tools"]}
    assert {"echo", "chat", "approval", "graphstead_resume"} <= tools.keys()
    assert tools["echo"]["description"] == "Answers with what it was sent."
    assert tools["chat"]["inputSchema"] == {
        "properties": {
            "messages": {
                "type": "string",
                "title": "Messages",
                "description": "The user message to send to the agent.",
            }
        },
        "required": ["messages"],
        "title": "MessagesState",
        "type": "object",
    }
    assert tools["steps"]["outputSchema"]["properties"]["done"] == {
        "title": "Done",
        "description": "Annotated as array.",
    }
    assert tools["echo"]["annotations"]["readOnlyHint"] is False


def test_an_output_is_json_both_as_text_and_as_structure(server: Server) -> None:
    result = use(server, "echo", {"message": {"n": [1, None]}})
    assert result["isError"] is False
    assert result["structuredContent"] == {"message": {"n": [1, None]}, "reply": {"n": [1, None]}}
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]


@pytest.mark.parametrize("said", ["hi", [{"role": "user", "content": "hi"}]])
def test_messages_are_taken_as_text_and_as_a_list(server: Server, said: Any) -> None:
    result = use(server, "chat", {"messages": said})
    assert [one["type"] for one in result["structuredContent"]["messages"]] == ["human", "ai"]


def test_a_failing_graph_says_what_failed(server: Server) -> None:
    result = use(server, "failing", {"message": "the printer is on fire"})
    assert result["isError"] is True
    assert result["content"][0]["text"] == "ValueError: the printer is on fire"


def test_arguments_that_do_not_fit_are_told_to_the_model_by_path(server: Server) -> None:
    result = use(server, "slow", {"steps": "many"})
    assert result["isError"] is True
    expected = "InvalidArguments: arguments.steps: 'many' is not of type integer"
    assert result["content"][0]["text"] == expected
    missing = use(server, "chat", {})["content"][0]["text"]
    assert missing == "InvalidArguments: arguments: 'messages' is required"


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("tools/call", {"name": "nope"}, "Unknown tool: nope"),
        ("tools/call", {}, "Unknown tool: None"),
        ("tools/call", {"name": NOBODY}, "Unknown tool: "),
        ("tools/call", {"name": "echo", "arguments": [1]}, "params.arguments must be an object"),
        ("tools/call", {"name": "echo", "context": 1}, "params.context must be an object"),
        ("tools/call", {"name": "echo", "_meta": 1}, "params._meta must be an object"),
        ("tools/list", {"cursor": "x"}, "params.cursor must be"),
        ("tools/list", {"cursor": 7}, "params.cursor must be"),
        ("resources/list", {"cursor": "-1"}, "params.cursor must be"),
        ("resources/read", {}, "params.uri must be a string"),
    ],
)
def test_parameters_that_do_not_fit_are_named(
    server: Server, method: str, params: dict[str, Any], message: str
) -> None:
    error = refused(server, method, params)
    assert error["code"] == messages.INVALID_PARAMS
    assert error["message"].startswith(message)


def test_assistants_of_one_name_are_told_apart_by_their_ids(server: Server) -> None:
    made = [
        server.post("/assistants", {"graph_id": "echo", "name": "The Twins!"}).json()
        for _ in range(2)
    ]
    names = {f"The_Twins-{one['assistant_id'][:8]}" for one in made}
    listed = {tool["name"]: tool for tool in ask(server, "tools/list")["tools"]}
    assert names <= listed.keys()
    assert all(listed[name]["title"] == "The Twins!" for name in names)
    error = refused(server, "tools/call", {"name": "The_Twins"})
    assert error["message"] == "Multiple tools found with the same name."
    assert set(error["data"]["names"]) == names
    for name in (*names, made[0]["assistant_id"]):
        assert use(server, name, {"message": 1})["structuredContent"]["reply"] == 1
    for one in made:
        assert server.call("DELETE", f"/assistants/{one['assistant_id']}").status_code == 204


# ---- threads, questions and answers


def test_a_call_leaves_no_thread_behind(server: Server) -> None:
    before = {one["thread_id"] for one in threads_of_calls(server)}
    for tool in ("echo", "failing"):
        assert "_meta" not in use(server, tool, {})
    assert {one["thread_id"] for one in threads_of_calls(server)} <= before


def test_a_thread_that_the_client_names_is_kept_and_continued(server: Server) -> None:
    thread_id = str(uuid4())
    meta = {"graphstead/thread_id": thread_id}
    for said in ("one", "two"):
        result = use(server, "chat", {"messages": said}, _meta=meta)
        assert result["_meta"]["graphstead/thread_id"] == thread_id
    assert len(result["structuredContent"]["messages"]) == 4
    assert server.get(f"/threads/{thread_id}").json()["status"] == "idle"


def test_a_question_keeps_its_thread_until_it_is_answered(server: Server) -> None:
    asked = use(server, "approval", {"request": "a letter"})
    thread_id = asked["_meta"]["graphstead/thread_id"]
    interrupt = asked["structuredContent"]["__interrupt__"][0]
    assert interrupt["value"]["question"] == "Send this?"
    assert asked["isError"] is False
    assert f"waits on thread {thread_id}" in asked["content"][1]["text"]
    thread = server.get(f"/threads/{thread_id}?include=ttl").json()
    assert thread["ttl"]["ttl_minutes"] == 1440
    result = use(server, "graphstead_resume", {"thread_id": thread_id, "resume": True})
    assert result["structuredContent"]["result"] == "sent"
    assert server.get(f"/threads/{thread_id}").status_code == 404
    again = use(server, "graphstead_resume", {"thread_id": thread_id, "resume": True})
    assert again["isError"] is True
    assert again["content"][0]["text"] == f"ThreadNotFound: Thread '{thread_id}' not found"


def test_a_thread_that_asked_nothing_takes_no_answer(server: Server) -> None:
    thread_id = server.post("/threads", {}).json()["thread_id"]
    result = use(server, "graphstead_resume", {"thread_id": thread_id, "resume": 1})
    assert result["isError"] is True
    assert result["content"][0]["text"].endswith(f"Thread '{thread_id}' waits for no answer")
    wrong = use(server, "graphstead_resume", {"thread_id": "that one", "resume": 1})
    assert wrong["content"][0]["text"].endswith("arguments.thread_id: expected a UUID")
    assert server.call("DELETE", f"/threads/{thread_id}").status_code == 204


def test_a_modern_client_answers_by_sending_the_call_again(server: Server) -> None:
    can_ask: dict[str, Any] = {"_meta": {speakers.CAPABILITIES_KEY: {"elicitation": {}}}}
    call = {"name": "approval", "arguments": {"request": "a letter"}, **can_ask}
    asked = modern(server, "tools/call", call).json()["result"]
    methods.validate_server_result("tools/call", MODERN, asked)
    (ask_id,) = asked["inputRequests"]
    state = {"requestState": asked["requestState"]}

    def reply(response: Any) -> Any:
        answer = {"inputResponses": {ask_id: response}, **state}
        return modern(server, "tools/call", {**call, **answer}).json()

    declined = reply({"action": "decline"})["result"]
    assert declined["isError"] is True
    assert reply({"action": "accept"})["error"]["code"] == messages.INVALID_PARAMS
    done = reply({"action": "accept", "content": {"answer": "false"}})["result"]
    assert done["structuredContent"]["result"] == "dropped"


# ---- progress and cancellation


def test_a_call_with_a_progress_token_is_answered_as_a_stream(server: Server) -> None:
    call = {"name": "steps", "arguments": {"topic": "tea"}, "_meta": {"progressToken": "p"}}
    answer = post(server, request("tools/call", call))
    assert answer.headers["content-type"].startswith("text/event-stream")
    datas = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    *notes, last = map(json.loads, datas)
    assert [one["params"]["progress"] for one in notes] == [1, 2, 3, 4, 5, 6]
    assert [one["params"]["message"] for one in notes][1::2] == ["plan", "work", "review"]
    assert {one["params"]["progressToken"] for one in notes} == {"p"}
    assert last["result"]["structuredContent"]["done"] == ["plan", "work", "review"]
    plain = post(server, request("tools/call", call), accept="application/json")
    assert plain.json()["result"] == last["result"]


def busy(server: Server) -> list[dict[str, Any]]:
    return threads_of_calls(server, status="busy")


def in_background(server: Server, message: Any, **headers: str) -> Future[httpx.Response]:
    return BACKGROUND.submit(post, server, message, **headers)


def test_a_cancelled_request_stops_its_run_and_nobody_elses(server: Server) -> None:
    call = request("tools/call", {"name": "slow", "arguments": LONG}, 7)
    answer = in_background(server, call, mcp_session_id="mine")
    until_true(lambda: len(busy(server)) == 1)
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled"}
    for session, request_id in (("other", 7), ("mine", "7"), ("mine", 8)):
        post(server, {**cancel, "params": {"requestId": request_id}}, mcp_session_id=session)
    assert len(busy(server)) == 1
    post(server, {**cancel, "params": {"requestId": 7}}, mcp_session_id="mine")
    result = answer.result(60).json()["result"]
    assert result["isError"] is True
    assert result["content"][0]["text"] == "Cancelled: the run was stopped before its end"
    until_true(lambda: not busy(server))


@pytest.mark.parametrize("version", [LEGACY, MODERN])
@pytest.mark.parametrize("token", [None, 1])
def test_leaving_cancels_a_modern_request_and_no_other(
    server: Server, version: str, token: int | None
) -> None:
    before = {one["thread_id"] for one in threads_of_calls(server)}
    meta = {} if token is None else {"progressToken": token}
    arguments = {"steps": 50, "sleep_s": 0.1} if version == LEGACY else LONG
    params = {"name": "slow", "arguments": arguments, "_meta": meta}
    if version == MODERN:
        leave(server, modern_message(params), MODERN)
    else:
        leave(server, request("tools/call", params), LEGACY)
    until_true(lambda: not busy(server))
    (thread,) = (one for one in threads_of_calls(server) if one["thread_id"] not in before)
    (run,) = server.get(f"/threads/{thread['thread_id']}/runs").json()
    server.call("DELETE", f"/threads/{thread['thread_id']}")
    assert run["status"] == ("success" if version == LEGACY else "interrupted")


def modern_message(params: dict[str, Any]) -> dict[str, Any]:
    meta = {speakers.VERSION_KEY: MODERN, speakers.CAPABILITIES_KEY: {}, **params["_meta"]}
    return request("tools/call", {**params, "_meta": meta})


def leave(server: Server, message: Any, version: str) -> None:
    headers = {"accept": BOTH, "mcp-protocol-version": version, "mcp-method": "tools/call"}
    headers["mcp-name"] = message["params"]["name"]
    if message["params"]["_meta"].get("progressToken") is None:
        server.ask_and_leave("/mcp", message, lambda: len(busy(server)) == 1, **headers)
        return
    url = f"{server.url}/mcp"
    with httpx.stream("POST", url, json=message, headers=headers, timeout=60) as answer:
        until_true(lambda: len(busy(server)) == 1)
        # Progress comes every 0.1 s: stop reading without having read to the end.
        next(answer.iter_lines())


# ---- resources and the contract


def test_schemas_and_states_are_read_by_address(server: Server) -> None:
    schemas = next(one for one in resources_of(server) if one["name"] == "echo schemas")
    (read,) = ask(server, "resources/read", {"uri": schemas["uri"]})["contents"]
    assert read["mimeType"] == "application/json"
    assert json.loads(read["text"])["input_schema"]["title"] == "Echo"
    meta = {"graphstead/thread_id": str(uuid4())}
    use(server, "echo", {"message": "kept"}, _meta=meta)
    uri = f"graphstead://threads/{meta['graphstead/thread_id']}/state"
    assert uri in (one["uri"] for one in resources_of(server))
    (read,) = ask(server, "resources/read", {"uri": uri})["contents"]
    assert json.loads(read["text"])["values"]["reply"] == "kept"


@pytest.mark.parametrize(
    "uri",
    [
        f"graphstead://threads/{NOBODY}/state",
        f"graphstead://assistants/{NOBODY}/schemas",
        "graphstead://threads/none/state",
        "file:///etc/passwd",
    ],
)
def test_a_resource_that_is_not_there_is_named(server: Server, uri: str) -> None:
    error = refused(server, "resources/read", {"uri": uri})
    assert (error["code"], error["data"]) == (messages.RESOURCE_NOT_FOUND, {"uri": uri})
    answer = modern(server, "resources/read", {"uri": uri})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32602)


def test_a_state_that_its_graph_cannot_show_is_an_error_of_the_read_alone(server: Server) -> None:
    body = {"metadata": {"graph_id": "gone"}}
    thread_id = server.post("/threads", body).json()["thread_id"]
    error = refused(server, "resources/read", {"uri": f"graphstead://threads/{thread_id}/state"})
    assert error["code"] == messages.INTERNAL_ERROR
    assert "gone" in error["message"]
    assert server.call("DELETE", f"/threads/{thread_id}").status_code == 204


def test_the_contract_is_searched_shown_and_applied(server: Server) -> None:
    found = use(server, "graphstead_search_operations", {"query": "create run batch"})
    first = found["structuredContent"]["operations"][0]
    assert (first["method"], first["path"]) == ("POST", "/runs/batch")
    shown = use(server, "graphstead_show_schema", {"name": first["operation_id"]})
    assert "RunBatchCreate" in shown["structuredContent"]["schemas"]
    judged = use(
        server,
        "graphstead_validate_payload",
        {"operation": "POST /runs/batch", "payload": [{"assistant_id": 1, "inptu": {}}]},
    )["structuredContent"]
    assert judged["valid"] is False
    assert judged["errors"] == [{"loc": "body[0].assistant_id", "msg": "1 is not of type string"}]
    assert judged["unknown_members"] == [{"path": "[0].inptu", "nearest": "input"}]
    lost = use(server, "graphstead_show_schema", {"name": "Nothing"})
    assert lost["isError"] is True
    assert "'Nothing'" in lost["content"][0]["text"]


# ---- a server of its own: many assistants, few tools, one origin


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    env = {
        "GRAPHSTEAD_MCP_CONTRACT_TOOLS": "false",
        "GRAPHSTEAD_CORS_ALLOW_ORIGINS": "https://good.example",
    }
    data: Path = tmp_path_factory.mktemp("plain") / "data"
    running = Server(data, env=env).start()
    yield running
    running.kill()


def test_more_than_a_hundred_tools_come_in_pages(plain: Server) -> None:
    with httpx.Client(base_url=plain.url, timeout=60) as client:
        for number in range(100):
            body = {"graph_id": "echo", "name": f"echo {number}"}
            assert client.post("/assistants", json=body).status_code == 200
    first = ask(plain, "tools/list")
    assert (len(first["tools"]), first["nextCursor"]) == (100, "100")
    second = ask(plain, "tools/list", {"cursor": "100"})
    assert "nextCursor" not in second
    names = [tool["name"] for tool in first["tools"] + second["tools"]]
    assert len(names) == len(set(names)) == 110
    assert "echo_99" in names
    assert names[-1] == "graphstead_resume"
    assert ask(plain, "tools/list", {"cursor": "5000"}) == {"tools": []}
    resources = ask(plain, "resources/list")
    assert (len(resources["resources"]), resources["nextCursor"]) == (100, "100")
    assert len(ask(plain, "resources/list", {"cursor": "100"})["resources"]) == 9
    assert use(plain, "echo_99", {"message": 9})["structuredContent"]["reply"] == 9


def test_the_tools_of_the_contract_can_be_switched_off(plain: Server) -> None:
    error = refused(plain, "tools/call", {"name": "graphstead_show_schema"})
    assert error["message"] == "Unknown tool: graphstead_show_schema"


def test_pages_of_origins_that_are_not_allowed_are_refused(plain: Server) -> None:
    assert post(plain, request("ping"), origin="https://bad.example").status_code == 403
    assert post(plain, request("ping"), origin="https://good.example").status_code == 200


def test_a_killed_server_goes_on_with_the_clients_it_had(plain: Server) -> None:
    asked = use(plain, "approval", {"request": "a letter"})
    call = request("tools/call", {"name": "slow", "arguments": LONG}, 3)
    lost = in_background(plain, call, mcp_session_id="before")
    until_true(lambda: len(busy(plain)) == 1)
    plain.kill()
    assert isinstance(lost.exception(60), httpx.TransportError)
    plain.start()
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 3}}
    assert post(plain, cancel, mcp_session_id="before").status_code == 202
    until_true(lambda: not busy(plain))
    answer = {"thread_id": asked["_meta"]["graphstead/thread_id"], "resume": True}
    result = use(plain, "graphstead_resume", answer)
    assert result["structuredContent"]["result"] == "sent"
