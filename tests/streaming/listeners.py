"""Listeners of the event protocol: they collect a thread's frames in the background."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

import httpx
from servers import Server

ALL = (
    "values",
    "updates",
    "checkpoints",
    "messages",
    "tools",
    "lifecycle",
    "input",
    "tasks",
    "custom",
)
TERMINAL = ("completed", "failed", "interrupted")
Frame = dict[str, Any]


class Listener:
    """Collect the frames of `POST stream/events` until told to leave."""

    def __init__(
        self,
        url: str,
        thread_id: str,
        channels: Sequence[str] = ALL,
        *,
        last_event_id: int | None = None,
        **params: Any,
    ) -> None:
        self.frames: list[Frame] = []
        self.ids: list[str] = []
        self.names: list[str] = []
        self.beats = 0
        self.over = False
        self.changed = threading.Condition()
        self._client = httpx.Client(timeout=30)
        headers = {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
        request = self._client.build_request(
            "POST",
            f"{url}/threads/{thread_id}/stream/events",
            json={"channels": list(channels), **params},
            headers=headers,
        )
        self.answer = self._client.send(request, stream=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            fields: dict[str, str] = {}
            for line in self.answer.iter_lines():
                if line.startswith(":"):
                    self._beat()
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif fields:
                    self._take(fields)
                    fields = {}
        except httpx.HTTPError:
            pass
        finally:
            self.answer.close()
            self._client.close()
        with self.changed:
            self.over = True
            self.changed.notify()

    def _beat(self) -> None:
        with self.changed:
            self.beats += 1
            self.changed.notify()

    def _take(self, fields: Mapping[str, str]) -> None:
        """Add a frame that came whole, its name and its id with it."""
        with self.changed:
            self.frames.append(json.loads(fields["data"]))
            self.names.append(fields["event"])
            self.ids += [fields["id"]] if "id" in fields else []
            self.changed.notify()

    def until(self, check: Callable[[Sequence[Frame]], bool], timeout_s: float = 60) -> list[Frame]:
        """Return the frames once they are as wished; the listener stays."""
        with self.changed:
            met = self.changed.wait_for(lambda: check(self.frames) or self.over, timeout_s)
            assert met and check(self.frames), brief(self.frames)
            return list(self.frames)

    def runs(self, count: int = 1, timeout_s: float = 60) -> list[Frame]:
        """Return the frames once that many runs have ended, and leave."""
        found = self.until(lambda frames: sum(map(is_end, frames)) >= count, timeout_s)
        self.leave()
        return found

    def until_cut(self, timeout_s: float = 60) -> list[Frame]:
        """Return what came until the connection was lost or a run ended."""
        with self.changed:
            over = self.changed.wait_for(
                lambda: self.over or any(map(is_end, self.frames)), timeout_s
            )
            assert over, brief(self.frames)
        self.leave()
        return self.frames

    def ended(self, timeout_s: float = 60) -> list[Frame]:
        """Return the frames once the server has ended the stream."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.over, timeout_s), brief(self.frames)
        return self.frames

    def leave(self) -> None:
        self._client.close()


def is_end(frame: Frame) -> bool:
    """Tell whether a run ends here."""
    if frame.get("method") != "lifecycle" or frame["params"]["namespace"]:
        return False
    return frame["params"]["data"]["event"] in TERMINAL


def brief(frames: Iterable[Frame]) -> list[Any]:
    """Return (method, event) of frames, for messages of tests."""
    return [(one.get("method"), (data_of(one) or {}).get("event")) for one in frames]


def data_of(frame: Frame) -> Any:
    data = frame.get("params", {}).get("data")
    return data if isinstance(data, dict) else None


def of(frames: Iterable[Frame], method: str, namespace: Sequence[str] | None = None) -> list[Any]:
    """Return the data of one method's frames, of one place where it is given (names alone)."""
    return [
        frame["params"]["data"]
        for frame in frames
        if frame["method"] == method and (namespace is None or place_of(frame) == list(namespace))
    ]


def place_of(frame: Frame) -> list[str]:
    """Return where it happened, without the ids of tasks."""
    return [segment.partition(":")[0] for segment in frame["params"]["namespace"]]


def new_id() -> str:
    return str(uuid4())


def command(server: Server, thread_id: str, method: str, **params: Any) -> Any:
    """Send a command; return its answer."""
    body = {"id": 7, "method": method, "params": params}
    answer = server.post(f"/threads/{thread_id}/commands", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def start(server: Server, thread_id: str, graph: str, given: Any, **params: Any) -> str:
    """Start a run; return its id."""
    answer = command(server, thread_id, "run.start", assistant_id=graph, input=given, **params)
    assert answer["type"] == "success", answer
    return str(answer["result"]["run_id"])


def run(server: Server, graph: str, given: Any, **params: Any) -> list[Frame]:
    """Run a graph on a new thread; return all its frames."""
    thread_id = new_id()
    start(server, thread_id, graph, given, **params)
    return Listener(server.url, thread_id).runs()
