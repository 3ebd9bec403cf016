"""Judge and decode a request before its handler hears of it.

413 for too many bytes, 415 for an undeclared type, 422 for everything the contract refuses. What
passes has been parsed exactly once.
"""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import orjson
from connexion.middleware.abstract import RoutedAPI, RoutedMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from graphstead.contract.compile import Body, Content, Operation
from graphstead.contract.exchange import Disconnected, Exchange
from graphstead.contract.json_rpc import rpc_refusal
from graphstead.contract.members import Unknown
from graphstead.contract.middleware import ClientLeft
from graphstead.contract.parameters import Parameter, parse_query
from graphstead.contract.schemas import MAX_ERRORS
from graphstead.problems import (
    CommandUnreadable,
    FieldError,
    InvalidJson,
    PayloadTooLarge,
    Unprocessable,
    UnsupportedMediaType,
)

__all__ = ["DEFAULT_MAX_BODY_BYTES", "CompiledRequestMiddleware", "parse_json", "request_judge"]

log = logging.getLogger("graphstead.contract")

DEFAULT_MAX_BODY_BYTES = 300 * 1024 * 1024
MAX_DEPTH = 200
DIGITS_ONLY = bytes(48 if 48 <= code <= 57 else 32 for code in range(256))
LONG_NUMBER = b"0" * 19


class CompiledRequestAPI(RoutedAPI):  # type: ignore[misc]
    """One prepared reader per operation."""

    def __init__(self, specification: Any, *, next_app: ASGIApp, **options: Any) -> None:
        super().__init__(specification, next_app=next_app, **options)
        self.compiled: Mapping[str, Operation] = options["compiled"]
        self.max_body_bytes: int = options["max_body_bytes"]
        self.reject_unknown: bool = options["unknown_fields"] == "reject"
        self.add_paths()

    def make_operation(self, operation: Any) -> ASGIApp:
        """Return the layer of one operation; a planned one is answered without reading."""
        compiled = self.compiled[operation.operation_id]
        if compiled.planned:
            return self.next_app  # type: ignore[no-any-return]
        next_app = self.next_app
        read = parameter_reader(compiled, self.reject_unknown)
        body, limit, reject = compiled.body, self.max_body_bytes, self.reject_unknown
        take = _taker(compiled)

        async def decode(scope: Scope, receive: Receive, send: Send) -> None:
            exchange: Exchange = scope["extensions"]["contract"]
            exchange.arguments = read(scope, exchange)
            if body is not None:
                content = _content_of(body, scope["headers"])
                raw = await _read(receive, scope["headers"], limit)
                exchange.arguments["body"] = take(body, content, raw, exchange, reject)
            exchange.disconnected = Disconnected(receive)
            await next_app(scope, receive, send)

        return decode


class CompiledRequestMiddleware(RoutedMiddleware):  # type: ignore[misc]
    """Turn raw requests into checked arguments."""

    api_cls = CompiledRequestAPI


def request_judge(
    operation: Operation, reject_unknown: bool
) -> Callable[[Scope, Exchange, bytes], None]:
    """Return a function that judges requests whose body has been read: for who passes them on.

    It raises the problem that the layers above would have answered with.
    """
    read = parameter_reader(operation, reject_unknown)
    body, take = operation.body, _taker(operation)

    def judge(scope: Scope, exchange: Exchange, raw: bytes) -> None:
        exchange.arguments = read(scope, exchange)
        if body is not None:
            content = _content_of(body, scope["headers"])
            exchange.arguments["body"] = take(body, content, raw, exchange, reject_unknown)

    return judge


def parameter_reader(
    operation: Operation, reject_unknown: bool
) -> Callable[[Scope, Exchange], dict[str, Any]]:
    """Return a function that decodes all parameters of an operation."""
    defaults = {p.argument: p.default for p in operation.parameters}
    mutable = any(isinstance(value, (list, dict)) for value in defaults.values())
    paths = tuple(p for p in operation.parameters if p.location == "path")
    queries = tuple(p for p in operation.parameters if p.location == "query")
    headers = {p.name.encode(): p for p in operation.parameters if p.location == "header"}
    asks = any(p.required for p in operation.parameters if p.location != "path")

    def read(scope: Scope, exchange: Exchange) -> dict[str, Any]:
        values = copy.deepcopy(defaults) if mutable else dict(defaults)
        errors: list[FieldError] = []
        for parameter in paths:
            values[parameter.argument] = _read_path(parameter, scope["path_params"], errors)
        if scope["query_string"]:
            _read_query(queries, scope["query_string"], values, errors, exchange)
        if headers:
            _read_headers(headers, scope["headers"], values, errors)
        if asks:
            _check_required(operation, scope, values, errors)
        if exchange.ignored and reject_unknown:
            errors.extend(
                {"loc": f"query.{name[1:]}", "msg": "is not declared"} for name in exchange.ignored
            )
        if errors:
            raise refusal(errors)
        return values

    return read


