"""Which refusals a well-formed request deserves: those for a reason that it shows itself.

A schema cannot say which ids exist or which members contradict each other. The server may answer
400, 404, 409, 422 or 501 then, and has to name what it blames; here it is looked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

# The example graphs that end soon, and a node of each.
NODES = {
    "echo": "echo",
    "steps": "plan",
    "chat": "answer",
    "tools": "think",
    "approval": "draft",
    "nested": "before",
    "failing": "work",
}
GRAPHS = tuple(NODES)
ALL_GRAPHS = frozenset({*GRAPHS, "slow", "burn"})
UNKNOWN_GRAPH = re.compile(r"Graph '.+' not found\. Expected one of", re.S)
UNFIT = re.compile(r"Graph '\w+' refuses this: ")
UNFIT_FILTER = re.compile(
    r"(?:Unsupported operator: |Operator )(?P<name>.+?)(?:\. A member| compares)", re.S
)
UNREADABLE = re.compile(r"Invalid (cron schedule|timezone): ")
BLOCKED = "Webhook host blocked: "
PLACE = re.compile(r"^body(?:\[\d+\])?(?:\.|: )(?P<path>[\w.]+):")
VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")
BATCHING, MODERN = VERSIONS[1], VERSIONS[4]
INVALID, UNSUPPORTED, UNREADABLE_JSON = -32600, -32022, -32700
# Where the key of a server that asks for one is found.
KEY_VARIABLE = "GRAPHSTEAD_FUZZ_KEY"
SMALLEST, LARGEST = -(2**63), 2**64 - 1


@dataclass
class Known:
    """What exists on the server for certain. Each thread belongs to one graph."""

    assistants: list[str] = field(default_factory=list)
    graphs: dict[str, str] = field(default_factory=dict)
    runs: list[tuple[str, str]] = field(default_factory=list)
    crons: list[str] = field(default_factory=list)
    checkpoints: dict[str, str] = field(default_factory=dict)

    def has(self, name: str, path: Mapping[str, Any]) -> bool:
        """Tell whether an id or a graph exists; of a run, whether it does on the thread named."""
        if (path.get("thread_id"), path.get("run_id")) in self.runs:
            return True
        on_path = self.checkpoints.get(str(path.get("thread_id")))
        own = (*self.assistants, *self.graphs, *self.crons, on_path)
        return name in ALL_GRAPHS or name in own


@dataclass(frozen=True)
class Asked:
    """The parts of a request that a refusal may be about."""

    path: Mapping[str, Any]
    query: Mapping[str, Any]
    headers: Mapping[str, Any]
    body: Any
    template: str = ""
    breaks_contract: bool = False

    def filled(self) -> str:
        """Return the path as the server reads it."""
        path = self.template
        for name, value in self.path.items():
            path = path.replace(f"{{{name}}}", unquote(str(value)))
        return path

    def texts(self) -> frozenset[str]:
        """Return all values sent, as text."""
        path = [unquote(str(value)) for value in self.path.values()]
        sent = [*path, *self.query.values(), *self.headers.values(), self.body]
        return frozenset(text for part in sent for leaf in leaves(part) for text in _written(leaf))


def is_deserved(problem: Mapping[str, Any], asked: Asked, known: Known) -> bool:
    """Tell whether the request shows the reason that the error body gives."""
    detail = str(problem["detail"])
    if detail.startswith("There is no session without"):
        return "Mcp-Session-Id" not in asked.headers
    if detail.startswith(BLOCKED) or f": {BLOCKED}" in detail:
        return any(item.get("webhook") for item in items(asked.body))
    if asked.template.startswith(("/docs/", "/skills/")):
        return detail.startswith(f"'{asked.filled()}' not found")
    if UNREADABLE.match(detail):
        return any(f"'{text}'" in detail for text in asked.texts())
    if problem.get("code") == "graph_not_found" or UNKNOWN_GRAPH.match(detail):
        return any(f"'{text}' not found" in detail for text in asked.texts() - ALL_GRAPHS)
    if problem.get("code") in ("unprocessable", "invalid_json"):
        return asked.breaks_contract or any(map(_is_too_large, leaves(asked.body)))
    if problem["code"] == "thread_busy":
        return any(item.get("multitask_strategy") == "reject" for item in items(asked.body))
    if place := PLACE.match(detail):
        found = [_at(item, place["path"].split(".")) for item in items(asked.body)]
        later = problem["code"] == "not_implemented"
        return any(value if later else value is not None for value in found)
    if UNFIT.match(detail):
        return "/state" in asked.template or any(
            item.get("supersteps") for item in items(asked.body)
        )
    if unfit := UNFIT_FILTER.match(detail):
        return unfit["name"] in members((asked.body or {}).get("filter"))
    if blamed := _first_blamed(detail, asked.texts()):
        return "not found" not in detail or not known.has(blamed, asked.path)
    return any(_contradicts_itself(item, detail) for item in items(asked.body))


def is_deserved_by_message(error: Mapping[str, Any], headers: Mapping[str, Any], body: Any) -> bool:
    """Tell whether a JSON-RPC message shows the reason of the error that refuses it by status."""
    if error["code"] == UNREADABLE_JSON:
        return any(map(_is_too_large, leaves(body)))
    version = headers.get("MCP-Protocol-Version") or BATCHING
    if version not in VERSIONS:
        return bool(error["code"] == UNSUPPORTED and error["data"]["requested"] == version)
    if isinstance(body, list):
        alone = any(item.get("method") == "initialize" for item in items(body))
        return bool(error["code"] == INVALID and (alone or version != BATCHING))
    return version == MODERN


def _written(value: Any) -> Iterator[str]:
    """Yield how a value may be quoted; 2.0 is read as 2 where an integer is asked for."""
    yield str(value)
    if isinstance(value, float) and value.is_integer():
        yield str(int(value))


def _first_blamed(detail: str, sent: frozenset[str]) -> str:
    """Return which of the values sent the detail quotes first; nothing if none."""
    places = [
        (detail.index(quoted), text)
        for text in sent - {""}
        for quoted in (f"'{text}'", f"no version {text}")
        if quoted in detail
    ]
    return min(places)[1] if places else ""


def _is_too_large(value: Any) -> bool:
    return isinstance(value, int) and not SMALLEST <= value <= LARGEST


def items(body: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects a body consists of: itself, or those of a batch."""
    for item in body if isinstance(body, list) else [body]:
        if isinstance(item, dict):
            yield item


def members(value: Any) -> set[str]:
    """Return the names of all members inside a JSON value."""
    if isinstance(value, dict):
        return set(value).union(*map(members, value.values()))
    return set().union(*map(members, value)) if isinstance(value, list) else set()


def leaves(value: Any) -> Iterator[Any]:
    """Yield all values inside a JSON value that are neither objects nor arrays."""
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def _at(item: Any, path: list[str]) -> Any:
    """Return what stands at a path of members, None where nothing does."""
    for name in path:
        item = item.get(name) if isinstance(item, dict) else None
    return item


def _contradicts_itself(item: Mapping[str, Any], detail: str) -> bool:
    """Look for the contradictions whose refusal names members instead of values."""
    if "configurable and context" in detail:
        return "configurable" in (item.get("config") or {}) and "context" in item
    if "belongs to no graph" in detail:
        return bool(item.get("supersteps")) and "graph_id" not in (item.get("metadata") or {})
    if detail == "None of these runs is pending or running":
        return "run_ids" in item or "status" in item
    return False
