"""`checkpointer` of langgraph.json: who keeps checkpoints, and which types they may hold.

Its `ttl` is read in `thread_ttl`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphstead.graphs.thread_ttl import Fault

__all__ = ["SERDE_KEYS", "SerdeConfig", "check_backend", "read_serde"]

SERDE_KEYS = frozenset({"allowed_json_modules", "allowed_msgpack_modules", "pickle_fallback"})
BACKENDS = ("default", "custom")

Modules = tuple[tuple[str, ...], ...] | bool | None


@dataclass(frozen=True, slots=True)
class SerdeConfig:
    """Types that may be rebuilt from checkpoints: True for all, None for LangGraph's own choice."""

    allowed_json_modules: Modules = None
    allowed_msgpack_modules: Modules = None
    pickle_fallback: bool = False


def check_backend(given: Mapping[str, Any], fault: Fault) -> None:
    """Tell what of `backend`, `path` and `uri` cannot be honoured, as (key, what was expected)."""
    backend = given.get("backend", "custom" if given.get("path") else "default")
    if backend == "mongo":
        fault(
            "checkpointer.backend",
            "mongo is not built in; give backend custom and, as path, a function of yours that "
            "returns langgraph-checkpoint-mongodb's saver",
        )
    elif backend not in BACKENDS:
        fault("checkpointer.backend", f"expected default or custom, found {backend!r}")
    elif backend == "custom" and not given.get("path"):
        fault("checkpointer.path", "backend custom needs './file.py:variable' or 'module:variable'")
    elif backend == "default" and given.get("path"):
        fault("checkpointer.path", "backend default takes none; give backend custom")
    if given.get("uri") and backend != "mongo":
        fault("checkpointer.uri", "only backend mongo has one; a custom saver knows its own")


def read_serde(given: Mapping[str, Any], fault: Fault) -> SerdeConfig:
    """Read the object; what is wrong with it goes to `fault` as (key, what was expected)."""
    pickles = given.get("pickle_fallback", False)
    if not isinstance(pickles, bool):
        fault("checkpointer.serde.pickle_fallback", f"expected true or false, found {pickles!r}")
    return SerdeConfig(
        _modules("allowed_json_modules", given, fault),
        _modules("allowed_msgpack_modules", given, fault),
        pickles is True,
    )


def _modules(key: str, owner: Mapping[str, Any], fault: Fault) -> Modules:
    given = owner.get(key)
    if given is None or given is True:
        return given
    if isinstance(given, list) and all(map(_is_path, given)):
        return tuple(tuple(path) for path in given)
    expected = 'true or a list of paths such as ["package", "module", "Class"]'
    fault(f"checkpointer.serde.{key}", f"expected {expected}, found {given!r}")
    return None


def _is_path(given: Any) -> bool:
    parts = given if isinstance(given, list) else []
    return len(parts) > 1 and all(isinstance(part, str) for part in parts)
