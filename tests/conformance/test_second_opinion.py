"""openapi-core and the server's own validators agree on what fits the contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from conformance.fuzzing import Exchange, Outcome
from conformance.operations import DOCUMENT, FULL
from conformance.second_opinion import (
    is_beyond_schemas,
    is_refusal,
    is_unread_by_core,
)
from factories import NOBODY
from servers import Server

from graphstead.conformance.judge import Judge

# openapi-core says so of each array that may be empty.
pytestmark = pytest.mark.filterwarnings("ignore:Use of allowEmptyValue:DeprecationWarning")

EACH = 3
STEPS = {"assistant_id": "steps", "input": {"topic": "tea"}}
RPC = {"jsonrpc": "2.0", "id": 1}
SAID = {"message": {"role": "user", "messageId": "m-1", "parts": [{"kind": "text", "text": "a"}]}}
ANY = NOBODY

# What does not fit the contract: method, path, options of the request.
UNFIT: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("POST", "/runs", {"json": {}}),
    ("POST", "/runs", {"json": {"assistant_id": ""}}),
    ("POST", "/runs", {"json": {"assistant_id": 7}}),
    ("POST", "/runs", {"json": {**STEPS, "stream_mode": "junk"}}),
    ("POST", "/runs", {"json": {**STEPS, "stream_mode": ["values", 1]}}),
    ("POST", "/runs", {"json": {**STEPS, "multitask_strategy": "junk"}}),
    ("POST", "/runs", {"json": {**STEPS, "after_seconds": -1}}),
    ("POST", "/runs", {"json": {**STEPS, "checkpoint_id": "no uuid"}}),
    ("POST", "/runs", {"json": {**STEPS, "config": {"recursion_limit": 0}}}),
    ("POST", "/runs", {"json": {**STEPS, "metadata": None}}),
    ("POST", "/runs", {"json": [STEPS]}),
    ("POST", "/runs", {"content": b"{", "headers": {"content-type": "application/json"}}),
    ("POST", "/runs", {"content": b"a=1", "headers": {"content-type": "text/csv"}}),
    ("POST", "/runs", {}),
    ("POST", "/runs", {"json": STEPS, "headers": {"idempotency-key": "x" * 256}}),
    ("POST", "/runs/batch", {"json": []}),
    ("POST", "/runs/batch", {"json": STEPS}),
    ("POST", "/runs/batch", {"json": [STEPS, {}]}),
    ("POST", "/threads", {"json": {"thread_id": "no uuid"}}),
    ("POST", "/threads", {"json": {"if_exists": "junk"}}),
    ("POST", "/threads/search", {"json": {"limit": 0}}),
    ("POST", "/threads/search", {"json": {"limit": 1001}}),
    ("POST", "/threads/search", {"json": {"status": "junk"}}),
    ("POST", "/assistants/search", {"json": {"select": ["junk"]}}),
    ("GET", "/threads/junk", {}),
    ("GET", f"/threads/{ANY}/runs", {"params": {"limit": "many"}}),
    ("GET", f"/threads/{ANY}/runs", {"params": {"status": "junk"}}),
    ("GET", f"/threads/{ANY}/history", {"params": {"limit": 0}}),
    ("GET", f"/threads/{ANY}/state", {"params": {"subgraphs": "perhaps"}}),
    ("GET", f"/threads/{ANY}/runs/{ANY}/stream", {"headers": {"last-event-id": "junk"}}),
    ("GET", "/ok", {"params": {"check_db": 2}}),
    ("POST", "/a2a/chat", {"json": {"method": "ListTasks"}}),
    ("POST", "/a2a/chat", {"json": {**RPC, "method": "message/send", "params": {}}}),
    ("POST", "/a2a/chat", {"json": {**RPC, "method": "ListTasks", "params": {"pageSize": 0}}}),
)


class Recorder:
    """A caller that keeps every exchange."""

    def __init__(self, url: str) -> None:
        self.exchanges: list[Exchange] = []
        self.url = url

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        answer = httpx.request(method, self.url + path, timeout=30, **options)
        request = answer.request
        self.exchanges.append(
            Exchange(
                phase="session",
                operation=f"{method} {path}",
                mode="",
                method=method,
                url=str(request.url),
                request_headers=dict(request.headers),
                request_body=request.read(),
                status=answer.status_code,
                headers=dict(answer.headers),
                body=answer.content,
            )
        )
        return answer


@pytest.fixture(scope="module")
def second_opinion() -> Judge:
    return Judge(DOCUMENT)


@pytest.fixture(scope="module")
def session(server: Server) -> list[Exchange]:
    """A session as a client library would have it, with every kind of call."""
    send = Recorder(server.url)
    thread_id = send("POST", "/threads", json={"metadata": {"customer": "c-1"}}).json()["thread_id"]
    thread = f"/threads/{thread_id}"
    body = {**STEPS, "stream_mode": ["values", "updates"], "stream_resumable": True}
    run_id = send("POST", f"{thread}/runs", json=body).json()["run_id"]
    run = f"{thread}/runs/{run_id}"
    later = {**STEPS, "after_seconds": 60, "on_completion": "keep"}
    for path in ("/join", "/stream", ""):
        send("GET", run + path, headers={"last-event-id": "-"} if path == "/stream" else {})
    for ending in ("wait", "stream"):
        send("POST", f"{thread}/runs/{ending}", json=body)
        send("POST", f"/runs/{ending}", json={"assistant_id": "failing", "input": {}})
    send("POST", f"{thread}/runs/wait", json={"assistant_id": "approval", "input": {}})
    for path in ("", "/state", "/history?limit=3", "/runs?status=success", "/storage"):
        send("GET", thread + path)
    send("POST", f"{thread}/history", json={"limit": 2})
    send("POST", f"{thread}/copy")
    send("PATCH", thread, json={"metadata": {"title": "t"}}, headers={"prefer": "return=minimal"})
    made = send("POST", "/runs/batch", json=[STEPS, later]).json()
    waiting = f"/threads/{made[1]['thread_id']}/runs/{made[1]['run_id']}"
    send("POST", f"{waiting}/cancel", params={"wait": "1", "action": "interrupt"})
    send("POST", "/runs", json={"assistant_id": "no such graph"})
    send("POST", "/threads/search", json={"metadata": {"customer": "c-1"}, "select": ["thread_id"]})
    for path in ("/threads/count", "/assistants/search", "/assistants/count"):
        send("POST", path, json={})
    for path in ("/assistants/echo", "/ok?check_db=1", "/", "/info", "/openapi.json", "/docs"):
        send("GET", path)
    for method in ("message/send", "SendMessage", "message/stream", "ListTasks", "tasks/get"):
        send("POST", "/a2a/chat", json={**RPC, "method": method, "params": {**SAID, "id": "x"}})
    for path in ("", "/.well-known/agent-card.json", "/.well-known/agent.json"):
        send("GET", f"/a2a/chat{path}")
    send("GET", f"/threads/{ANY}")
    send("DELETE", run)
    send("DELETE", thread)
    return send.exchanges


def test_both_accept_a_whole_session(session: list[Exchange], second_opinion: Judge) -> None:
    assert [one.operation for one in session if one.status >= 500] == []
    assert {
        one.operation: found for one in session if (found := second_opinion.of_request(one))
    } == {}


def test_both_find_the_answers_of_a_session_in_order(
    session: list[Exchange], second_opinion: Judge
) -> None:
    assert {
        one.operation: found for one in session if (found := second_opinion.of_answer(one))
    } == {}


@pytest.mark.parametrize(("method", "path", "options"), UNFIT)
def test_both_refuse_what_does_not_fit(
    method: str, path: str, options: dict[str, Any], server: Server, second_opinion: Judge
) -> None:
    send = Recorder(server.url)
    send(method, path, **options)
    assert is_refusal(send.exchanges[0])
    assert second_opinion.of_request(send.exchanges[0])
    assert second_opinion.of_answer(send.exchanges[0]) == []


def sampled(outcome: Outcome) -> Iterator[Exchange]:
    """Yield a few exchanges of every kind: of each operation, phase, mode and status."""
    labels = {one.label for one in FULL}
    seen: Counter[tuple[str, str, str, int]] = Counter()
    for one in outcome.exchanges:
        kind = (one.operation, one.phase, one.mode, one.status)
        seen[kind] += 1
        own = one.operation.startswith(f"{one.method} ") and one.operation in labels
        if own and seen[kind] <= EACH:
            yield one


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_both_judge_fuzzed_requests_alike(fuzzed: Outcome, second_opinion: Judge) -> None:
    parted = []
    for one in sampled(fuzzed):
        held = second_opinion.of_request(one)
        if is_refusal(one) and not held and not is_beyond_schemas(one):
            parted.append(f"refused by us alone: {one.method} {one.url} {one.body!r}")
        if held and not is_refusal(one) and not is_unread_by_core(one):
            sent = f"{one.method} {one.url} {one.request_body!r}"
            parted.append(f"refused by openapi-core alone: {one.status} {sent} {held}")
    assert parted == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_both_judge_answers_to_fuzzed_requests_alike(
    fuzzed: Outcome, second_opinion: Judge
) -> None:
    parted = [
        f"{one.method} {one.url} {one.status} {held}"
        for one in sampled(fuzzed)
        if (held := second_opinion.of_answer(one))
    ]
    assert parted == []
