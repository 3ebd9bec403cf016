"""Who is calling. The contract says which operations are public; a hook says who may call.

Without a hook every caller is anonymous. With one, each request to a guarded operation passes
it, also requests without a key: a wrong key is never mistaken for an anonymous caller.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from connexion.middleware.abstract import RoutedAPI, RoutedMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from graphstead.contract.route import CUSTOM
from graphstead.problems import Unauthorized

__all__ = ["ANONYMOUS", "ApiKeys", "AuthMiddleware", "AuthRequest", "Authenticate", "Caller"]


@dataclass(frozen=True, slots=True)
class Caller:
    """The identity behind a request; the empty identity is anonymous.

    `source` is the object that an authenticator answered, for whoever wants more of it.
    """

    identity: str = ""
    display_name: str = ""
    permissions: tuple[str, ...] = ()
    extras: Mapping[str, Any] = field(default_factory=dict)
    source: Any = field(default=None, compare=False, repr=False)

    @property
    def is_anonymous(self) -> bool:
        """Tell whether nobody in particular is calling."""
        return not self.identity


ANONYMOUS = Caller()


class AuthRequest:
    """What an authenticator may look at; parts are decoded when asked for."""

    def __init__(self, scope: Scope, operation_id: str | None) -> None:
        self.scope = scope
        self.operation_id = operation_id
        self.method: str = scope["method"]
        self.path: str = scope["path"]

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """Map lower-case header names to values; of repeated headers the last one counts."""
        return {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in self.scope["headers"]
        }

    @property
    def api_key(self) -> str | None:
        """Return the X-Api-Key header."""
        return self.headers.get("x-api-key")

    @property
    def bearer_token(self) -> str | None:
        """Return the token of ``Authorization: Bearer``."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" and token else None


Authenticate: TypeAlias = Callable[[AuthRequest], Awaitable[Caller]]


class ApiKeys:
    """An authenticator over fixed keys, sent as X-Api-Key or as bearer token."""

    def __init__(self, callers: Mapping[str, Caller], *, allow_anonymous: bool = False) -> None:
        self._callers = tuple((key.encode(), caller) for key, caller in callers.items())
        self._allow_anonymous = allow_anonymous

    async def __call__(self, request: AuthRequest) -> Caller:
        """Return the caller of the key. Raises Unauthorized for a missing or unknown one."""
        sent = request.api_key or request.bearer_token
        if sent is None and "authorization" not in request.headers and self._allow_anonymous:
            return ANONYMOUS
        found: Caller | None = None
        for key, caller in self._callers:
            if sent is not None and hmac.compare_digest(key, sent.encode()):
                found = caller
        if found is None:
            raise Unauthorized(headers={"www-authenticate": "Bearer"})
        return found


class AuthAPI(RoutedAPI):  # type: ignore[misc]
    """Per operation: either straight on, or through the hook."""

    def __init__(self, specification: Any, *, next_app: ASGIApp, **options: Any) -> None:
        super().__init__(specification, next_app=next_app, **options)
        self.authenticate: Authenticate | None = options.get("authenticate")
        self.compiled: Mapping[str, Any] = options["compiled"]
        self.add_paths()

    def make_operation(self, operation: Any) -> ASGIApp:
        """Leave public operations, and a server without a hook, as fast as they are."""
        hook = self.authenticate
        if hook is None or self.compiled[operation.operation_id].public:
            return self.next_app  # type: ignore[no-any-return]
        next_app, operation_id = self.next_app, operation.operation_id

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            caller = await hook(AuthRequest(scope, operation_id))
            scope["extensions"]["contract"].caller = caller
            await next_app(scope, receive, send)

        return guarded


class AuthMiddleware(RoutedMiddleware):  # type: ignore[misc]
    """Ask the hook who is calling before anything else looks at the request.

    An unknown path is guarded, too: nobody learns by trying what is there. Routes of the project's
    own application have been asked before, where they want it.
    """

    api_cls = AuthAPI

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)
        self._hook: Authenticate | None = None

    def add_api(self, specification: Any, **options: Any) -> Any:
        """Take the operations, and the hook that guards all there is."""
        self._hook = options.get("authenticate")
        return super().add_api(specification, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard what is no operation here, operations one by one."""
        if scope["type"] == "http" and self._hook is not None:
            exchange = scope["extensions"]["contract"]
            if exchange.operation is None and CUSTOM not in scope["extensions"]:
                exchange.caller = await self._hook(AuthRequest(scope, None))
        await super().__call__(scope, receive, send)
