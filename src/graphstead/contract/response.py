"""Hold answers to the contract: off, sampled with a log line, or strict with a 500.

Strict is for tests: it closes the response schemas, so that an undeclared member is a fault too.
Event streams are judged frame by frame where they are sent.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import orjson
from connexion.middleware.abstract import RoutedAPI, RoutedMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphstead.contract.compile import Operation
from graphstead.contract.load import DATA, Document, follow
from graphstead.problems import ForeignProblem, Problem, ServerError

__all__ = ["CompiledResponseMiddleware", "ResponseValidation", "close_answers", "complain"]

log = logging.getLogger("graphstead.contract")

ResponseValidation: TypeAlias = Literal["off", "sample", "strict"]
SAMPLE_EVERY = 20


def complain(operation: Operation, faults: list[str], mode: ResponseValidation) -> None:
    """Log a breach of the contract. Raises ServerError in strict mode."""
    text = f"The answer of {operation.operation_id} breaks the contract: {'; '.join(faults)}"
    log.error(text, extra={"operation_id": operation.operation_id})
    if mode == "strict":
        raise ServerError(text)


@dataclass(slots=True)
class _Sampler:
    """Choose every n-th answer; the first one always."""

    every: int
    count: int = 0

    def __call__(self) -> bool:
        chosen = self.count % self.every == 0
        self.count += 1
        return chosen


class CompiledResponseAPI(RoutedAPI):  # type: ignore[misc]
    """One judge per operation."""

    def __init__(self, specification: Any, *, next_app: ASGIApp, **options: Any) -> None:
        super().__init__(specification, next_app=next_app, **options)
        self.compiled: Mapping[str, Operation] = options["compiled"]
        self.mode: ResponseValidation = options["response_validation"]
        self.add_paths()

    def make_operation(self, operation: Any) -> ASGIApp:
        """Return the layer of one operation."""
        compiled, mode, next_app = self.compiled[operation.operation_id], self.mode, self.next_app
        chosen = _Sampler(1 if mode == "strict" else SAMPLE_EVERY)

        async def judge(scope: Scope, receive: Receive, send: Send) -> None:
            if not chosen():
                await next_app(scope, receive, send)
                return
            try:
                await next_app(scope, receive, _Judged(compiled, mode, send, scope["method"]))
            except Problem as problem:
                foreign = isinstance(problem, ForeignProblem)
                if not foreign and compiled.declared(problem.status) is None:
                    complain(compiled, [f"undeclared {problem.status}: {problem.detail}"], mode)
                raise

        return judge


class CompiledResponseMiddleware(RoutedMiddleware):  # type: ignore[misc]
    """Check status, content type, headers and JSON of what handlers answer."""

    api_cls = CompiledResponseAPI


class _Judged:
    """A send that holds the start of an answer back until its JSON has been seen."""

    def __init__(
        self, operation: Operation, mode: ResponseValidation, send: Send, method: str
    ) -> None:
        self.operation, self.mode, self.send = operation, mode, send
        self.with_body = method != "HEAD"
        self.start: Message | None = None
        self.chunks: list[bytes] = []
        self.streaming = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
            self.streaming = _content_type(message) == "text/event-stream"
            if self.streaming:
                await self.release()
        elif message["type"] == "http.response.body" and not self.streaming:
            await self.body(message)
        else:
            await self.send(message)

    async def body(self, message: Message) -> None:
        self.chunks.append(message.get("body", b""))
        if message.get("more_body", False):
            await self.release()
        else:
            self.judge(b"".join(self.chunks))
            await self.release()
        await self.send(message)

    async def release(self) -> None:
        if self.start is not None and not (start := self.start).get("released"):
            start["released"] = True
            if self.streaming:
                self.judge(None)
            await self.send({k: v for k, v in start.items() if k != "released"})

    def judge(self, content: bytes | None) -> None:
        assert self.start is not None
        faults = list(answer_faults(self.operation, self.start, content, self.with_body))
        if faults:
            complain(self.operation, faults, self.mode)


def _content_type(message: Message) -> str:
    for name, value in message.get("headers", ()):
        if name == b"content-type":
            text: str = value.decode("latin-1")
            return text.partition(";")[0].strip().lower()
    return ""


def answer_faults(
    operation: Operation, start: Message, content: bytes | None, with_body: bool = True
) -> list[str]:
    """Return what an answer gets wrong; ``content`` is None where bytes are judged elsewhere."""
    declared = operation.declared(start["status"])
    if declared is None:
        return [f"status {start['status']} is not declared"]
    sent = {name for name, _ in start.get("headers", ())}
    faults = [
        f"header {name} is missing"
        for name in declared.required_headers
        if name.encode() not in sent and name != "x-request-id"
    ]
    media_type = _content_type(start)
    if not declared.contents:
        return faults + (["a body is sent where none is declared"] if content else [])
    if media_type not in declared.contents:
        return [*faults, f"content type {media_type or 'none'!r} is not declared"]
    body = declared.contents[media_type]
    if content is None or not body.is_json or body.validator is None or not with_body:
        return faults
    return faults + _json_faults(body.validator, content)


def _json_faults(validator: Any, content: bytes) -> list[str]:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        return [f"the body is not JSON: {error}"]
    if validator.ok(value):
        return []
    return [f"{error['loc']}: {error['msg']}" for error in validator.errors(value, "body")]


def close_answers(document: Mapping[str, Any]) -> Document:
    """Return a copy of the document in which described objects allow no further members.

    ``unevaluatedProperties: false`` is written where a schema is used, not where it is defined,
    so that composition by ``allOf`` keeps working. Free-form objects stay free.
    """
    closed: Document = copy.deepcopy(dict(document))
    done: set[int] = set()
    for schema in closed.get("components", {}).get("schemas", {}).values():
        _close_inside(schema, document, done)
    _each_schema(closed, lambda schema: _close_site(schema, document, done))
    return closed


def _each_schema(node: Any, visit: Callable[[Any], None]) -> None:
    """Visit each ``schema`` and ``contentSchema`` of media types."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "schema" and isinstance(value, dict):
                visit(value)
            elif key not in DATA and key != "schemas":
                _each_schema(value, visit)
    elif isinstance(node, list):
        for item in node:
            _each_schema(item, visit)


