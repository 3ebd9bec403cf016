"""What the contract refuses: each kind of bad input, its status, and a detail that names it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from factories import NOBODY
from servers import Server

UNKNOWN = NOBODY
ECHO = {"assistant_id": "echo", "input": {}}
JSON = {"content-type": "application/json"}
RUN_PATHS = ("/runs", "/runs/wait", "/runs/stream")
REFUSED = [
    ({}, "assistant_id"),
    ([], "object"),
    ({"assistant_id": 1}, "body.assistant_id"),
    ({"assistant_id": None}, "body.assistant_id"),
    ({**ECHO, "stream_mode": "junk"}, "body.stream_mode"),
    ({**ECHO, "stream_mode": ["values", "junk"]}, "body.stream_mode"),
    ({**ECHO, "stream_mode": 1}, "body.stream_mode"),
    ({**ECHO, "config": "junk"}, "body.config"),
    ({**ECHO, "config": {"recursion_limit": "7"}}, "body.config.recursion_limit"),
    ({**ECHO, "config": {"recursion_limit": 0}}, "body.config.recursion_limit"),
    ({**ECHO, "config": {"tags": "t"}}, "body.config.tags"),
    ({**ECHO, "metadata": []}, "body.metadata"),
    ({**ECHO, "context": "junk"}, "body.context"),
    ({**ECHO, "after_seconds": "soon"}, "body.after_seconds"),
    ({**ECHO, "interrupt_before": "work"}, "body.interrupt_before"),
    ({**ECHO, "interrupt_after": [1]}, "body.interrupt_after"),
    ({**ECHO, "multitask_strategy": "junk"}, "body.multitask_strategy"),
    ({**ECHO, "on_completion": "junk"}, "body.on_completion"),
    ({**ECHO, "on_disconnect": "junk"}, "body.on_disconnect"),
    ({**ECHO, "if_not_exists": "junk"}, "body.if_not_exists"),
    ({**ECHO, "durability": "junk"}, "body.durability"),
    ({**ECHO, "stream_subgraphs": "yes"}, "body.stream_subgraphs"),
    ({**ECHO, "stream_resumable": 1}, "body.stream_resumable"),
    ({**ECHO, "command": "junk"}, "body.command"),
    ({**ECHO, "checkpoint_id": "junk"}, "body.checkpoint_id"),
    ({**ECHO, "webhook": 1}, "body.webhook"),
]
BROKEN = [
    (b"", "body: is required"),
    (b"{", "not valid JSON"),
    (b'{"assistant_id": "echo",}', "not valid JSON"),
    (b"{'assistant_id': 'echo'}", "not valid JSON"),
    (b'{"assistant_id": "echo", "input": NaN}', "not valid JSON"),
    (b'{"assistant_id": "\xff"}', "not valid JSON"),
    (b'{"assistant_id": "echo"} x', "not valid JSON"),
    (b'{"assistant_id": "echo", "input": "a\\u0000b"}', "NUL"),
    (b'{"assistant_id": "echo", "input": {"a\\u0000b": 1}}', "NUL"),
    (b'{"assistant_id": "echo", "input": "a\x00b"}', "not valid JSON"),
    (b'{"assistant_id": "echo", "input": 123456789012345678901234567890}', "64 bits"),
    (b'{"assistant_id": "echo", "input": "\\ud800"}', "not valid JSON"),
    (b'{"assistant_id": "echo", "input": ' + b"[" * 201 + b"]" * 201 + b"}", "200 levels"),
    (b'{"assistant_id": "echo", "input": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "body"),
    (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "body"),
    (b"[" * 1_000_000, "body"),
]


def refusal(answer: Any, status: int = 422) -> Any:
    """Check the form of an error and return its body."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert isinstance(body["detail"], str)
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


@pytest.mark.parametrize(("body", "names"), REFUSED)
def test_a_field_of_the_wrong_kind_is_refused_by_its_name(
    server: Server, body: Any, names: str
) -> None:
    refused = refusal(server.post("/runs/wait", body))
    assert names in refused["detail"]
    assert refused["errors"]


