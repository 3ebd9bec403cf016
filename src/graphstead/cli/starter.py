"""The small project that `graphstead dev` writes into an empty folder."""

from __future__ import annotations

from pathlib import Path

from graphstead.problems import StartupError

__all__ = ["find_project"]

CONFIG = """\
{
  "dependencies": ["."],
  "graphs": {
    "agent": { "path": "./agent.py:graph", "description": "Greets whoever writes to it." }
  }
}
"""

AGENT = '''\
"""A first graph: it greets, and remembers on a thread how often it did."""

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    message: str
    reply: str
    greetings: int


async def greet(state: State) -> State:
    count = state.get("greetings", 0) + 1
    return {"reply": f"Hello! You wrote: {state.get('message', '')}", "greetings": count}


graph = StateGraph(State).add_node("greet", greet).add_edge(START, "greet").compile(name="agent")
'''


def find_project(config: Path) -> bool:
    """Make sure that `config` exists; return whether it had to be written.

    Only an empty folder gets a project. Raises StartupError elsewhere.
    """
    if config.is_file():
        return False
    folder = config.resolve().parent
    if config.name != "langgraph.json" or not folder.is_dir() or _has_content(folder):
        raise StartupError(
            [
                f"There is no {config.name} in {folder}. Name one with --config, "
                "or start in an empty folder to have a small graph written there."
            ]
        )
    (folder / "agent.py").write_text(AGENT)
    config.write_text(CONFIG)
    return True


def _has_content(folder: Path) -> bool:
    return any(not entry.name.startswith(".") for entry in folder.iterdir())
