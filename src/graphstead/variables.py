"""Environment variables that are no setting: those without effect here, and misspelt ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from graphstead.settings import settings_table

__all__ = ["CARRIED", "REFUSED", "WITHOUT_EFFECT", "refused_variables", "unused_variables"]

OWN_PREFIX = "GRAPHSTEAD_"
WITHOUT_EFFECT = {
    "REDIS_CLUSTER": "REDIS_URI names a single server, and a node of a cluster is refused",
    "REDIS_MAX_CONNECTIONS": "a process takes three connections to Redis",
    "LANGGRAPH_POSTGRES_POOL_MAX_SIZE": "see GRAPHSTEAD_DATABASE_CONNECTIONS",
}
# Served without these, a project would be less safe than its author believes.
REFUSED = {
    "LANGGRAPH_AES_KEY": "encryption comes later; it is not served without",
    "LANGGRAPH_AES_JSON_KEYS": "encryption comes later; it is not served without",
}
# Read elsewhere: by the gateway, between our processes, by the benchmarks and tests.
CARRIED = frozenset({"GRAPHSTEAD_GATEWAY_KEY", "GRAPHSTEAD_READY_FD", "GRAPHSTEAD_URL"})


def refused_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield why the server must not start, a sentence for each variable that forbids it."""
    for name in sorted(REFUSED.keys() - _read()):
        value = environment.get(name, "")
        if value:
            yield f"{name}: {REFUSED[name]}"


def unused_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each variable that was set in vain."""
    known = _read()
    for name in sorted(WITHOUT_EFFECT.keys() - known):
        if environment.get(name):
            yield f"{name} has no effect: {WITHOUT_EFFECT[name]}"
    for name in sorted(environment):
        if name.startswith(OWN_PREFIX) and name not in known | CARRIED:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            yield f"{name} is no setting and has no effect{hint}"


def _read() -> frozenset[str]:
    return frozenset(name for row in settings_table() for name in row.environment_names)
