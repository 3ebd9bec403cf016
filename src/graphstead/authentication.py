"""Who may call this server, and by whose rules: settings and project decide, once, at the start.

nothing           everybody, anonymously
auth.path         the project's own functions say who calls and what they may do
GRAPHSTEAD_AUTH   keys of this server; the project's rules, or to each their own rows
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphstead.contract.auth import ANONYMOUS, Authenticate, AuthRequest, Caller
from graphstead.engine.access import Access, Rules
from graphstead.engine.clock import SystemClock
from graphstead.engine.encryption import AskerContext
from graphstead.engine.keys import ApiKeys
from graphstead.engine.ownership import OwnRows
from graphstead.graphs import Project
from graphstead.graphs.auth import ProjectAuth, load_auth
from graphstead.graphs.auth_config import AuthCache
from graphstead.graphs.auth_users import STUDIO, Identified
from graphstead.problems import StartupError, Unauthorized
from graphstead.settings import Settings
from graphstead.storage.base import Storage

__all__ = [
    "CachedCallers",
    "Guard",
    "KeyCallers",
    "ProjectCallers",
    "check_auth",
    "entering",
    "guard_of",
    "project_callers",
    "told_of",
]

STUDIO_IDENTITY = "langgraph-studio-user"
LOOPBACK = frozenset({"127.0.0.1", "::1"})
KEY_SCHEMES: Mapping[str, Any] = {"security": [{"ApiKey": []}, {"Bearer": []}]}


@dataclass(frozen=True, slots=True)
class Guard:
    """Who calls (`authenticate`), what they may do (`access`), what of it the document tells."""

    authenticate: Authenticate | None
    access: Access
    openapi: Mapping[str, Any]
    project: ProjectAuth | None = None

    def close(self) -> None:
        """Stop what runs the project's functions."""
        if self.project is not None:
            self.project.close()


class ProjectCallers:
    """Callers as the project's `@auth.authenticate` names them."""

    def __init__(self, auth: ProjectAuth, *, studio: bool) -> None:
        self._auth = auth
        self._studio = studio

    async def __call__(self, request: AuthRequest) -> Caller:
        """Return the caller. Raises a Problem of the project's choice, RuleFailed."""
        if (
            self._studio
            and request.headers.get("x-auth-scheme") == "langsmith"
            and _is_near(request)
        ):
            return Caller(STUDIO_IDENTITY, STUDIO_IDENTITY, extras={"kind": STUDIO})
        return _caller(await self._auth.who(request.scope))


class CachedCallers:
    """Remembers who has been recognised by the values of some headers."""

    def __init__(self, behind: Authenticate, cache: AuthCache) -> None:
        self._behind = behind
        self._cache = cache
        self._known: dict[tuple[str | None, ...], tuple[float, Caller]] = {}

    async def __call__(self, request: AuthRequest) -> Caller:
        """Return the caller; without any of the headers nothing is remembered."""
        key = tuple(request.headers.get(name) for name in self._cache.headers)
        if not any(key):
            return await self._behind(request)
        known, at_s = self._known.get(key), time.monotonic()
        if known is not None and at_s < known[0]:
            return known[1]
        caller = await self._behind(request)
        self._known.pop(key, None)
        while len(self._known) >= self._cache.size:
            del self._known[next(iter(self._known))]
        self._known[key] = at_s + self._cache.ttl_s, caller
        return caller


class KeyCallers:
    """Callers by the keys of this server, sent as X-Api-Key or as bearer token."""

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys

    async def __call__(self, request: AuthRequest) -> Caller:
        """Return the caller of the key. Raises Unauthorized for a missing or unknown one."""
        sent = request.api_key or request.bearer_token
        row = await self._keys.find(sent) if sent else None
        if row is None:
            raise Unauthorized(headers={"www-authenticate": "Bearer"})
        extras = {"key_id": row.key_id, "key_name": row.name}
        return Caller(row.identity, row.identity, row.permissions, extras)


def guard_of(settings: Settings, project: Project, storage: Storage) -> Guard:
    """Return what guards this server. Raises StartupError where settings and project disagree."""
    auth = load_auth(project)
    check_auth(settings, auth)
    openapi = told_of(settings, auth)
    if settings.auth == "keys":
        return _with_keys(auth, storage, openapi)
    if auth is None:
        return Guard(None, Access(), {})
    callers = project_callers(auth, settings)
    return Guard(callers, Access(_rules(auth)), openapi, auth)


def told_of(settings: Settings, auth: ProjectAuth | None) -> Mapping[str, Any]:
    """Return what the document tells of keys and callers."""
    own = auth.config.openapi if auth is not None else {}
    return {**KEY_SCHEMES, **own} if settings.auth == "keys" else own


def project_callers(auth: ProjectAuth, settings: Settings) -> Authenticate:
    """Return what recognises callers as the project does, and nothing else of its rules."""
    callers = ProjectCallers(auth, studio=auth.config.studio and settings.studio_auth)
    cache = auth.config.cache
    return callers if cache is None else CachedCallers(callers, cache)


def check_auth(settings: Settings, auth: ProjectAuth | None) -> None:
    """Raise StartupError where settings and project disagree about who says who calls."""
    if auth is None:
        return
    if settings.auth == "keys" and auth.authenticates:
        raise StartupError(
            ["GRAPHSTEAD_AUTH=keys: the project has an @auth.authenticate of its own; use one"]
        )
    if settings.auth != "keys" and not auth.authenticates:
        raise StartupError(
            ["auth.path: there is no @auth.authenticate; write one, or set GRAPHSTEAD_AUTH=keys"]
        )


def entering(asker: AskerContext | None, authenticate: Authenticate | None) -> Authenticate | None:
    """Let each request say under which context its data is encrypted, once it is known who asks."""
    if asker is None:
        return authenticate

    async def admitted(request: AuthRequest) -> Caller:
        caller = ANONYMOUS if authenticate is None else await authenticate(request)
        await asker.enter(request, caller)
        return caller

    return admitted


def _with_keys(auth: ProjectAuth | None, storage: Storage, openapi: Mapping[str, Any]) -> Guard:
    rules = OwnRows() if auth is None or not auth.has_rules else auth
    return Guard(KeyCallers(ApiKeys(storage, SystemClock())), Access(rules), openapi, auth)


def _rules(auth: ProjectAuth) -> Rules | None:
    return auth if auth.has_rules else None


def _caller(found: Identified) -> Caller:
    return Caller(found.identity, found.display_name, found.permissions, found.extras, found.source)


def _is_near(request: AuthRequest) -> bool:
    """Tell whether the request comes from this machine, as that of a browser beside `dev` does."""
    client = request.scope.get("client")
    return client is not None and client[0] in LOOPBACK
