"""The event protocol under rules: a conversation shows a caller's own threads alone."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from auth.conftest import by_name
from auth.estate import Person
from servers import Server
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

HELLO = {"assistant_id": "echo", "input": {"message": "for ada alone"}}
SUBSCRIBE = {"method": "subscription.subscribe", "params": {"channels": ["values", "lifecycle"]}}


def socket(server: Server, person: Person, thread_id: str) -> ClientConnection:
    url = f"{server.url.replace('http', 'ws')}/threads/{thread_id}/stream/events"
    return connect(url, additional_headers=person.headers, open_timeout=60)


def ask(connection: ClientConnection, command_id: int, **command: Any) -> Any:
    """Send a command; return its answer, passing over events."""
    connection.send(json.dumps({"id": command_id, **command}))
    while (frame := json.loads(connection.recv(timeout=60)))["type"] == "event":
        continue
    return frame


def test_a_stranger_is_put_out_of_a_conversation(ruled: Server) -> None:
    ada, bob = by_name("ada"), by_name("bob")
    thread_id = ada.call(ruled, "POST", "/threads", {}).json()["thread_id"]
    with socket(ruled, ada, thread_id) as own:
        assert ask(own, 1, **SUBSCRIBE)["type"] == "success"
    with socket(ruled, bob, thread_id) as other, pytest.raises(ConnectionClosed) as closed:
        other.recv(timeout=60)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 4404


def test_who_waits_for_a_thread_sees_nothing_of_one_that_another_makes(ruled: Server) -> None:
    ada, bob, thread_id = by_name("ada"), by_name("bob"), str(uuid4())
    with socket(ruled, bob, thread_id) as early, socket(ruled, ada, thread_id) as own:
        assert ask(early, 1, **SUBSCRIBE)["type"] == "success"
        assert ask(own, 1, **SUBSCRIBE)["type"] == "success"
        assert ask(own, 2, method="run.start", params=HELLO)["type"] == "success"
        told = ""
        while '"completed"' not in told:
            told += str(own.recv(timeout=60))
        assert "for ada alone" in told
        refused = ask(early, 2, method="agent.getTree", params={})
        assert (refused["type"], "for ada alone" in str(refused)) == ("error", False)
        with pytest.raises(TimeoutError):
            early.recv(timeout=1.5)


def test_commands_of_a_stranger_do_nothing(ruled: Server) -> None:
    ada, bob = by_name("ada"), by_name("bob")
    thread_id = ada.call(ruled, "POST", "/threads", {}).json()["thread_id"]
    later = {"assistant_id": "echo", "input": {"message": "x"}, "after_seconds": 600}
    run = ada.call(ruled, "POST", f"/threads/{thread_id}/runs", later).json()
    commands = f"/threads/{thread_id}/commands"
    for method, params in [("run.cancel", {"run_id": run["run_id"]}), ("run.start", HELLO)]:
        told = bob.call(ruled, "POST", commands, {"id": 1, "method": method, "params": params})
        assert (told.status_code, told.json()["type"]) == (200, "error"), told.text
    kept = ada.call(ruled, "GET", f"/threads/{thread_id}/runs").json()
    assert [(one["run_id"], one["status"]) for one in kept] == [(run["run_id"], "pending")]
