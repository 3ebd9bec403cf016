"""The calls of Agent Chat UI, as its page on another origin makes them with `useStream`.

Sequence and bodies follow the application and version 1.15 of the JavaScript SDK: legacy protocol,
`fetchStateHistory: true`, `streamResumable: true`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest
from servers import Server, until_true

ORIGIN = "https://agentchat.example"
READ_BY_THE_PAGE = {"location", "content-location", "x-pagination-total", "x-request-id"}
STREAM: dict[str, Any] = {
    "stream_mode": ["values", "messages-tuple", "custom"],
    "stream_subgraphs": True,
    "stream_resumable": True,
    "on_disconnect": "continue",
}


@dataclass(frozen=True)
class Event:
    """One frame of an event stream."""

    name: str
    data: Any
    event_id: str

    @classmethod
    def parse(cls, text: str) -> list[Event]:
        """Read the frames of a whole stream."""
        frames = [frame.split("\r\n") for frame in text.split("\r\n\r\n") if frame]
        lines = [
            dict(line.split(": ", 1) for line in frame) for frame in frames if frame[0][0] != ":"
        ]
        return [cls(one["event"], orjson.loads(one["data"]), one["id"]) for one in lines]


class Page:
    """A browser's view of the server: it asks before it calls and reads what is exposed."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, headers={"origin": ORIGIN}, timeout=60)

    def close(self) -> None:
        self._http.close()

    def preflight(self, method: str, path: str, headers: str) -> None:
        """Check that the browser would let the call pass."""
        asks = {
            "access-control-request-method": method,
            "access-control-request-headers": headers,
        }
        answer = self._http.options(path, headers=asks)
        assert answer.status_code == 200, answer.text
        assert answer.headers["access-control-allow-origin"] in ("*", ORIGIN)
        assert method in answer.headers["access-control-allow-methods"]
        allowed = answer.headers["access-control-allow-headers"].lower()
        assert set(headers.split(",")) <= set(allowed.replace(" ", "").split(","))

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Ask, call, and check that the page may read the answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {**named, "content-type": "application/json"} if body is not None else named
        self.preflight(method, path, ",".join(sorted(sent)))
        answer = self._http.request(method, path, json=body, headers=named)
        assert answer.headers["access-control-allow-origin"] in ("*", ORIGIN)
        exposed = answer.headers["access-control-expose-headers"].lower()
        assert set(exposed.replace(" ", "").split(",")) >= READ_BY_THE_PAGE
        return answer

    def new_thread(self) -> str:
        """Create a thread as `submit` does without one."""
        thread_id: str = self.call("POST", "/threads", {}).json()["thread_id"]
        return thread_id

    def history(self, thread_id: str) -> Any:
        """Read what the page shows of a thread."""
        answer = self.call("POST", f"/threads/{thread_id}/history", {"limit": 10})
        assert answer.status_code == 200
        return answer.json()

    def submit(self, thread_id: str, graph_id: str, **fields: Any) -> list[Event]:
        """Stream a run as `submit` does; return its events."""
        path = f"/threads/{thread_id}/runs/stream"
        answer = self.call("POST", path, {"assistant_id": graph_id, **STREAM, **fields})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/event-stream")
        place = answer.headers["content-location"]
        assert answer.headers["location"] == f"{place}/stream"
        events = Event.parse(answer.text)
        assert place == f"/threads/{thread_id}/runs/{events[0].data['run_id']}"
        return events

    def begin_and_close(self, thread_id: str, graph_id: str, **fields: Any) -> str:
        """Leave in the middle of a stream, as a page that is closed does; return the run's id."""
        path, body = f"/threads/{thread_id}/runs/stream", {"assistant_id": graph_id, **STREAM}
        with self._http.stream("POST", path, json={**body, **fields}) as answer:
            next(answer.iter_raw())
            return answer.headers["content-location"].rpartition("/")[2]

    def say(self, thread_id: str, text: str, **fields: Any) -> list[Event]:
        """Send a person's message to the chat graph."""
        message = {"type": "human", "id": str(uuid.uuid4()), "content": text}
        return self.submit(thread_id, "chat", input={"messages": [message]}, **fields)


@pytest.fixture
def page(server: Server) -> Iterator[Page]:
    page = Page(server.url)
    yield page
    page.close()


