"""What one user has on a server, all of it marked, and requests in somebody's name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx
from auth.cases import Case, run
from servers import Server

# One for all: making a client takes longer than most requests. Servers close what has been idle for
# 5 s, which must not meet a request.
CLIENT = httpx.Client(timeout=60, limits=httpx.Limits(keepalive_expiry=1))
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@dataclass(frozen=True)
class Person:
    """Somebody who sends requests: a name that rows belong to, and what proves it."""

    name: str
    headers: dict[str, str]

    def call(self, server: Server, method: str, path: str, body: Any = None) -> httpx.Response:
        options: dict[str, Any] = {} if body is None else {"json": body}
        return CLIENT.request(method, server.url + path, headers=self.headers, **options)

    def try_case(self, server: Server, case: Case, rows: dict[str, str]) -> httpx.Response:
        """Send the request of a case about these rows; of a stream read the head alone."""
        path, body = filled(case.path, rows), filled(case.body, rows)
        if not case.streams:
            return self.call(server, case.method, path, body)
        options: dict[str, Any] = {} if body is None else {"json": body}
        url = server.url + path
        headers = {**self.headers, **(HANDSHAKE if case.opens_socket else {})}
        with CLIENT.stream(case.method, url, headers=headers, **options) as answer:
            if answer.status_code >= 400:
                answer.read()
            return answer


def filled(value: Any, rows: dict[str, str]) -> Any:
    """Put ids in the places that are named in a case."""
    if isinstance(value, str):
        return value.format(**rows) if "{" in value else value
    if isinstance(value, list):
        return [filled(one, rows) for one in value]
    if isinstance(value, dict):
        return {key: filled(one, rows) for key, one in value.items()}
    return value


@dataclass
class Estate:
    """A thread with a finished run, one with a waiting run, an assistant, a cron and an item."""

    owner: Person
    server: Server
    mark: str
    rows: dict[str, str] = field(default_factory=dict)

    def build(self) -> Estate:
        marked = {"mark": self.mark}
        ask = self._ask
        body = {"graph_id": "echo", "name": self.mark, "metadata": marked}
        assistant = ask("POST", "/assistants", body)["assistant_id"]
        thread = ask("POST", "/threads", {"metadata": marked})["thread_id"]
        ask("POST", f"/threads/{thread}/runs/wait", run(input={"message": self.mark}))
        finished = ask("GET", f"/threads/{thread}/runs")[0]["run_id"]
        checkpoint = ask("GET", f"/threads/{thread}/state")["checkpoint"]["checkpoint_id"]
        other = ask("POST", "/threads", {"metadata": marked})["thread_id"]
        waiting = ask("POST", f"/threads/{other}/runs", run(after_seconds=600))["run_id"]
        cron = {"assistant_id": "echo", "schedule": "0 0 29 2 *", "metadata": marked}
        cron_id = ask("POST", "/runs/crons", cron)["cron_id"]
        item = {"namespace": ["notes"], "key": self.mark, "value": {"text": self.mark}}
        self.owner.call(self.server, "PUT", "/store/items", item).raise_for_status()
        self.rows = {
            "owner": self.owner.name,
            "mark": self.mark,
            "assistant": assistant,
            "thread": thread,
            "run": finished,
            "checkpoint": checkpoint,
            "waiting_thread": other,
            "waiting": waiting,
            "cron": cron_id,
        }
        return self

    def looks(self) -> list[Any]:
        """Return everything there is to see of it, as its owner."""
        thread, waiting = self.rows["thread"], self.rows["waiting_thread"]
        paths = [
            f"/threads/{thread}",
            f"/threads/{thread}/state",
            f"/threads/{thread}/runs",
            f"/threads/{waiting}",
            f"/threads/{waiting}/runs",
            f"/assistants/{self.rows['assistant']}",
            f"/runs/crons/{self.rows['cron']}",
            f"/store/items?namespace=notes&key={self.mark}",
        ]
        return [self._ask("GET", path) for path in paths]

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.owner.call(self.server, method, path, body)
        answer.raise_for_status()
        return answer.json()