def _close_site(schema: Any, document: Mapping[str, Any], done: set[int]) -> None:
    """Close a place where a schema is used."""
    if not isinstance(schema, dict) or id(schema) in done:
        return
    _close_inside(schema, document, done)
    if _describes_object(schema, document, 0):
        schema["unevaluatedProperties"] = False


def _close_inside(schema: Any, document: Mapping[str, Any], done: set[int]) -> None:
    if not isinstance(schema, dict) or id(schema) in done:
        return
    done.add(id(schema))
    for name in ("properties", "patternProperties", "$defs"):
        for inner in schema.get(name, {}).values():
            _close_site(inner, document, done)
    for name in ("items", "additionalProperties", "contentSchema"):
        _close_site(schema.get(name), document, done)
    closes_itself = "properties" in schema
    for name in ("anyOf", "oneOf", "prefixItems"):
        for inner in schema.get(name, ()):
            (_close_inside if closes_itself else _close_site)(inner, document, done)
    for inner in schema.get("allOf", ()):
        _close_inside(inner, document, done)


def _describes_object(schema: Any, document: Mapping[str, Any], depth: int) -> bool:
    """Tell whether members are declared, and nothing says that more are welcome."""
    if not isinstance(schema, dict) or depth > 20:
        return False
    if "additionalProperties" in schema or "unevaluatedProperties" in schema:
        return False
    if "$ref" in schema and isinstance(schema["$ref"], str):
        return _describes_object(follow(document, schema["$ref"]), document, depth + 1)
    parts = schema.get("allOf", ())
    if any(_is_open(part, document) for part in parts):
        return False
    return "properties" in schema or any(
        _describes_object(part, document, depth + 1) for part in parts
    )


def _is_open(schema: Any, document: Mapping[str, Any]) -> bool:
    if isinstance(schema, dict) and isinstance(schema.get("$ref"), str):
        return _is_open(follow(document, schema["$ref"]), document)
    return isinstance(schema, dict) and "additionalProperties" in schema