def named(events: list[Event], name: str) -> list[Any]:
    return [event.data for event in events if event.name == name]


def texts(state: Any) -> list[str]:
    return [message["content"] for message in state["values"]["messages"]]


def test_the_page_finds_the_server(page: Page) -> None:
    answer = page.call("GET", "/info", x_api_key="a key", x_auth_scheme="langsmith")
    assert answer.status_code == 200
    assert {"version", "flags"} <= answer.json().keys()


def test_a_private_network_lets_the_page_in(server: Server) -> None:
    asks = {
        "origin": ORIGIN,
        "access-control-request-method": "GET",
        "access-control-request-private-network": "true",
    }
    answer = server.call("OPTIONS", "/info", headers=asks)
    assert answer.headers["access-control-allow-private-network"] == "true"


@pytest.mark.parametrize("key", ["graph_id", "assistant_id"])
def test_threads_are_listed_by_graph_and_by_assistant(page: Page, key: str) -> None:
    thread_id = page.new_thread()
    page.say(thread_id, "find me")
    wanted = page.call("GET", f"/threads/{thread_id}").json()["metadata"][key]
    found = page.call("POST", "/threads/search", {"metadata": {key: wanted}, "limit": 100})
    assert found.status_code == 200
    listed = {thread["thread_id"]: thread for thread in found.json()}
    assert listed[thread_id]["values"]["messages"][0]["content"] == "find me"


def test_a_new_thread_has_an_empty_history(page: Page) -> None:
    assert page.history(page.new_thread()) == []


def test_a_message_is_answered_token_by_token(page: Page) -> None:
    events = page.say(page.new_thread(), "hello there")
    assert events[0].name == "metadata"
    chunks = named(events, "messages")
    answer = [chunk for chunk, _ in chunks if chunk["type"] == "AIMessageChunk"]
    assert "".join(chunk["content"] for chunk in answer) == "You said: hello there"
    assert len({chunk["id"] for chunk in answer}) == 1
    about = chunks[-1][1]
    assert about["langgraph_node"] == "answer"
    assert about["langgraph_checkpoint_ns"].startswith("answer:")
    shown = named(events, "values")[-1]["messages"]
    assert [message["type"] for message in shown] == ["human", "ai"]
    assert shown[-1]["id"] == answer[0]["id"], "the page merges chunks and values by this id"


def test_every_event_has_an_id_to_go_on_from(page: Page) -> None:
    events = page.say(page.new_thread(), "hi")
    ids = [event.event_id for event in events]
    assert all(ids) and len(set(ids)) == len(ids)


def test_custom_events_and_those_of_subgraphs_are_told_apart(page: Page) -> None:
    told = page.submit(page.new_thread(), "steps", input={"topic": "ui"})
    assert [data["number"] for data in named(told, "custom")] == [1, 2, 3]
    names = {event.name for event in page.submit(page.new_thread(), "nested", input={})}
    assert any(name.startswith("values|inner:") for name in names)


def test_the_history_lets_the_page_draw_branches(page: Page) -> None:
    thread_id = page.new_thread()
    page.say(thread_id, "one")
    states = page.history(thread_id)
    assert texts(states[0]) == ["one", "You said: one"]
    ids = [state["checkpoint"]["checkpoint_id"] for state in states]
    assert ids == sorted(ids, reverse=True)
    parents = [state["parent_checkpoint"] for state in states]
    assert [parent and parent["checkpoint_id"] for parent in parents] == [*ids[1:], None]
    assert all({"next", "tasks", "metadata", "created_at"} <= state.keys() for state in states)


def first_seen_with(states: Any, text: str) -> Any:
    """Return the oldest state that holds a message: the page forks from that one's parent."""
    return [state for state in states if text in texts_or_none(state)][-1]


def texts_or_none(state: Any) -> list[str]:
    return texts(state) if "messages" in state["values"] else []


def fork_of(state: Any) -> Any:
    """Return the checkpoint as `useStream` sends it, without the thread."""
    return {k: v for k, v in state["parent_checkpoint"].items() if k != "thread_id"}


