"""The gateway's own addresses, below `/_gateway`: never passed on."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import TypeAlias

import orjson
from starlette.types import Scope, Send

from graphstead.contract.auth import AuthRequest
from graphstead.contract.delivery import send_bytes
from graphstead.gateway.house import Call, House
from graphstead.gateway.report import as_html, as_json
from graphstead.problems import MethodNotAllowed, NotFound, Unauthorized

__all__ = ["PREFIX", "serve_page"]

PREFIX = "/_gateway"
LOOPBACK = frozenset({"127.0.0.1", "::1"})
JSON, HTML = b"application/json", b"text/html; charset=utf-8"
TEXT = b"text/plain; version=0.0.4; charset=utf-8"
FORWARDED = frozenset({"x-forwarded-for", "forwarded"})
POLICY = b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
Page: TypeAlias = Callable[[House, AuthRequest], tuple[bytes, bytes]]


async def serve_page(call: Call) -> None:
    """Answer with a page. Raises NotFound, Unauthorized, MethodNotAllowed."""
    request = AuthRequest(call.scope, None)
    name = request.path.removeprefix(PREFIX)
    if name == "/ok":
        await _answer(call.send, call.scope, JSON, b'{"ok":true}')
        return
    _check(call.house.settings.page_key, request, call.scope)
    page = PAGES.get(name)
    if page is None:
        raise NotFound(f"The gateway has {', '.join(PREFIX + one for one in PAGES)}")
    if request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed("GET, HEAD")
    await _answer(call.send, call.scope, *page(call.house, request))


def _check(key: str | None, request: AuthRequest, scope: Scope) -> None:
    """Let in who has the key; without one, who sits at this machine. Raises Unauthorized."""
    if key is not None:
        sent = request.api_key or request.bearer_token or ""
        if hmac.compare_digest(sent.encode(), key.encode()):
            return
        raise Unauthorized(headers={"www-authenticate": "Bearer"})
    client = scope.get("client")
    near = client is not None and client[0] in LOOPBACK
    if not near or FORWARDED & request.headers.keys():
        raise Unauthorized("These pages ask for GRAPHSTEAD_GATEWAY_KEY, or for this very machine")


def _report(house: House, request: AuthRequest) -> tuple[bytes, bytes]:
    accepted = request.headers.get("accept", "")
    if "application/json" in accepted and "text/html" not in accepted:
        return _json(house, request)
    return HTML, as_html(house).encode()


def _json(house: House, request: AuthRequest) -> tuple[bytes, bytes]:
    return JSON, orjson.dumps(as_json(house), option=orjson.OPT_INDENT_2)


def _metrics(house: House, request: AuthRequest) -> tuple[bytes, bytes]:
    return TEXT, house.metrics.expose()


PAGES: Mapping[str, Page] = {"/report": _report, "/report.json": _json, "/metrics": _metrics}


async def _answer(send: Send, scope: Scope, media_type: bytes, content: bytes) -> None:
    headers = [
        (b"content-type", media_type),
        (b"content-length", b"%d" % len(content)),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", POLICY),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send_bytes(send, 200, headers, b"" if scope["method"] == "HEAD" else content)
