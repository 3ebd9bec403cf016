"""The project's own web application beside the contract: its routes, middleware and errors.

Its routes win over the contract's except `PROTECTED`; its middleware wraps every request. Where
both know a path, the method decides; what neither knows is the contract's 404. What it mounts at
the root, such as the files of a front end, gets the root and what the contract does not know.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from connexion.middleware.abstract import SpecMiddleware
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, BaseUser
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from graphstead.contract.auth import Authenticate, AuthRequest, Caller
from graphstead.contract.exchange import exchange_of
from graphstead.contract.middleware import log_unexpected
from graphstead.contract.route import CUSTOM, RouteTable
from graphstead.problems import Problem, ServerError

__all__ = ["CustomApp", "CustomFork", "CustomMatch", "CustomUser", "customized"]

PROTECTED = frozenset({"/ok", "/metrics", "/docs", "/openapi.json"})
KINDS = frozenset({"http", "websocket"})


@dataclass(frozen=True, slots=True)
class CustomApp:
    """A Starlette or FastAPI application. `guarded`: its routes ask who is calling, too."""

    app: Starlette
    guarded: bool = False
    auth_first: bool = False


class CallerUser(BaseUser):
    """The caller as `request.user` of Starlette."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    @property
    def is_authenticated(self) -> bool:
        return not self.caller.is_anonymous

    @property
    def display_name(self) -> str:
        return self.caller.display_name or self.caller.identity

    @property
    def identity(self) -> str:
        return self.caller.identity


class CustomMatch(SpecMiddleware):  # type: ignore[misc]
    """Mark requests for the project's own routes, and ask who is calling where that is wanted."""

    def __init__(self, app: ASGIApp, custom: CustomApp, authenticate: Authenticate | None) -> None:
        self.app = app
        self._routes = custom.app.router.routes
        self._authenticate = authenticate if custom.guarded else None
        self._base_path = ""
        self._ours = RouteTable(())

    def add_api(self, specification: Any, **options: Any) -> None:
        """Take the contract's own routes, which count where both know a path."""
        self._base_path = specification.base_path
        self._ours = RouteTable(options["compiled"].values(), self._base_path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Decide, authenticate, go on."""
        if scope["type"] in KINDS and self._is_theirs(scope):
            scope["extensions"][CUSTOM] = True
            if self._authenticate is not None and not await self._admit(scope, send):
                return
        await self.app(scope, receive, send)

    async def _admit(self, scope: Scope, send: Send) -> bool:
        """Find the caller; refuse a WebSocket by closing it, a request by what the hook raises."""
        assert self._authenticate is not None
        try:
            # A WebSocket has no method; its handshake is a GET.
            caller = await self._authenticate(AuthRequest({"method": "GET", **scope}, None))
        except Problem as problem:
            if scope["type"] == "http":
                raise
            await send({"type": "websocket.close", "code": 1008, "reason": problem.detail})
            return False
        exchange_of(scope).caller = caller
        return True

    def _is_theirs(self, scope: Scope) -> bool:
        path: str = scope["path"]
        below = path.removeprefix(self._base_path)
        if (self._base_path and below == path) or below in PROTECTED:
            return False
        inner = below_prefix(scope, self._base_path)
        match = _best(self._routes, inner, at_root=below in ("", "/"))
        if match is Match.FULL:
            return True
        if self._ours.find(path) is not None:
            return False
        return match is Match.PARTIAL or self._redirects(inner)

    def _redirects(self, scope: Scope) -> bool:
        """Tell whether their router would redirect to the path with or without a slash."""
        path: str = scope["path"]
        other = path.rstrip("/") if path.endswith("/") else f"{path}/"
        return bool(other) and _best(self._routes, {**scope, "path": other}) is not Match.NONE


def _best(routes: list[BaseRoute], scope: Scope, *, at_root: bool = False) -> Match:
    best = Match.NONE
    for route in routes:
        match, _ = route.matches(scope)
        takes_all = isinstance(route, Mount) and route.path == "" and not at_root
        if match is Match.FULL and not takes_all:
            return match
        best = best if match is Match.NONE else Match.PARTIAL
    return best


def below_prefix(scope: Scope, base_path: str) -> Scope:
    """Return the scope as an application mounted at the prefix sees it."""
    return {**scope, "root_path": scope.get("root_path", "") + base_path}


class CustomUser:
    """Let middleware that runs after authentication find the caller as `request.user`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in KINDS:
            _show_caller(scope)
        await self.app(scope, receive, send)


class CustomFork(SpecMiddleware):  # type: ignore[misc]
    """Send what `CustomMatch` marked into the project's application, the rest on."""

    def __init__(self, app: ASGIApp, custom: CustomApp) -> None:
        self.app = app
        self._theirs = _without_middleware(custom.app)
        self._base_path = ""

    def add_api(self, specification: Any, **options: Any) -> None:
        """Take the prefix everything is served below."""
        self._base_path = specification.base_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Choose by the mark."""
        if scope["type"] not in KINDS or CUSTOM not in scope["extensions"]:
            await self.app(scope, receive, send)
            return
        _show_caller(scope)
        try:
            await self._theirs(below_prefix(scope, self._base_path), receive, send)
        except Exception as error:  # the edge to the project's code, which has answered by now
            if scope["type"] != "http":
                raise
            log_unexpected(exchange_of(scope), error)


def _show_caller(scope: Scope) -> None:
    caller = exchange_of(scope).caller
    scope.setdefault("user", CallerUser(caller))
    scope.setdefault("auth", AuthCredentials(list(caller.permissions)))


def _without_middleware(app: Starlette) -> Starlette:
    """Return the same application, its middleware left to `customized`, its 500s in JSON."""
    inner = copy.copy(app)
    inner.user_middleware = []
    inner.middleware_stack = None
    inner.exception_handlers = dict(app.exception_handlers)
    if not {500, Exception} & inner.exception_handlers.keys():
        inner.exception_handlers[Exception] = _answer_fault
    return inner


async def _answer_fault(request: Request, error: Exception) -> Response:
    body = ServerError().to_body(exchange_of(request.scope).request_id)
    return Response(orjson.dumps(body), 500, media_type="application/json")


def customized(custom: CustomApp) -> Callable[[ASGIApp], ASGIApp]:
    """Return what wraps an application into the project's middleware, outermost first."""

    def wrap(app: ASGIApp) -> ASGIApp:
        for kind, arguments, options in reversed(custom.app.user_middleware):
            app = kind(app, *arguments, **options)
        return app

    return wrap