@pytest.mark.parametrize(("raw", "says"), BROKEN)
def test_a_body_that_is_not_storable_json_is_refused(server: Server, raw: bytes, says: str) -> None:
    refused = refusal(server.call("POST", "/runs", content=raw, headers=JSON))
    assert says in refused["detail"]
    assert len(refused["detail"]) < 1_000


@pytest.mark.parametrize("path", RUN_PATHS)
def test_an_unknown_graph_is_refused_with_the_names_that_exist(server: Server, path: str) -> None:
    body = {"assistant_id": "no_such_graph", "input": {}}
    detail = refusal(server.post(path, body))["detail"]
    assert "no_such_graph" in detail
    assert "'echo'" in detail and "'steps'" in detail


@pytest.mark.parametrize("path", RUN_PATHS)
def test_an_unknown_assistant_id_is_not_found(server: Server, path: str) -> None:
    body = {"assistant_id": UNKNOWN, "input": {}}
    assert UNKNOWN in refusal(server.post(path, body), 404)["detail"]


@pytest.mark.parametrize("path", RUN_PATHS)
def test_a_run_on_an_unknown_thread_is_not_found(server: Server, path: str) -> None:
    answer = server.post(f"/threads/{UNKNOWN}{path}", ECHO)
    assert UNKNOWN in refusal(answer, 404)["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/threads/{id}",
        "/threads/{id}/state",
        "/threads/{id}/runs/{id}",
        "/threads/{id}/runs/{id}/join",
        "/threads/{id}/runs/{id}/stream",
        "/runs/{id}/stream",
        "/assistants/{id}",
    ],
)
def test_reading_what_does_not_exist_is_not_found(server: Server, path: str) -> None:
    assert UNKNOWN in refusal(server.get(path.replace("{id}", UNKNOWN)), 404)["detail"]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/threads/junk", "path.thread_id"),
        ("/threads/junk/state", "path.thread_id"),
        (f"/threads/{UNKNOWN}/runs/junk", "path.run_id"),
        (f"/threads/{UNKNOWN}/runs/junk/join", "path.run_id"),
        (f"/threads/{UNKNOWN}/runs/junk/stream", "path.run_id"),
        ("/runs/junk/stream", "path.run_id"),
        (f"/threads/{UNKNOWN[:-1]}", "path.thread_id"),
        (f"/threads/{UNKNOWN}%00", "path.thread_id"),
    ],
)
def test_an_id_that_is_no_uuid_is_refused_by_its_name(
    server: Server, path: str, names: str
) -> None:
    assert names in refusal(server.get(path))["detail"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("stream_mode=junk", "query.stream_mode"),
        ('stream_mode=["values","junk"]', "query.stream_mode"),
        ("cancel_on_disconnect=junk", "query.cancel_on_disconnect"),
    ],
)
def test_a_query_parameter_of_the_wrong_kind_is_refused_by_its_name(
    server: Server, query: str, names: str
) -> None:
    answer = server.get(f"/threads/{UNKNOWN}/runs/{UNKNOWN}/stream?{query}")
    assert names in refusal(answer)["detail"]


@pytest.mark.parametrize("number", ["1e300", "9007199254740992", "18446744073709551615", "1.5"])
@pytest.mark.parametrize(
    ("path", "body", "names"),
    [
        ("/threads/search", '{"offset": %s}', "body.offset"),
        ("/store/namespaces", '{"max_depth": %s}', "body.max_depth"),
        (f"/assistants/{UNKNOWN}/latest", '{"version": %s}', "body.version"),
        (
            "/runs",
            '{"assistant_id": "echo", "config": {"recursion_limit": %s}}',
            "body.config.recursion_limit",
        ),
    ],
)
def test_a_number_that_no_integer_holds_is_refused_by_its_name(
    server: Server, path: str, body: str, number: str, names: str
) -> None:
    kind = {"content-type": "application/json"}
    answer = server.call("POST", path, content=(body % number).encode(), headers=kind)
    assert names in refusal(answer)["detail"]


@pytest.mark.parametrize("digits", [19, 20, 30, 5000])
def test_a_query_number_of_too_many_digits_is_refused_by_its_name(
    server: Server, digits: int
) -> None:
    answer = server.get(f"/threads/{UNKNOWN}/runs?offset={'9' * digits}")
    assert refusal(answer)["detail"].startswith("query.offset: 9999")


