"""The event protocol over a WebSocket: who may connect, commands between events, how it closes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from servers import Server
from streaming.listeners import Frame, Listener, brief, is_end, new_id, of, start
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

HELLO = {"messages": [{"role": "user", "content": "hello"}]}
CHAT = ["values", "lifecycle", "input"]


class Peer:
    """One end of a connection: sends commands, keeps the frames that come in between."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.frames: list[Frame] = []
        self.last_id = 0

    def ask(self, method: str, **params: Any) -> Any:
        """Send a command; return its answer."""
        self.last_id += 1
        return self.ask_as(self.last_id, method, **params)

    def ask_as(self, command_id: int, method: str, **params: Any) -> Any:
        self.socket.send(json.dumps({"id": command_id, "method": method, "params": params}))
        return self.answer()

    def answer(self) -> Any:
        while (frame := self._next())["type"] == "event":
            self.frames.append(frame)
        return frame

    def until_end(self, runs: int = 1) -> list[Frame]:
        """Return the frames once that many runs have ended."""
        while sum(map(is_end, self.frames)) < runs:
            self.frames.append(self._next())
        return self.frames

    def _next(self) -> Any:
        return json.loads(self.socket.recv(timeout=60))


@contextmanager
def peer(server: Server, thread_id: str, **options: Any) -> Iterator[Peer]:
    url = f"{server.url.replace('http', 'ws')}/threads/{thread_id}/stream/events"
    with connect(url, **options) as socket:
        yield Peer(socket)


def test_commands_and_events_share_a_connection(server: Server) -> None:
    thread_id = new_id()
    with peer(server, thread_id) as one:
        subscribed = one.ask("subscription.subscribe", channels=CHAT)
        assert subscribed["result"]["replayed_events"] == 0
        begun = one.ask("run.start", assistant_id="approval", input={"request": "mail"})
        assert (begun["type"], begun["id"], one.frames) == ("success", 2, [])
        [asked] = of(one.until_end(), "input.requested")
        answer = {"interrupt_id": asked["interrupt_id"], "response": True}
        assert one.ask("input.respond", **answer)["type"] == "success"
        assert of(one.until_end(2), "values")[-1]["result"] == "sent"
        assert one.frames == Listener(server.url, thread_id, CHAT).runs(2)


def test_nothing_is_told_before_a_subscription_and_its_past_with_it(server: Server) -> None:
    thread_id = new_id()
    start(server, thread_id, "echo", {"message": 1})
    Listener(server.url, thread_id).runs()
    with peer(server, thread_id) as one:
        one.ask("agent.getTree")
        assert one.frames == []
        answer = one.ask("subscription.subscribe", channels=["lifecycle"])
        assert brief(one.frames) == [("lifecycle", "running"), ("lifecycle", "completed")]
        assert answer["result"]["replayed_events"] == 2
        seq = one.frames[-1]["seq"]
        assert answer["meta"]["applied_through_seq"] == seq
        late = one.ask("subscription.subscribe", channels=["values"], since=seq)
        assert late["result"]["replayed_events"] == 0


def test_an_event_is_sent_once_whoever_wants_it(server: Server) -> None:
    with peer(server, new_id()) as one:
        for channels in (["lifecycle"], CHAT, ["values"]):
            one.ask("subscription.subscribe", channels=channels)
        one.ask("run.start", assistant_id="steps", input={"topic": "tea"})
        seqs = [frame["seq"] for frame in one.until_end()]
        assert seqs == sorted(set(seqs))


def test_a_subscription_can_be_taken_back(server: Server) -> None:
    with peer(server, new_id()) as one:
        one.ask("subscription.subscribe", channels=["lifecycle"])
        values = one.ask("subscription.subscribe", channels=["values"])["result"]
        assert one.ask("subscription.unsubscribe", **values)["type"] == "success"
        again = one.ask("subscription.unsubscribe", **values)
        assert again["error"] == "no_such_subscription"
        one.ask("run.start", assistant_id="echo", input={"message": 1})
        assert {frame["method"] for frame in one.until_end()} == {"lifecycle"}


