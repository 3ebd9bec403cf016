"""One JSON-RPC request: what it asks for, who can read the answer, the envelope around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from graphstead.engine.a2a.cards import HISTORY_SCOPE_HEADER
from graphstead.engine.a2a.dialects import Dialect, Method
from graphstead.engine.a2a.faults import VERSION, Fault, fault_of
from graphstead.engine.a2a.telling import Wishes
from graphstead.engine.callers import Asked
from graphstead.problems import Problem, TransportRefused
from graphstead.storage.rows import Json

__all__ = ["Call", "check_accept", "check_version", "ready", "refused"]

JSON = "application/json"
EVENTS = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Call:
    """One JSON-RPC request to one assistant."""

    method: Method
    request_id: Any
    params: Mapping[str, Any]
    assistant: Json
    asked: Asked

    @property
    def assistant_id(self) -> str:
        return str(self.assistant["assistant_id"])

    @property
    def dialect(self) -> Dialect:
        return self.method.dialect

    def result(self, result: Any) -> bytes:
        """Return the answer's envelope around a result."""
        return _envelope(self.request_id, "result", result)

    def wishes(self, **others: Any) -> Wishes:
        """Return what the parameters and headers say about how much is to be told."""
        scope = _header(self.asked, HISTORY_SCOPE_HEADER)
        length = self.params.get("historyLength")
        return Wishes(**{"history_length": length, "whole_context": scope != "task", **others})


def _envelope(request_id: Any, member: str, value: Any) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "id": request_id, member: value})


def refused(request_id: Any, failure: Fault | Problem) -> bytes:
    """Return the envelope around a failure."""
    fault = fault_of(failure) if isinstance(failure, Problem) else failure
    return _envelope(request_id, "error", fault.to_body())


async def ready(content: bytes) -> bytes:
    """Return what is there already, to whoever awaits it."""
    return content


def _header(asked: Asked, name: bytes) -> str | None:
    for key, value in asked.headers:
        if key == name:
            return value.decode("latin-1").strip()
    return None


def check_version(asked: Asked) -> None:
    """Refuse a version of the protocol that is neither of the two. Raises Fault."""
    version = _header(asked, b"a2a-version")
    if version and version.partition(".")[0] not in ("0", "1"):
        raise Fault(VERSION, f"A2A {version} is not spoken here; send 1.0 or 0.3")


def check_accept(asked: Asked, method: Method | None) -> None:
    """Refuse a client that cannot read the answer (measured on 0.16.7). Raises TransportRefused."""
    accept = _header(asked, b"accept")
    if accept is None:
        return
    taken = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    wanted = EVENTS if method is not None and method.streams else JSON
    family = f"{wanted.partition('/')[0]}/*"
    if method is None and EVENTS in taken:
        return
    if taken.isdisjoint((wanted, family, "*/*")):
        streaming = " for streaming" if wanted == EVENTS else ""
        raise TransportRefused(f"Accept header must include {wanted}{streaming}")
