"""Which request headers a project lets into `config.configurable` (langgraph.json, http)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

__all__ = ["HeaderRule", "header_rule", "logging_rule"]

NEVER = frozenset({"authorization", "x-api-key", "x-tenant-id", "x-service-key"})
# Nor is any of these ever written to a log.
UNLOGGED = (
    *NEVER,
    "cookie",
    "set-cookie",
    "proxy-authorization",
    "*api-key*",
    "*apikey*",
    "*password*",
    "*secret*",
    "*token*",
)
DEFAULT = ("langsmith-trace", "baggage")


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """Patterns with `*`, lower-case; excludes win, and credentials never pass."""

    includes: tuple[str, ...] = DEFAULT
    excludes: tuple[str, ...] = ()

    def pick(self, headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
        """Return the headers that pass, by lower-case name; of repeated ones the last."""
        found = {}
        for raw_name, raw_value in headers:
            name = raw_name.decode("latin-1").lower()
            if name not in NEVER and _any(name, self.includes) and not _any(name, self.excludes):
                found[name] = raw_value.decode("latin-1")
        return found


def _any(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def header_rule(raw: Mapping[str, Any]) -> HeaderRule:
    """Read `http.configurable_headers` of a langgraph.json that is already checked."""
    given = (raw.get("http") or {}).get("configurable_headers") or {}
    return HeaderRule(
        includes=_lower(given.get("includes"), DEFAULT), excludes=_lower(given.get("excludes"), ())
    )


def logging_rule(given: Mapping[str, Any]) -> HeaderRule:
    """Read `http.logging_headers`: as above, and whatever may be a credential is excluded."""
    excludes = (*_lower(given.get("excludes"), ()), *UNLOGGED)
    return HeaderRule(includes=_lower(given.get("includes"), ()), excludes=excludes)


def _lower(patterns: Any, default: tuple[str, ...]) -> tuple[str, ...]:
    return default if patterns is None else tuple(pattern.lower() for pattern in patterns)
