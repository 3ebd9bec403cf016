"""The contract as the gateway needs it: routes, and a judge for each direction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.types import Scope

from graphstead.conformance.checking import Profile
from graphstead.conformance.operations import for_server
from graphstead.contract.compile import EVENT_STREAM, Operation, compile_contract
from graphstead.contract.events import EventContract, parse_frames
from graphstead.contract.exchange import Exchange
from graphstead.contract.json_rpc import rpc_fault
from graphstead.contract.load import Document
from graphstead.contract.request import request_judge
from graphstead.contract.response import answer_faults
from graphstead.contract.route import RouteTable
from graphstead.contract.schemas import LateSchemas
from graphstead.contract.specification import placed_operations
from graphstead.problems import Problem, Unprocessable

__all__ = ["AnswerHead", "GatewayContract", "Route"]

END = "end"
BODY_UNDECLARED = "a body is sent where none is declared"


@dataclass(frozen=True, slots=True)
class Route:
    """Where a path leads: its operation, None where the method is none of `allowed`."""

    operation: Operation | None
    path_params: Mapping[str, str]
    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """Status and headers of an answer, names in lower case."""

    status: int
    headers: list[tuple[bytes, bytes]]

    def header(self, name: bytes) -> str | None:
        """Return the first value of a header."""
        return next((v.decode("latin-1") for n, v in self.headers if n == name), None)

    @property
    def media_type(self) -> str:
        """Return the content type without its parameters."""
        return (self.header(b"content-type") or "").partition(";")[0].strip().lower()

    @property
    def length(self) -> int | None:
        """Return the announced length of the body."""
        text = self.header(b"content-length")
        return int(text) if text is not None and text.isdigit() else None


class GatewayContract:
    """One document, compiled for judging what passes through.

    In the profile `core` answers are held against what clients rely on, as `graphstead conform`
    does; requests always against the document itself.
    """

    def __init__(self, document: Document, profile: Profile, *, reject_unknown: bool) -> None:
        spoken = _with_tags(for_server(document, "http://localhost", profile))
        compiled = compile_contract(spoken)
        self._core = profile == "core"
        self._events = EventContract(spoken, LateSchemas(compiled.schemas))
        operations = compiled.operations.values()
        self._table = RouteTable(one for one in operations if one.websocket is None)
        self._sockets = RouteTable(one for one in operations if one.websocket is not None)
        self._requests = {
            one.operation_id: request_judge(one, reject_unknown)
            for one in operations
            if one.websocket is None
        }

    def find(self, method: str, path: str) -> Route | None:
        """Find what a request is of; None for a path the contract does not have."""
        match = self._table.find(path)
        if match is None:
            return None
        allowed = tuple(sorted(match.methods))
        return Route(match.methods.get(method), match.path_params, allowed)

    def find_socket(self, path: str) -> Route | None:
        """Find the WebSocket at a path."""
        match = self._sockets.find(path)
        return None if match is None else Route(match.methods["GET"], match.path_params, ("GET",))

    def request_problem(
        self, operation: Operation, scope: Scope, exchange: Exchange, raw: bytes
    ) -> Problem | None:
        """Return what the contract answers to a request that breaks it."""
        try:
            self._requests[operation.operation_id](scope, exchange, raw)
        except Problem as problem:
            told = operation.rpc_by_status and isinstance(problem, Unprocessable)
            return rpc_fault(problem) if told else problem  # type: ignore[arg-type]
        return None

    def head_faults(self, operation: Operation, head: AnswerHead) -> list[str]:
        """Return what is wrong with status, headers and content type."""
        content = b"-" if head.length else None
        return self._answer_faults(operation, head, content, with_body=False)

    def body_faults(self, operation: Operation, head: AnswerHead, content: bytes) -> list[str]:
        """Return what is wrong with a body, beyond what is wrong with its head."""
        known = self.head_faults(operation, head)
        found = self._answer_faults(operation, head, content, with_body=True)
        return [fault for fault in found if fault not in known]

    def _answer_faults(
        self, operation: Operation, head: AnswerHead, content: bytes | None, *, with_body: bool
    ) -> list[str]:
        start = {"status": head.status, "headers": head.headers}
        found = answer_faults(operation, start, content, with_body)
        return [one for one in found if one != BODY_UNDECLARED] if self._core else found

    def judges_body(self, operation: Operation, head: AnswerHead) -> bool:
        """Tell whether the contract says anything about the bytes of an answer."""
        declared = operation.declared(head.status)
        if declared is None:
            return False
        content = declared.contents.get(head.media_type)
        return content is not None and content.is_json and content.validator is not None

    def streams(self, operation: Operation, head: AnswerHead) -> bool:
        """Tell whether an answer consists of events that can be judged."""
        told = head.media_type == EVENT_STREAM and 200 <= head.status < 300
        return told and self._events.streams(operation.operation_id)

    def frame_faults(self, operation: Operation, frame: bytes) -> list[str]:
        """Return what is wrong with one frame of a stream; comments count for nothing."""
        try:
            return list(self._frame_faults(operation.operation_id, frame))
        except UnicodeDecodeError:
            return ["an event is not UTF-8"]

    def _frame_faults(self, operation_id: str, frame: bytes) -> Iterator[str]:
        for event, data in parse_frames(frame):
            if not (self._core and event == END):
                yield from self._events.check(operation_id, event, data)

    def sent_frame_faults(self, operation: Operation, text: bytes) -> list[str]:
        """Return what is wrong with what the server sent through a WebSocket."""
        value = _json(text)
        frames = operation.websocket
        assert frames is not None
        if isinstance(value, dict) and value.get("type") == "event" and frames.events:
            return list(self._events.check(frames.events, str(value.get("method")), text))
        return _schema_faults(frames.server, value)

    def client_frame_faults(self, operation: Operation, text: bytes) -> list[str]:
        """Return what is wrong with what the client sent through a WebSocket."""
        frames = operation.websocket
        if frames is None or frames.client is None:
            return []
        return _schema_faults(frames.client, _json(text))


def _json(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _schema_faults(validator: Any, value: Any) -> list[str]:
    if validator.ok(value):
        return []
    return [f"{error['loc']}: {error['msg']}" for error in validator.errors(value, "frame")]


def _with_tags(document: Document) -> Document:
    """Give each operation the one tag that compiling asks for: foreign ones have any number."""
    for one in placed_operations(document):
        one.place.value["tags"] = (one.place.value.get("tags") or ["API"])[:1]
    return document
