"""The graphs that checks run: which of them a server has, and a folder of them to serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphstead.conformance.client import Client
from graphstead.conformance.graph_texts import GRAPHS, PROJECT
from graphstead.problems import StartupError

__all__ = ["ROLES", "Cast", "Role", "find_cast", "write_graphs"]

PAGE = 100


@dataclass(frozen=True, slots=True)
class Role:
    """What a graph is for, the names it may have, the members of its input, and one to run."""

    names: tuple[str, ...]
    members: frozenset[str]
    given: Mapping[str, Any]


ROLES: Mapping[str, Role] = {
    "echo": Role(("conform_echo", "echo"), frozenset({"message"}), {"message": "hi"}),
    "ask": Role(("conform_ask", "approval"), frozenset({"request"}), {"request": "a letter"}),
    "slow": Role(
        ("conform_slow", "slow"), frozenset({"steps", "sleep_s"}), {"steps": 8, "sleep_s": 0.15}
    ),
    "fail": Role(("conform_fail", "failing"), frozenset({"message"}), {"message": "no luck"}),
}


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays which role on one server, and any assistant at all for what needs no more."""

    parts: Mapping[str, str]
    any_assistant: str
    any_input: Any = field(default_factory=dict)

    def body(self, role: str, **fields: Any) -> dict[str, Any]:
        """Return the body of a request to run the graph of a role; `fields` win."""
        if role == "any":
            return {"assistant_id": self.any_assistant, "input": self.any_input, **fields}
        return {"assistant_id": self.parts[role], "input": dict(ROLES[role].given), **fields}


def find_cast(client: Client, assistant: str | None, given: Any) -> Cast:
    """Look which graphs a server has; `assistant`, where named, is run with the input `given`.

    Raises StartupError when it has no assistant at all.
    """
    found = client.call("POST", "/assistants/search", {"limit": PAGE}).json()
    ids = {one["graph_id"]: one["assistant_id"] for one in reversed(found)}
    parts = {name: graph for name in ROLES if (graph := _player(client, ROLES[name], ids))}
    if assistant is not None:
        return Cast(parts, assistant, given)
    if "echo" in parts:
        return Cast(parts, parts["echo"], dict(ROLES["echo"].given))
    if not ids:
        raise StartupError([f"{client.target.base_url} serves no assistant: nothing can be run"])
    return Cast(parts, next(iter(sorted(ids))), given)


def _player(client: Client, role: Role, ids: Mapping[str, str]) -> str | None:
    """Return the graph for a role: one of ours by name, or any whose input has the members."""
    own, *others = role.names
    if own in ids:
        return own
    for name in others:
        if name in ids and role.members <= _members(client, ids[name]):
            return name
    return None


def _members(client: Client, assistant_id: str) -> frozenset[str]:
    answer = client.call("GET", f"/assistants/{assistant_id}/schemas")
    schema = answer.json().get("input_schema") if answer.accepted else None
    return frozenset((schema or {}).get("properties", {}))


def write_graphs(folder: Path) -> list[Path]:
    """Write a project with one small graph for each role; return the files.

    Raises StartupError when one of them is there already.
    """
    files = {folder / "langgraph.json": PROJECT}
    files |= {folder / f"{name}.py": text for name, text in GRAPHS.items()}
    if there := [str(path) for path in files if path.exists()]:
        raise StartupError([f"{path} is there already" for path in there])
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text, "utf-8")
    return list(files)
