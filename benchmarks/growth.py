"""What a long thread takes, and what is left of it once its history is forgotten.

    python -m benchmarks.growth [--steps 500]

One thread goes through so many steps of a graph, in a data file of its own: once adding 200 bytes
to a list at each step, as a conversation does, and once rewriting a text of 1,000 bytes. The stored
bytes are those of `GET /threads/{thread_id}/storage`; the file is weighed after the data file was
closed. Then the thread is trimmed to its newest state, as after `history_days`, and the pages that
became free are given back.
"""

from __future__ import annotations

import argparse
import operator
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from benchmarks.rounds import machine
from graphstead.engine import thread_life
from graphstead.engine.checkpoints import Saver
from graphstead.engine.threads import usage_body
from graphstead.storage.base import Storage
from graphstead.storage.sqlite import open_sqlite

THREAD = "thread"
ALL_PAGES = 1_000_000


class State(TypedDict, total=False):
    steps: int
    said: Annotated[list[str], operator.add]
    draft: str


def converse(state: State) -> State:
    """Add 200 bytes to the list."""
    return {"steps": state["steps"] + 1, "said": ["x" * 200]}


def rewrite(state: State) -> State:
    """Write 1,000 bytes anew."""
    return {"steps": state["steps"] + 1, "draft": f"{state['steps']:04}" + "x" * 996}


@dataclass(frozen=True, slots=True)
class Weight:
    """What there is at one moment."""

    when: str
    checkpoints: int
    stored_bytes: int
    file_bytes: int

    def row(self) -> str:
        stored, file = f"{self.stored_bytes:,}", f"{self.file_bytes:,}"
        return f"| {self.when} | {self.checkpoints:,} | {stored} | {file} |"


def take_steps(storage: Storage, node: Any, steps: int) -> None:
    """Run the graph on the thread until it has taken so many steps."""
    builder = StateGraph(State).add_node("node", node).add_edge(START, "node")
    builder.add_conditional_edges(
        "node", lambda state: "node" if state["steps"] < steps else "__end__"
    )
    graph: Any = builder.compile(checkpointer=Saver(storage))
    config = {"configurable": {"thread_id": THREAD}, "recursion_limit": steps + 5}
    graph.invoke({"steps": 0}, config)


def trim(storage: Storage) -> None:
    """Forget the thread's history."""
    serde = Saver(storage).serde
    storage.write_blocking(lambda tx: thread_life.trim(tx, serde, THREAD))


def weigh(path: Path, when: str, change: Callable[[Storage], object]) -> Weight:
    """Change the data file, close it, and weigh what is there."""
    storage = open_sqlite(path)
    try:
        change(storage)
        usage = storage.read_blocking(lambda tx: tx.checkpoints.usage(THREAD))
    finally:
        storage.close()
    stored: int = usage_body(THREAD, usage)["total_bytes"]
    return Weight(when, usage.checkpoints.count, stored, path.stat().st_size)


def weights(node: Callable[[State], State], steps: int) -> Iterator[Weight]:
    """Yield what the thread takes before it begins, then full, trimmed and vacuumed."""
    with tempfile.TemporaryDirectory(prefix="graphstead-growth-") as folder:
        path = Path(folder) / "growth.sqlite3"
        yield weigh(path, "before the first step", lambda storage: None)
        yield weigh(path, f"after {steps} steps", lambda storage: take_steps(storage, node, steps))
        yield weigh(path, "trimmed to the newest state", trim)
        yield weigh(path, "free pages given back", lambda storage: storage.vacuum(ALL_PAGES))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=500)
    given = parser.parse_args()
    print(machine())
    for node in (converse, rewrite):
        print(f"\n| {(node.__doc__ or '').rstrip('.')}, per step | checkpoints | stored | file |")
        print("|---|---|---|---|")
        for weight in weights(node, given.steps):
            print(weight.row(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
