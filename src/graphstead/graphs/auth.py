"""The project's `langgraph_sdk.Auth`: its functions are called here, and nowhere else.

None of them ever runs on the API's event loop: plain functions get a thread of the pool, coroutines
a loop of their own, so that one that blocks delays callers and never a stream.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from langgraph_sdk import Auth
from langgraph_sdk.auth.types import AuthContext, StudioUser
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Scope

from graphstead.graphs.auth_config import AuthConfig
from graphstead.graphs.auth_users import STUDIO, Identified, User, UserFault, identified
from graphstead.graphs.config import GraphSource, Project
from graphstead.graphs.host import LoopThread
from graphstead.graphs.importing import Importer, ImportFault
from graphstead.problems import (
    Forbidden,
    ForeignProblem,
    Problem,
    RuleFailed,
    StartupError,
    Unauthorized,
)

__all__ = ["ProjectAuth", "load_auth"]

log = structlog.get_logger("graphstead.access")
PARAMETERS: Mapping[str, Callable[[Scope], Any]] = {
    "request": Request,
    "path": lambda scope: scope["path"],
    "method": lambda scope: scope["method"],
    "path_params": lambda scope: dict(scope.get("path_params") or {}),
    "query_params": lambda scope: Request(scope).query_params,
    "headers": lambda scope: dict(scope["headers"]),
    "authorization": lambda scope: Request(scope).headers.get("authorization"),
    "user": lambda scope: scope.get("user"),
    "scopes": lambda scope: [],
    "scope": lambda scope: scope,
}
ANY = "*"


class ProjectAuth:
    """Says who calls, and judges what they do."""

    def __init__(self, auth: Auth, config: AuthConfig) -> None:
        self.config = config
        self._authenticate = auth._authenticate_handler
        self._handlers = {place: found[0] for place, found in auth._handlers.items() if found}
        self._global = auth._global_handlers[0] if auth._global_handlers else None
        self._loop = LoopThread("auth")
        self._taken = _parameters(self._authenticate)
        self._is_async = inspect.iscoroutinefunction(self._authenticate)

    @property
    def authenticates(self) -> bool:
        """Tell whether the project says who calls, not only what they may do."""
        return self._authenticate is not None

    @property
    def has_rules(self) -> bool:
        """Tell whether the project says what callers may do."""
        return bool(self._handlers) or self._global is not None

    @property
    def authenticator(self) -> str:
        """Return the name of the function that says who calls."""
        return "nobody" if self._authenticate is None else name_of(self._authenticate)

    def rule_for(self, resource: str, action: str) -> tuple[str, str] | None:
        """Return where the one rule that answers was registered, and its name."""
        found = self._rule(resource, action)
        return None if found is None else (found[0], name_of(found[1]))

    def _rule(self, resource: str, action: str) -> tuple[str, Callable[..., Any]] | None:
        for place in ((resource, action), (resource, ANY), (ANY, action), (ANY, ANY)):
            if place in self._handlers:
                return ".".join(place), self._handlers[place]
        return None if self._global is None else ("*.*", self._global)

    async def who(self, scope: Scope) -> Identified:
        """Return who sends this request.

        Raises a Problem with status, detail and headers that the project chose, Unauthorized for an
        assertion, RuleFailed for what it did not foresee or answers without an identity.
        """
        given = {name: PARAMETERS[name](scope) for name in self._taken}
        function = self._authenticate
        assert function is not None, "asked only where the project authenticates"
        try:
            if self._is_async:
                found = await self._loop.call(lambda: function(**given))
            else:
                found = await asyncio.to_thread(function, **given)  # type: ignore[arg-type]
            if inspect.isawaitable(found):
                found = await self._loop.call(lambda: found)
            return identified(found)
        except (Auth.exceptions.HTTPException, HTTPException) as refusal:
            raise _chosen(refusal) from None
        except AssertionError as refusal:
            raise Unauthorized(str(refusal)) from None
        except UserFault as fault:
            log.error("authenticate answered nobody", fault=str(fault), path=scope["path"])
            raise RuleFailed from fault
        except Exception as fault:  # the edge of the project's code, which may raise anything
            log.exception("authenticate failed", path=scope["path"])
            raise RuleFailed from fault

    async def judge(
        self, caller: Any, resource: Any, action: Any, value: dict[str, Any]
    ) -> bool | Mapping[str, Any] | None:
        """Ask the one rule that answers; without one everything is allowed. Raises a Problem."""
        rule = self._rule(resource, action)
        if rule is None:
            return None
        ctx = AuthContext(
            permissions=list(caller.permissions),
            user=_user_of(caller),
            resource=resource,
            action=action,
        )
        try:
            return await self._loop.call(lambda: rule[1](ctx=ctx, value=value))
        except AssertionError as refusal:
            raise Forbidden(str(refusal)) from None
        except (Auth.exceptions.HTTPException, HTTPException) as refusal:
            raise _chosen(refusal) from None
        except Problem:
            raise
        except Exception as fault:  # the edge of the project's code, which may raise anything
            log.exception("a rule failed", on=f"{resource}.{action}", rule=name_of(rule[1]))
            raise RuleFailed(resource, action) from fault

    def close(self) -> None:
        """Stop the loop that the functions run on."""
        self._loop.stop()


def load_auth(project: Project) -> ProjectAuth | None:
    """Import the project's `Auth`, None where it has none. Raises StartupError."""
    config = project.auth
    if config is None:
        return None
    path = f"{config.module}:{config.variable}"
    importer = Importer(project.root, project.import_paths)
    importer.extend_sys_path()
    try:
        found = importer.load(GraphSource("auth", config.module, config.variable))
        if not isinstance(found, Auth):
            raise ImportFault(f"expected a langgraph_sdk.Auth, found {type(found).__name__}")
        return ProjectAuth(found, config)
    except ImportFault as exc:
        raise StartupError([f"auth.path ({path}) cannot be loaded: {exc}"]) from exc


def name_of(function: Callable[..., Any]) -> str:
    """Return `module.function`, as people find it."""
    return f"{function.__module__}.{getattr(function, '__qualname__', repr(function))}"


def _parameters(function: Callable[..., Any] | None) -> tuple[str, ...]:
    """Return the names an authenticator takes. Raises ImportFault for one nobody can fill."""
    if function is None:
        return ()
    taken = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if parameter.name in PARAMETERS:
            taken.append(parameter.name)
        elif parameter.default is parameter.empty:
            known = ", ".join(PARAMETERS)
            raise ImportFault(
                f"{name_of(function)} takes {parameter.name!r}; it can take {known} (the body is "
                "not read yet when a request is authenticated)"
            )
    return tuple(taken)


def _chosen(refusal: Auth.exceptions.HTTPException | HTTPException) -> Problem:
    return ForeignProblem(refusal.status_code, str(refusal.detail), refusal.headers)


def _user_of(caller: Any) -> Any:
    if caller.extras.get("kind") == STUDIO:
        return StudioUser(caller.identity)
    return User(caller)
