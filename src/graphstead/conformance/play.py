"""Make scripted calls against one server and keep what it answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

__all__ = ["BROKEN_OFF", "Answer", "Play", "events_of"]

ENDED = frozenset({"success", "error", "timeout", "interrupted"})
TIMEOUT_S = 60.0
BROKEN_OFF = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back of one call."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class Play:
    """One scene on one server: calls by name, their answers, and the ids they made."""

    base_url: str
    scene: str
    answers: dict[str, Answer] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._http = httpx.Client(base_url=self.base_url, timeout=TIMEOUT_S)

    def perform(self, act: Callable[[Play], None]) -> None:
        """Make the calls of a scene; one that fails ends it and is kept as `BROKEN_OFF`."""
        try:
            act(self)
        except (httpx.HTTPError, LookupError, TypeError, ValueError, TimeoutError) as error:
            self._keep("broke off", BROKEN_OFF, {}, f"{type(error).__name__}: {error}")
        finally:
            self._http.close()

    def call(
        self,
        name: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Any:
        """Send one request, keep the answer under `name`, and return its body."""
        sent = content if content is not None or body is None else orjson.dumps(body)
        typed = {} if sent is None else {"content-type": "application/json"}
        answer = self._http.request(
            method, path, content=sent, headers={**typed, **(headers or {})}
        )
        found = _body(answer)
        self._keep(name, answer.status_code, dict(answer.headers), found)
        return found

    def keep(self, name: str, body: Any) -> None:
        """Keep something that was put together from several answers."""
        self._keep(name, 200, {}, body)

    def _keep(self, name: str, status: int, headers: dict[str, str], body: Any) -> None:
        call = f"{self.scene}: {name}"
        self.answers[call] = Answer(status, headers, body)

    def named(self, kind: str, made_id: str) -> str:
        """Let an id be shown as `<kind>` wherever it occurs; return it."""
        self.names[made_id] = kind
        return made_id

    def thread(self, kind: str = "thread", **fields: Any) -> str:
        """Create a thread without keeping the answer; return its id."""
        made = self._http.post("/threads", json=fields).json()
        return self.named(kind, made["thread_id"])

    def quietly(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request whose answer is no part of the comparison; return its body."""
        return _body(self._http.request(method, path, json=body))

    def settle(self, thread_id: str, timeout_s: float = 60.0) -> None:
        """Wait until no run of the thread is pending or running."""
        until = time.monotonic() + timeout_s
        while any(run["status"] not in ENDED for run in self._runs(thread_id)):
            if time.monotonic() > until:
                raise TimeoutError(f"a run of {thread_id} does not end")
            time.sleep(0.05)

    def _runs(self, thread_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._http.get(f"/threads/{thread_id}/runs").json()
        return found

    def until_status(self, thread_id: str, run_id: str, status: str) -> None:
        """Wait until a run has this status."""
        until = time.monotonic() + 60
        while self.quietly("GET", f"/threads/{thread_id}/runs/{run_id}").get("status") != status:
            if time.monotonic() > until:
                raise TimeoutError(f"run {run_id} does not become {status}")
            time.sleep(0.02)


def _body(answer: httpx.Response) -> Any:
    kind = answer.headers.get("content-type", "")
    if kind.startswith("text/event-stream"):
        return events_of(answer.content)
    if kind.startswith("application/json") and answer.content.strip():
        return answer.json()
    return answer.text


def events_of(content: bytes) -> list[dict[str, Any]]:
    """Read the frames of an event stream as objects with `event`, `data` and where sent `id`."""
    frames = content.replace(b"\r\n", b"\n").split(b"\n\n")
    return [event for frame in frames if (event := _event(frame))]


def _event(frame: bytes) -> dict[str, Any]:
    lines = [line for line in frame.decode().split("\n") if line and line[0] != ":"]
    members: dict[str, Any] = dict(line.split(": ", 1) for line in lines)
    if "data" in members:
        members["data"] = orjson.loads(members["data"])
    return members