def _read_path(
    parameter: Parameter, path_params: Mapping[str, str], errors: list[FieldError]
) -> Any:
    text = path_params[parameter.name]
    if "\0" in text:
        errors.append({"loc": parameter.loc, "msg": "NUL characters are not allowed"})
        return None
    return parameter.read([text], errors)


def _read_query(
    queries: tuple[Parameter, ...],
    query_string: bytes,
    values: dict[str, Any],
    errors: list[FieldError],
    exchange: Exchange,
) -> None:
    sent = parse_query(query_string)
    for parameter in queries:
        if parameter.prefix:
            raw = [text for pair in _deep(sent, parameter.prefix) for text in pair]
        else:
            raw = sent.pop(parameter.name, [])
        if raw:
            values[parameter.argument] = parameter.read(raw, errors)
    if sent:
        exchange.ignored = tuple(f"?{_safe(name)}" for name in list(sent)[:MAX_ERRORS])


def _deep(sent: dict[str, list[str]], prefix: str) -> list[tuple[str, str]]:
    """Take the ``name[key]`` entries out of the query."""
    names = [name for name in sent if name.startswith(prefix) and name.endswith("]")]
    return [(name[len(prefix) : -1], value) for name in names for value in sent.pop(name)]


def _read_headers(
    declared: Mapping[bytes, Parameter],
    headers: list[tuple[bytes, bytes]],
    values: dict[str, Any],
    errors: list[FieldError],
) -> None:
    sent: dict[bytes, list[str]] = {}
    for name, value in headers:
        if name in declared:
            sent.setdefault(name, []).append(value.decode("latin-1").strip())
    for name, raw in sent.items():
        parameter = declared[name]
        values[parameter.argument] = parameter.read(raw, errors)


def _check_required(
    operation: Operation, scope: Scope, values: Mapping[str, Any], errors: list[FieldError]
) -> None:
    refused = {error["loc"] for error in errors}
    for parameter in operation.parameters:
        missing = parameter.required and values[parameter.argument] is None
        if missing and parameter.loc not in refused:
            errors.append({"loc": parameter.loc, "msg": "is required"})


def refusal(errors: list[FieldError]) -> Unprocessable:
    """Put field errors into one readable sentence, with all of them beside it."""
    shown = errors[:MAX_ERRORS]
    first = f"{shown[0]['loc']}: {shown[0]['msg']}"
    more = f" (and {len(shown) - 1} more)" if len(shown) > 1 else ""
    return Unprocessable(first + more, errors=shown)


