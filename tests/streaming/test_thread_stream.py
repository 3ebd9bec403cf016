"""GET /threads/{thread_id}/stream: one stream over all runs of a thread."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
from servers import Server

ECHO = {"assistant_id": "echo", "input": {"message": "hi"}, "stream_mode": ["values", "updates"]}


class Follower:
    """Collect (event, data, id) of a thread's stream in the background."""

    def __init__(self, server: Server, thread_id: str, query: str = "", since: str = "") -> None:
        headers = {"Last-Event-ID": since} if since else {}
        url = f"{server.url}/threads/{thread_id}/stream{query}"
        self.events: list[tuple[str, Any, str]] = []
        self.changed = threading.Condition()
        self._client = httpx.Client(timeout=30)
        self._answer = self._client.send(
            self._client.build_request("GET", url, headers=headers), stream=True
        )
        self.status = self._answer.status_code
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            for event in frames(self._answer.iter_lines()):
                with self.changed:
                    self.events.append(event)
                    self.changed.notify()
        except httpx.HTTPError:
            return

    def runs_done(self, count: int, timeout_s: float = 60) -> list[tuple[str, Any, str]]:
        """Return the events once that many runs are done, and leave."""
        with self.changed:
            assert self.changed.wait_for(lambda: self._done() >= count, timeout_s), self.events
        self._client.close()
        return self.events

    def _done(self) -> int:
        return sum(1 for _, data, _ in self.events if is_done(data))


def is_done(data: Any) -> bool:
    return isinstance(data, dict) and data.get("status") == "run_done"


def frames(lines: Iterator[str]) -> Iterator[tuple[str, Any, str]]:
    fields: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields["event"], json.loads(fields["data"]), fields["id"]
            fields = {}


def thread(server: Server) -> str:
    return str(server.post("/threads", {}).json()["thread_id"])


def run(server: Server, thread_id: str) -> None:
    assert server.post(f"/threads/{thread_id}/runs/wait", ECHO).status_code == 200


def test_every_event_of_later_runs_comes_and_each_run_is_marked_done(server: Server) -> None:
    thread_id = thread(server)
    follower = Follower(server, thread_id)
    for _ in range(2):
        run(server, thread_id)
    names = [name for name, _, _ in follower.runs_done(2)]
    assert names == ["metadata", "values", "updates", "values", "metadata"] * 2


def test_ids_rise_over_runs_and_a_follower_resumes_strictly_behind_one(server: Server) -> None:
    thread_id = thread(server)
    for _ in range(3):
        run(server, thread_id)
    everything = Follower(server, thread_id, since="-").runs_done(3)
    ids = [tuple(map(int, event_id.split("-"))) for _, _, event_id in everything]
    assert ids == sorted(set(ids))
    for cut in range(len(everything) - 1):
        again = Follower(server, thread_id, since=everything[cut][2])
        left = sum(is_done(data) for _, data, _ in everything[cut + 1 :])
        assert again.runs_done(left) == everything[cut + 1 :]


def test_without_an_id_only_what_is_to_come_is_sent(server: Server) -> None:
    thread_id = thread(server)
    run(server, thread_id)
    follower = Follower(server, thread_id)
    run(server, thread_id)
    assert len(follower.runs_done(1)) == 5


def test_lifecycle_tells_beginnings_and_ends_alone(server: Server) -> None:
    thread_id = thread(server)
    follower = Follower(server, thread_id, "?stream_mode=lifecycle")
    run(server, thread_id)
    assert [name for name, _, _ in follower.runs_done(1)] == ["metadata", "metadata"]


def test_a_state_written_by_hand_is_told(server: Server) -> None:
    thread_id = thread(server)
    run(server, thread_id)
    follower = Follower(server, thread_id, "?stream_modes=state_update,lifecycle")
    body = {"values": {"message": "by hand"}, "as_node": "echo"}
    assert server.post(f"/threads/{thread_id}/state", body).status_code == 200
    run(server, thread_id)
    name, data, _ = follower.runs_done(1)[0]
    assert name == "state_update"
    assert data["thread_id"] == thread_id
    assert data["state"]["values"]["message"] == "by hand"


def test_an_unknown_thread_or_mode_is_refused_before_the_stream_opens(server: Server) -> None:
    unknown = "01999f3c-6b1a-7d52-9c5e-2f7f0c3b8a11"
    assert server.get(f"/threads/{unknown}/stream").status_code == 404
    known = thread(server)
    assert server.get(f"/threads/{known}/stream?stream_modes=everything").status_code == 422
    bad_id = {"Last-Event-ID": "yesterday"}
    assert server.get(f"/threads/{known}/stream", headers=bad_id).status_code == 422
