"""Each event of real streams keeps its own schema, even where that allows no further members.

The judge is plain jsonschema on a closed copy of the contract: neither the engine nor the
document that the server judges itself by.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from conformance.operations import DOCUMENT
from servers import Server

from graphstead.contract.events import EventContract
from graphstead.contract.response import close_answers
from graphstead.contract.schemas import PythonSchemas

CREATE = "stream_run_stateless_runs_stream_post"
JOIN = "stream_run_http_threads__thread_id__runs__run_id__join_get"
FOLLOW = "join_thread_stream_threads__thread_id__stream_get"
SAID = {"messages": [{"role": "user", "content": "hello there"}]}
INPUTS: dict[str, Any] = {
    "echo": {"message": "hi"},
    "steps": {"topic": "tea"},
    "chat": SAID,
    "tools": SAID,
    "approval": {"request": "a letter"},
    "nested": {},
    "failing": {},
    "slow": {"steps": 2, "sleep_s": 0.01},
    "burn": {"seconds": 0.01},
}
MODES: tuple[str, ...] = tuple(DOCUMENT["components"]["schemas"]["StreamMode"]["enum"])
# Which graphs have anything to say in these modes; in the others all have.
SPEAKERS = {
    "messages": {"chat", "tools"},
    "messages-tuple": {"chat", "tools"},
    "custom": {"steps", "slow"},
}
NAMES = {
    "messages": ("messages/metadata", "messages/partial", "messages/complete"),
    "messages-tuple": ("messages",),
}


@pytest.fixture(scope="module")
def closed() -> dict[str, Any]:
    return close_answers(DOCUMENT)


@pytest.fixture(scope="module")
def judge(closed: dict[str, Any]) -> EventContract:
    return EventContract(closed, PythonSchemas(closed))


def frames(answer: httpx.Response) -> Iterator[dict[str, str]]:
    """Read events off the wire, comments left out."""
    for block in answer.text.replace("\r\n", "\n").split("\n\n"):
        lines = [line.partition(": ") for line in block.split("\n") if line and line[0] != ":"]
        if lines:
            yield {name: value for name, _, value in lines}


def stream(server: Server, path: str, graph: str, *modes: str) -> httpx.Response:
    body = {
        "assistant_id": graph,
        "input": INPUTS[graph],
        "stream_mode": list(modes),
        "stream_subgraphs": True,
        "stream_resumable": True,
        # Runs that leave no thread behind make no checkpoints to tell of.
        "on_completion": "keep",
    }
    answer = server.post(path, body)
    assert answer.status_code == 200, answer.text
    return answer


def faults(judge: EventContract, operation_id: str, events: list[dict[str, str]]) -> list[str]:
    return [
        fault
        for one in events
        for fault in judge.check(operation_id, one["event"], one["data"].encode())
    ]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("graph", INPUTS)
def test_events_keep_the_closed_contract(
    graph: str, mode: str, server: Server, judge: EventContract, closed: dict[str, Any]
) -> None:
    events = list(frames(stream(server, "/runs/stream", graph, mode)))
    shape = PythonSchemas(closed).at("/components/schemas/RunStreamEvent")
    assert faults(judge, CREATE, events) == []
    assert [one for one in events if not shape.ok(one)] == []
    names = [one["event"] for one in events]
    assert names[0] == "metadata"
    assert [name for name in names if name == "error"] == ["error"] * (graph == "failing")
    assert graph != "failing" or names[-1] == "error"
    own = [name for name in names if name.partition("|")[0] in NAMES.get(mode, (mode,))]
    assert bool(own) == (graph in SPEAKERS.get(mode, INPUTS))


@pytest.mark.parametrize("graph", INPUTS)
def test_joined_and_followed_streams_keep_it_too(
    graph: str, server: Server, judge: EventContract, closed: dict[str, Any]
) -> None:
    thread = "/threads/" + server.post("/threads", {}).json()["thread_id"]
    live = stream(server, f"{thread}/runs/stream", graph, *MODES)
    from_start = {"last-event-id": "-"}
    joined = server.get(live.headers["content-location"] + "/stream", headers=from_start)
    assert list(frames(joined)) == list(frames(live))
    assert faults(judge, JOIN, list(frames(joined))) == []
    followed = follow(server, thread)
    assert faults(judge, FOLLOW, followed) == []
    shape = PythonSchemas(closed).at("/components/schemas/ThreadStreamEvent")
    assert [one for one in followed if not shape.ok(one)] == []


def follow(server: Server, thread: str) -> list[dict[str, str]]:
    """Return the events of a thread stream, from its beginning to the end of the first run."""
    found: list[dict[str, str]] = []
    one: dict[str, str] = {}
    headers = {"last-event-id": "-"}
    with httpx.stream("GET", f"{server.url}{thread}/stream", headers=headers, timeout=20) as answer:
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if name and not line.startswith(":"):
                one[name] = value
            elif one:
                found.append(one)
                if "run_done" in one["data"] and one["event"] == "metadata":
                    return found
                one = {}
    raise AssertionError(f"the run never ended: {found}")


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("metadata", {"run_id": "019ab3c4-77e0-7a10-9c55-0f1d2e3a4b5c", "attempt": 1, "more": 1}),
        ("metadata", {"run_id": "no uuid", "attempt": 1}),
        ("error", {"error": "ValueError"}),
        ("end", None),
        ("tasks", {"id": "t", "name": "n", "input": 1, "triggers": [], "more": 1}),
    ],
)
def test_what_is_not_described_is_noticed(event: str, data: Any, judge: EventContract) -> None:
    assert judge.check(CREATE, event, json.dumps(data).encode())