def test_a_command_that_comes_again_is_carried_out_once(server: Server) -> None:
    thread_id = new_id()
    with peer(server, thread_id) as one:
        echo = {"assistant_id": "echo", "input": {"message": 1}}
        first = one.ask_as(5, "run.start", **echo)
        assert one.ask_as(5, "run.start", **echo) == first
        assert len(server.get(f"/threads/{thread_id}/runs").json()) == 1
        other = one.ask_as(5, "run.start", **{**echo, "input": {"message": 2}})
        assert other["result"] != first["result"]


@pytest.mark.parametrize("message", ["{bad", "[]", "null", '{"id": "a"}', '{"id": 1}', b"\x00"])
def test_what_is_no_command_gets_an_answer(server: Server, message: str | bytes) -> None:
    with peer(server, new_id()) as one:
        one.socket.send(message)
        assert one.answer()["error"] == "invalid_argument"
        assert one.ask("subscription.subscribe", channels=["values"])["type"] == "success"


@pytest.mark.parametrize(
    "params",
    [{}, {"channels": []}, {"channels": ["x"]}, {"channels": ["values"], "namespaces": ["a"]}],
)
def test_a_subscription_to_nothing_is_refused_in_its_answer(server: Server, params: Any) -> None:
    with peer(server, new_id()) as one:
        assert one.ask("subscription.subscribe", **params)["error"] == "invalid_argument"


def test_a_thread_id_that_is_none_is_refused_at_the_handshake(server: Server) -> None:
    with pytest.raises(InvalidStatus) as refused, peer(server, "nonsense"):
        pass
    assert refused.value.response.status_code == 422
    assert json.loads(refused.value.response.body)["code"] == "unprocessable"


def test_a_browser_learns_of_a_refusal_from_the_close_code(server: Server) -> None:
    with (
        peer(server, "nonsense", origin="https://chat.example") as one,
        pytest.raises(ConnectionClosed) as closed,
    ):
        one.answer()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, "thread_id" in closed.value.rcvd.reason) == (4422, True)


def test_other_websockets_are_closed_at_the_handshake(server: Server) -> None:
    url = server.url.replace("http", "ws") + "/threads"
    with pytest.raises(InvalidStatus) as refused, connect(url):
        pass
    assert refused.value.response.status_code == 403


def test_named_origins_may_connect_and_hear_of_a_restart(make_server: Any) -> None:
    server: Server = make_server(env={"CORS_ALLOW_ORIGINS": "https://chat.example"})
    with (
        peer(server, new_id(), origin="https://evil.example") as one,
        pytest.raises(ConnectionClosed) as closed,
    ):
        one.answer()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 4403
    with peer(server, new_id(), origin=server.url) as one:
        assert one.ask("subscription.subscribe", channels=["values"])["type"] == "success"
    with peer(server, new_id(), origin="https://chat.example") as one:
        assert one.ask("subscription.subscribe", channels=["values"])["type"] == "success"
        listener = Listener(server.url, new_id())
        assert server.stop() == 0, server.log
        assert listener.ended() == []
        with pytest.raises(ConnectionClosed) as closed:
            one.answer()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012


def test_the_server_pings_and_answers_pings(server: Server) -> None:
    with peer(server, new_id()) as one:
        assert one.socket.ping().wait(60)


def test_a_client_that_reads_slowly_gets_everything(stage: Server) -> None:
    thread_id = new_id()
    with peer(stage, thread_id, max_queue=1) as one:
        one.ask("subscription.subscribe", channels=["messages", "lifecycle"])
        one.ask("run.start", assistant_id="slow_talk", input=HELLO)
        time.sleep(1.0)
        frames = one.until_end()
    assert frames == Listener(stage.url, thread_id, ["messages", "lifecycle"]).runs()


def test_listeners_in_different_processes_of_serve_count_alike(make_server: Any) -> None:
    server: Server = make_server("--api-workers", "2", "--run-workers", "1", command="serve")
    thread_id = new_id()
    with peer(server, thread_id) as one, peer(server, thread_id) as two:
        for each in (one, two):
            each.ask("subscription.subscribe", channels=CHAT)
        one.ask("run.start", assistant_id="steps", input={"topic": "tea"})
        assert one.until_end() == two.until_end()
    listeners = [Listener(server.url, thread_id, CHAT) for _ in range(6)]
    assert all(listener.runs() == one.frames for listener in listeners)
    assert server.stop() == 0, server.log
