"""`auth` of langgraph.json: whose code says who calls and what they may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphstead.graphs.thread_ttl import Fault

__all__ = ["AUTH_KEYS", "CACHE_KEYS", "OPENAPI_KEYS", "AuthCache", "AuthConfig", "read_auth"]

AUTH_KEYS = frozenset(
    {"path", "disable_studio_auth", "allow_langsmith_api_keys", "openapi", "cache"}
)
CACHE_KEYS = frozenset({"cache_keys", "ttl_seconds", "max_size"})
OPENAPI_KEYS = frozenset({"securitySchemes", "security", "paths"})
DEFAULT_TTL_S = 60.0
DEFAULT_SIZE = 1_000


@dataclass(frozen=True, slots=True)
class AuthCache:
    """Callers are remembered by the values of these headers, for so long, so many of them."""

    headers: tuple[str, ...]
    ttl_s: float = DEFAULT_TTL_S
    size: int = DEFAULT_SIZE


@dataclass(frozen=True, slots=True)
class AuthConfig:
    """`module` is a file (with a slash) or a dotted name; `variable` holds the SDK's `Auth`."""

    module: str
    variable: str
    studio: bool = True
    cache: AuthCache | None = None
    openapi: Mapping[str, Any] = field(default_factory=dict)


def read_auth(given: Mapping[str, Any], fault: Fault) -> AuthConfig | None:
    """Read the object; what is wrong with it goes to `fault` as (key, what was expected)."""
    path = given.get("path")
    module, _, variable = path.rpartition(":") if isinstance(path, str) else ("", "", "")
    if not module or not variable.isidentifier():
        fault("auth.path", f"expected './file.py:variable' or 'module:variable', found {path!r}")
    if given.get("allow_langsmith_api_keys"):
        fault("auth.allow_langsmith_api_keys", "this server asks no other service about keys")
    studio = given.get("disable_studio_auth", False)
    if not isinstance(studio, bool):
        fault("auth.disable_studio_auth", f"expected true or false, found {studio!r}")
    return AuthConfig(
        module,
        variable,
        studio=not studio,
        cache=_cache(given.get("cache"), fault),
        openapi=_openapi(given.get("openapi"), fault),
    )


def _cache(given: Any, fault: Fault) -> AuthCache | None:
    if not isinstance(given, dict):
        return None
    names = given.get("cache_keys")
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        fault("auth.cache.cache_keys", f"expected a list of header names, found {names!r}")
        return None
    ttl_s, size = given.get("ttl_seconds", DEFAULT_TTL_S), given.get("max_size", DEFAULT_SIZE)
    if isinstance(ttl_s, bool) or not isinstance(ttl_s, int | float) or ttl_s <= 0:
        fault("auth.cache.ttl_seconds", f"expected a number above 0, found {ttl_s!r}")
        return None
    if isinstance(size, bool) or not isinstance(size, int) or size <= 0:
        fault("auth.cache.max_size", f"expected a whole number above 0, found {size!r}")
        return None
    return AuthCache(tuple(name.lower() for name in names), float(ttl_s), size)


def _openapi(given: Any, fault: Fault) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        return {}
    for key, kind in (("securitySchemes", dict), ("security", list), ("paths", dict)):
        if key in given and not isinstance(given[key], kind):
            word = "an object" if kind is dict else "a list"
            fault(f"auth.openapi.{key}", f"expected {word}, found {given[key]!r}")
    return given