def test_an_event_id_of_the_wrong_kind_is_refused_by_its_name(server: Server) -> None:
    path, headers = f"/threads/{UNKNOWN}/runs/{UNKNOWN}/stream", {"last-event-id": "junk"}
    assert "last-event-id" in refusal(server.get(path, headers=headers))["detail"].lower()


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"thread_id": "junk"}, "body.thread_id"),
        ({"thread_id": 1}, "body.thread_id"),
        ({"metadata": "junk"}, "body.metadata"),
        ({"if_exists": "junk"}, "body.if_exists"),
        ({"ttl": 5}, "body.ttl"),
        ([], "body"),
    ],
)
def test_a_thread_with_a_bad_field_is_refused_by_its_name(
    server: Server, body: Any, names: str
) -> None:
    assert names in refusal(server.post("/threads", body))["detail"]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({}, "body"),
        ([], "body"),
        ([1], "body[0]"),
        ([ECHO, {}], "body[1]"),
        ([ECHO, ECHO, {**ECHO, "stream_mode": "junk"}], "body[2].stream_mode"),
        ([ECHO, {**ECHO, "assistant_id": "no_such_graph"}], "body[1]"),
    ],
)
def test_a_batch_is_refused_by_the_place_of_its_fault(
    server: Server, body: Any, names: str
) -> None:
    assert names in refusal(server.post("/runs/batch", body))["detail"]


def test_context_and_configurable_together_are_refused(server: Server) -> None:
    body = {**ECHO, "context": {"a": 1}, "config": {"configurable": {"b": 2}}}
    detail = refusal(server.post("/runs/wait", body), 400)["detail"]
    assert "context" in detail and "configurable" in detail


def test_a_resume_without_a_thread_is_refused(server: Server) -> None:
    body = {"assistant_id": "approval", "command": {"resume": True}}
    assert "command.resume" in refusal(server.post("/runs/wait", body), 400)["detail"]


def test_an_undeclared_content_type_is_refused(server: Server) -> None:
    headers = {"content-type": "text/plain"}
    answer = server.call("POST", "/runs", content=b'{"assistant_id": "echo"}', headers=headers)
    assert "text/plain" in refusal(answer, 415)["detail"]


def test_an_unknown_path_is_not_found(server: Server) -> None:
    assert refusal(server.get("/no/such/path"), 404)


def test_a_wrong_method_is_told_which_are_right(server: Server) -> None:
    answer = server.call("PUT", "/runs/wait", json=ECHO)
    assert refusal(answer, 405)
    assert "POST" in answer.headers["allow"]


def test_a_key_the_contract_does_not_know_is_named_in_a_header(server: Server) -> None:
    answer = server.post("/runs/wait", {**ECHO, "inptu": {}})
    assert answer.status_code == 200
    assert "inptu" in answer.headers["graphstead-ignored"]


def test_a_body_that_is_too_large_is_refused_by_announcement_and_by_count(
    make_server: Callable[..., Server],
) -> None:
    strict = {"GRAPHSTEAD_MAX_BODY_BYTES": "1000", "GRAPHSTEAD_UNKNOWN_FIELDS": "reject"}
    small = make_server(env=strict)
    big = b'{"assistant_id": "echo", "input": "' + b"x" * 1_000 + b'"}'
    announced = small.call("POST", "/runs", content=big, headers=JSON)
    assert "1000" in refusal(announced, 413)["detail"]
    counted = small.call("POST", "/runs", content=(part for part in [big]), headers=JSON)
    assert "1000" in refusal(counted, 413)["detail"]
    assert small.post("/runs/wait", ECHO).status_code == 200
    unknown = refusal(small.post("/runs/wait", {**ECHO, "inptu": {}}))
    assert "inptu" in unknown["detail"] and "input" in unknown["detail"]


def test_the_server_is_well_after_all_that(server: Server) -> None:
    answer = server.post("/runs/wait", {"assistant_id": "echo", "input": {"message": "hi"}})
    assert answer.json() == {"message": "hi", "reply": "hi"}
