"""Every graph in every stream mode, on a thread and without one."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from graphstead.conformance.play import Play
from graphstead.conformance.stage import SAYING, Act, Scene

__all__ = ["streams"]

MODES = (
    ("values", ["values"]),
    ("updates", ["updates"]),
    ("messages", ["messages"]),
    ("messages-tuple", ["messages-tuple"]),
    ("custom", ["custom"]),
    ("tasks", ["tasks"]),
    ("checkpoints", ["checkpoints"]),
    ("debug", ["debug"]),
    ("events", ["events"]),
    ("values and updates", ["values", "updates"]),
    ("every mode", ["values", "updates", "messages-tuple", "custom", "tasks", "checkpoints"]),
)
INPUTS: dict[str, Any] = {
    **dict.fromkeys(("chat", "tools", "nchat"), SAYING),
    "echo": {"message": "hi"},
    "steps": {"topic": "tea", "x": 1},
    "failing": {"message": "no luck"},
    "slow": {"steps": 2, "sleep_s": 0.05, "x": 0.05},
}
TIMED = frozenset({"burn"})


def streams(graphs: Set[str]) -> Iterator[Scene]:
    """Yield a scene for each graph but those whose output depends on the clock."""
    for graph_id in sorted(graphs - TIMED):
        yield Scene(f"stream {graph_id}", frozenset({graph_id}), _every_mode(graph_id))


def _every_mode(graph_id: str) -> Act:
    def act(play: Play) -> None:
        given = INPUTS.get(graph_id, {})
        for name, modes in MODES:
            body = {"assistant_id": graph_id, "input": given, "stream_mode": modes}
            play.call(name, "POST", f"/threads/{play.thread()}/runs/stream", body)
            play.call(f"{name}, stateless", "POST", "/runs/stream", body)
            deep = {**body, "stream_subgraphs": True}
            play.call(f"{name}, subgraphs", "POST", f"/threads/{play.thread()}/runs/stream", deep)

    return act