def test_an_answer_is_made_anew_without_an_input(page: Page) -> None:
    thread_id = page.new_thread()
    page.say(thread_id, "again")
    fork = fork_of(first_seen_with(page.history(thread_id), "You said: again"))
    events = page.submit(thread_id, "chat", checkpoint=fork)
    assert texts({"values": named(events, "values")[-1]}) == ["again", "You said: again"]
    children = [
        state
        for state in page.history(thread_id)
        if state["parent_checkpoint"]
        and state["parent_checkpoint"]["checkpoint_id"] == fork["checkpoint_id"]
    ]
    assert len(children) == 2, "both answers are there to switch between"


def test_an_edited_message_replaces_what_followed(page: Page) -> None:
    thread_id = page.new_thread()
    page.say(thread_id, "first")
    page.say(thread_id, "secnod")
    fork = fork_of(first_seen_with(page.history(thread_id), "secnod"))
    page.say(thread_id, "second", checkpoint=fork)
    after = ["first", "You said: first", "second", "You said: second"]
    assert texts(page.history(thread_id)[0]) == after


def interrupted(page: Page) -> str:
    """Bring a thread to its question."""
    thread_id = page.new_thread()
    events = page.submit(thread_id, "approval", input={"request": "a letter"})
    asked = named(events, "values")[-1]["__interrupt__"]
    assert asked[0]["value"]["question"] == "Send this?"
    head = page.history(thread_id)[0]
    assert head["next"] == ["approve"]
    shown = head["tasks"][-1]["interrupts"]
    assert [(one["id"], one["value"]) for one in shown] == [(asked[0]["id"], asked[0]["value"])]
    return thread_id


def test_a_question_is_answered(page: Page) -> None:
    thread_id = interrupted(page)
    events = page.submit(thread_id, "approval", input={}, command={"resume": True})
    assert named(events, "values")[-1]["result"] == "sent"
    assert page.history(thread_id)[0]["next"] == []


def test_marking_as_resolved_is_taken_and_asks_again_as_the_library_does(page: Page) -> None:
    thread_id = interrupted(page)
    events = page.submit(thread_id, "approval", input={}, command={"goto": "__end__"})
    assert named(events, "values")[-1]["__interrupt__"][0]["value"]["question"] == "Send this?"
    assert page.call("GET", f"/threads/{thread_id}").json()["status"] == "interrupted"


def test_a_failure_is_the_last_event(page: Page) -> None:
    events = page.submit(page.new_thread(), "failing", input={"message": "no luck"})
    assert events[-1].name == "error"
    assert events[-1].data == {"error": "ValueError", "message": "no luck"}


def slow_run(page: Page, steps: int) -> tuple[str, str]:
    """Leave a run in the middle; return its thread and id."""
    thread_id = page.new_thread()
    given = {"steps": steps, "sleep_s": 0.2}
    return thread_id, page.begin_and_close(thread_id, "slow", input=given)


def join(page: Page, thread_id: str, run_id: str) -> list[Event]:
    path = f"/threads/{thread_id}/runs/{run_id}/stream?cancel_on_disconnect=0&checkpoint_id=x"
    answer = page.call("GET", path, last_event_id="-1")
    assert answer.status_code == 200, answer.text
    return Event.parse(answer.text)


def test_a_page_that_returns_joins_its_run_from_the_first_event(page: Page) -> None:
    thread_id, run_id = slow_run(page, 4)
    events = join(page, thread_id, run_id)
    assert events[0].data["run_id"] == run_id
    assert [data["count"] for data in named(events, "custom")] == [1, 2, 3, 4]
    assert page.history(thread_id)[0]["values"]["count"] == 4
    assert join(page, thread_id, run_id) == events


def test_stop_cancels_the_run(page: Page) -> None:
    thread_id, run_id = slow_run(page, 600)
    path = f"/threads/{thread_id}/runs/{run_id}/cancel?wait=0&action=interrupt"
    assert page.call("POST", path).status_code == 202

    def status() -> str:
        return str(page.call("GET", f"/threads/{thread_id}/runs/{run_id}").json()["status"])

    until_true(lambda: status() not in ("pending", "running"))
    assert status() == "interrupted"
    again = page.submit(thread_id, "slow", input={"steps": 1, "sleep_s": 0})
    assert named(again, "values")[-1]["count"] == 1
