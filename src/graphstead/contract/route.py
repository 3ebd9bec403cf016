"""Route by one dictionary and a few combined patterns instead of a list of regular expressions.

Literal paths win over templated ones, HEAD is GET without a body, a wrong method is answered
with every right one, and a trailing slash redirects to the path without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

from connexion.middleware.abstract import ROUTING_CONTEXT, SpecMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphstead.contract.compile import Operation
from graphstead.problems import MethodNotAllowed

__all__ = ["CUSTOM", "FastRoutingMiddleware", "RouteTable", "route_path"]

Methods: TypeAlias = dict[str, Operation]

# Marks a request for a route of the project's own in `scope["extensions"]`.
CUSTOM = "graphstead.custom"
# Load balancers ask here, whatever the prefix is.
ALSO_AT_ROOT = frozenset({"/", "/ok", "/metrics"})
PLACES = frozenset({b"location", b"content-location"})


class Match(NamedTuple):
    """A path found: what can be done with it, and the values in its template."""

    methods: Methods
    path_params: dict[str, str]


class _Template(NamedTuple):
    methods: Methods
    names: tuple[str, ...]
    group: int


class RouteTable:
    """All paths of a contract, below one base path."""

    def __init__(self, operations: Iterable[Operation], base_path: str = "") -> None:
        self._static: dict[str, Methods] = {}
        templated: dict[str, Methods] = {}
        for operation in operations:
            table = templated if "{" in operation.path else self._static
            methods = table.setdefault(base_path + operation.path, {})
            methods[operation.method] = operation
            if base_path:
                self._add_to_root(operation, base_path)
        for methods in (*self._static.values(), *templated.values()):
            if "GET" in methods:
                methods.setdefault("HEAD", methods["GET"])
        self._templates = _combine(templated)

    def _add_to_root(self, operation: Operation, base_path: str) -> None:
        if operation.path in ALSO_AT_ROOT:
            self._static.setdefault(operation.path, {})[operation.method] = operation
        if operation.path == "/":
            self._static.setdefault(base_path, {})[operation.method] = operation

    def find(self, path: str) -> Match | None:
        """Return the methods of a path and its template values; None for an unknown path."""
        methods = self._static.get(path)
        if methods is not None:
            return Match(methods, {})
        entry = self._templates.get(path.count("/"))
        if entry is None:
            return None
        pattern, templates = entry
        found = pattern.match(path)
        if found is None or found.lastindex is None:
            return None
        template = templates[found.lastindex]
        values = found.groups()[template.group : template.group + len(template.names)]
        return Match(template.methods, dict(zip(template.names, values, strict=True)))


def _combine(
    templated: Mapping[str, Methods],
) -> dict[int, tuple[re.Pattern[str], dict[int, _Template]]]:
    """Build one pattern per number of segments, literal segments first."""
    by_length: dict[int, list[str]] = {}
    for path in templated:
        by_length.setdefault(path.count("/"), []).append(path)
    combined = {}
    for length, paths in by_length.items():
        alternatives: list[str] = []
        templates: dict[int, _Template] = {}
        group = 1
        for path in sorted(paths, key=_literal_first):
            names = tuple(re.findall(r"\{([^}]+)\}", path))
            templates[group] = _Template(templated[path], names, group)
            alternatives.append(f"({_pattern(path)})")
            group += 1 + len(names)
        combined[length] = (re.compile(rf"(?:{'|'.join(alternatives)})\Z"), templates)
    return combined


def _literal_first(path: str) -> list[tuple[bool, str]]:
    return [("{" in segment, segment) for segment in path.split("/")]


def _pattern(path: str) -> str:
    parts = re.split(r"(\{[^}]+\})", path)
    return "".join("([^/]+)" if part.startswith("{") else re.escape(part) for part in parts)


class FastRoutingMiddleware(SpecMiddleware):  # type: ignore[misc]
    """Write the operation and its path values into the scope, where Connexion expects them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._table = RouteTable(())
        self._base_path = ""

    def add_api(self, specification: Any, **options: Any) -> None:
        """Take the routes of the one contract."""
        self._base_path = specification.base_path
        self._table = RouteTable(options["compiled"].values(), self._base_path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Route, or answer 405 and 307 here; unknown paths go on without an operation."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = route_path(scope, self._base_path)
        extensions = scope["extensions"]
        theirs = CUSTOM in extensions
        match = None if theirs else self._table.find(path)
        if match is None:
            if not theirs and self._without_slash(path):
                await _redirect(scope, send)
                return
            extensions[ROUTING_CONTEXT] = {"api_base_path": None, "operation_id": None}
            await self.app(scope, receive, send)
            return
        method = scope["method"]
        operation = match.methods.get(method)
        if operation is None or operation.websocket is not None:
            raise MethodNotAllowed(", ".join(sorted(match.methods)))
        extensions["contract"].operation = operation
        extensions[ROUTING_CONTEXT] = {
            "api_base_path": self._base_path,
            "operation_id": operation.operation_id,
        }
        scope["path_params"] = match.path_params
        if self._base_path:
            send = _below(self._base_path, send)
        await self.app(scope, receive, _without_body(send) if method == "HEAD" else send)

    def _without_slash(self, path: str) -> bool:
        shorter = path.rstrip("/")
        return path.endswith("/") and bool(shorter) and self._table.find(shorter) is not None


def route_path(scope: Scope, base_path: str) -> str:
    """Return the path to look for.

    The SDKs append a `Location` to the address they were given, which has the prefix already:
    what comes with the prefix twice is what was meant with it once.
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and path.startswith(root):
        path = path[len(root) :] or "/"
    if base_path and path.startswith(f"{base_path}{base_path}/"):
        return path[len(base_path) :]
    return path


def _below(base_path: str, send: Send) -> Send:
    """Put the prefix before the places that an answer names."""
    prefix = base_path.encode()

    async def placed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [
                (name, prefix + value if name in PLACES and value[:1] == b"/" else value)
                for name, value in message.get("headers", ())
            ]
        await send(message)

    return placed


async def _redirect(scope: Scope, send: Send) -> None:
    target = quote(scope["path"].rstrip("/"), safe="/:@!$&'()*+,;=~").encode()
    query: bytes = scope.get("query_string", b"")
    location = target + (b"?" + query if query else b"")
    headers = [(b"location", location), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 307, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _without_body(send: Send) -> Send:
    """Keep the headers of an answer to HEAD, its length included, and drop the bytes."""

    async def headers_only(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return headers_only