def _header(headers: list[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    for key, value in headers:
        if key == name:
            return value
    return None


def _content_of(body: Body, headers: list[tuple[bytes, bytes]]) -> Content:
    """Choose the declared content that was sent. Raises UnsupportedMediaType."""
    encoding = _header(headers, b"content-encoding")
    if encoding not in (None, b"", b"identity"):
        raise UnsupportedMediaType("Compressed request bodies are not supported")
    sent = _header(headers, b"content-type")
    if not sent:
        return body.first
    media_type, _, parameters = sent.decode("latin-1").partition(";")
    content = body.contents.get(media_type.strip().lower())
    if content is None:
        declared = ", ".join(body.contents)
        raise UnsupportedMediaType(f"Content-Type {media_type.strip()!r} is not one of: {declared}")
    if parameters and "charset" in parameters.lower():
        _check_charset(parameters)
    return content


def _check_charset(parameters: str) -> None:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        charset = value.strip().strip('"').lower()
        if name.strip().lower() == "charset" and charset not in ("utf-8", "utf8", "us-ascii"):
            raise UnsupportedMediaType(f"Request bodies are read as UTF-8, not as {charset!r}")


async def _read(receive: Receive, headers: list[tuple[bytes, bytes]], limit: int) -> bytes:
    """Read the whole body. Raises PayloadTooLarge by announcement and by count."""
    announced = _header(headers, b"content-length")
    if announced is not None and announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientLeft
    first: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(first) > limit:
            raise _too_large(limit)
        return first
    chunks, size = [first], len(first)
    while message.get("more_body", False):
        if size > limit:
            raise _too_large(limit)
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
    if size > limit:
        raise _too_large(limit)
    return b"".join(chunks)


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The request body is larger than the {limit} bytes read here")


def _decode(body: Body, content: Content, raw: bytes, exchange: Exchange, reject: bool) -> Any:
    if not raw:
        if body.required:
            raise refusal([{"loc": "body", "msg": "is required"}])
        return None
    if not content.is_json:
        return raw
    value = parse_json(raw)
    validator = content.validator
    if validator is not None and not validator.ok(value):
        raise refusal(validator.errors(value, "body"))
    if content.whole_numbers is not None:
        content.whole_numbers.restore(value)
    if content.members is not None:
        unknown = content.members.unknown(value)
        if unknown:
            _report(unknown, exchange, reject)
    return value


def _taker(operation: Operation) -> Callable[..., Any]:
    """Return what decodes the body, and refuses it in the envelope that its clients read."""
    if operation.json_rpc:
        return _decode_rpc
    return _decode_command if operation.refused_as_command else _decode


def _decode_command(
    body: Body, content: Content, raw: bytes, exchange: Exchange, reject: bool
) -> Any:
    """Decode a body; a refusal is told as the event protocol tells it."""
    try:
        return _decode(body, content, raw, exchange, reject)
    except Unprocessable as refused:
        raise CommandUnreadable(refused.detail) from refused


def _decode_rpc(body: Body, content: Content, raw: bytes, exchange: Exchange, reject: bool) -> Any:
    """The same for a JSON-RPC request. Raises RpcRefused, which its clients can read."""
    try:
        return _decode(body, content, raw, exchange, reject)
    except Unprocessable as refused:
        raise rpc_refusal(refused, raw) from refused


def _report(unknown: list[Unknown], exchange: Exchange, reject: bool) -> None:
    if reject:
        raise refusal([{"loc": f"body.{item.path}", "msg": _undeclared(item)} for item in unknown])
    exchange.ignored += tuple(_safe(item.path) for item in unknown)
    log.debug(
        "undeclared members ignored: %s",
        ", ".join(exchange.ignored),
        extra={"request_id": exchange.request_id},
    )


def _undeclared(item: Unknown) -> str:
    hint = f"; did you mean {item.nearest!r}?" if item.nearest else ""
    return f"is not declared by the contract{hint}"


def _safe(name: str) -> str:
    """Write a client's name so that it cannot break a header."""
    return quote(name[:80], safe="[]._-$@!*'()/:")


def parse_json(raw: bytes) -> Any:
    """Parse JSON that can be stored and sent again.

    Raises InvalidJson for broken JSON or UTF-8, NaN, NUL, more than 200 levels, integers
    outside 64 bits. Every exact check is run only when a scan of the bytes makes it necessary.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _no_json(f"is not valid JSON: {error}") from error
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise _no_json(f"is nested deeper than {MAX_DEPTH} levels")
    if LONG_NUMBER in raw.translate(DIGITS_ONLY):
        _check_integers(raw)
    if b"\\u0000" in raw and _has_nul(value):
        raise _no_json("NUL characters (\\u0000) are not allowed")
    return value


def _no_json(fault: str) -> InvalidJson:
    return InvalidJson(f"body: {fault}", errors=[{"loc": "body", "msg": fault}])


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        level = [item for item in level if isinstance(item, (dict, list))]
        if not level:
            return False
        level = [
            inner for item in level for inner in (item.values() if isinstance(item, dict) else item)
        ]
    return True


def _check_integers(raw: bytes) -> None:
    json.loads(raw, parse_int=_sized_int)


def _sized_int(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= int(text) < 2**64:
        raise _no_json(f"{text[:24]} does not fit into 64 bits")
    return int(text)


def _has_nul(value: Any) -> bool:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if "\0" in item:
                return True
        elif isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return False
