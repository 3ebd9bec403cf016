"""What exists on the server under test: made before the first request, and never destroyed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from urllib.parse import quote, urljoin

import httpx
import jsonschema_rs
from schemathesis.schemas import BaseSchema

from .refusals import ALL_GRAPHS, GRAPHS, KEY_VARIABLE, Known

# To make one takes longer than a request, and none of them is encrypted.
TLS = httpx.create_ssl_context()
INPUT = {"message": "hi", "messages": [{"role": "user", "content": "hi"}]}


@dataclass
class World:
    """The server, with an assistant, a thread and a finished run of each short graph."""

    url: str = ""
    known: Known = field(default_factory=Known)
    lock: Lock = field(default_factory=Lock)
    kept: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    validators: dict[str, jsonschema_rs.Draft202012Validator] = field(default_factory=dict)

    def prepare(self, schema: BaseSchema) -> None:
        """Make what is to be known; only the first call does anything."""
        with self.lock:
            if not self.url:
                self.url = urljoin(schema.location or "", schema.get_base_url()).rstrip("/")
                self._find_assistants()
                for graph in GRAPHS:
                    self._remember(graph, *self.finished_run(graph))
                self.known.crons.append(self.new_cron())
                self.kept.add(self.known.crons[0])

    def keeps(self, values: Iterable[Any]) -> bool:
        """Tell whether one of these names something that must outlive the tests."""
        return not self.kept.isdisjoint(map(str, values))

    def finished_run(self, graph: str = "echo") -> tuple[str, str]:
        """Return the ids of a new thread and of a run on it that has ended."""
        body = {"assistant_id": graph, "input": INPUT, "stream_resumable": True}
        thread_id = self.call("POST", "/threads", {})["thread_id"]
        run_id = self.call("POST", f"/threads/{thread_id}/runs", body)["run_id"]
        self.call("GET", f"/threads/{thread_id}/runs/{run_id}/join")
        return thread_id, run_id

    def waiting_run(self) -> tuple[str, str]:
        """Return the ids of a new thread and of a run on it that has yet to begin."""
        body = {"assistant_id": "echo", "after_seconds": 600}
        thread_id = self.call("POST", "/threads", {})["thread_id"]
        return thread_id, self.call("POST", f"/threads/{thread_id}/runs", body)["run_id"]

    def new_assistant(self) -> str:
        """Return the id of a new assistant."""
        assistant_id: str = self.call("POST", "/assistants", {"graph_id": "echo"})["assistant_id"]
        return assistant_id

    def new_cron(self) -> str:
        """Return the id of a new cron that is not due for years."""
        body = {"assistant_id": "echo", "schedule": "0 0 29 2 *"}
        cron_id: str = self.call("POST", "/runs/crons", body)["cron_id"]
        return cron_id

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request of our own, which must succeed."""
        key = os.environ.get(KEY_VARIABLE)
        headers = {"X-Api-Key": key} if key else {}
        answer = httpx.request(
            method, self.url + path, json=body, headers=headers, timeout=30, verify=TLS
        )
        answer.raise_for_status()
        return answer.json()

    def schema_at(self, schema: BaseSchema, place: str) -> jsonschema_rs.Draft202012Validator:
        """Return the validator of a schema of the contract, formats on."""
        if place not in self.validators:
            registry = jsonschema_rs.Registry([("urn:contract", schema.raw_schema)])
            self.validators[place] = jsonschema_rs.Draft202012Validator(
                {"$ref": f"urn:contract#/{quote(place, safe='/~')}"},
                registry=registry,
                validate_formats=True,
            )
        return self.validators[place]

    def _find_assistants(self) -> None:
        found = self.call("POST", "/assistants/search", {"limit": 100})
        self.kept |= {one["assistant_id"] for one in found} | ALL_GRAPHS
        own = [one["assistant_id"] for one in found if one["graph_id"] in GRAPHS]
        self.known.assistants.extend(own)

    def _remember(self, graph: str, thread_id: str, run_id: str) -> None:
        state = self.call("GET", f"/threads/{thread_id}/state")
        self.kept |= {thread_id, run_id}
        self.known.graphs[thread_id] = graph
        self.known.runs.append((thread_id, run_id))
        self.known.checkpoints[thread_id] = state["checkpoint"]["checkpoint_id"]
