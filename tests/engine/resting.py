"""Threads at rest for tests: a clock moved by hand, threads since noon, a graph of many steps."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Annotated, Any

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from graphstead.engine.checkpoints import Saver
from graphstead.engine.clock import SystemClock, wire_time_of_ms
from graphstead.engine.thread_rows import expiry_ms
from graphstead.storage.base import Storage
from graphstead.storage.rows import RunRow, ThreadRow

NOON_MS = 1_767_268_800_000


class StoppedClock(SystemClock):
    """A clock that is moved by hand."""

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def now_ms(self) -> int:
        return self.at_ms


@dataclass(frozen=True)
class Limits:
    lease_s: float = 15
    sweep_s: float = 0.01
    bg_job_max_retries: int = 3
    resumable_stream_ttl_s: float = 120
    history_days: int = 30
    dead_webhook_days: int = 30


class Chain(TypedDict, total=False):
    items: Annotated[list[int], operator.add]
    notes: str


def make_thread(storage: Storage, thread_id: str, at_ms: int, **fields: Any) -> ThreadRow:
    now = wire_time_of_ms(at_ms)
    row = ThreadRow(thread_id, "idle", {}, {}, now, now, now, **fields)
    storage.write_blocking(lambda tx: tx.threads.insert(row))
    return row


def resting(storage: Storage, thread_id: str, minutes: float, strategy: str = "delete") -> None:
    """Store a thread that has been at rest since noon."""
    ttl = {"strategy": strategy, "ttl_minutes": minutes}
    make_thread(storage, thread_id, NOON_MS, ttl=ttl, expires_ms=expiry_ms(ttl, NOON_MS))


def start_run(storage: Storage, thread_id: str) -> None:
    now = wire_time_of_ms(NOON_MS)
    run = RunRow("run", thread_id, "a", "pending", {}, {}, "enqueue", now, now, start_ms=0)
    storage.write_blocking(lambda tx: tx.runs.insert(run))


def found(storage: Storage, thread_id: str) -> ThreadRow | None:
    return storage.read_blocking(lambda tx: tx.threads.get(thread_id))


def run_chain(storage: Storage, thread_id: str, steps: int) -> None:
    """Take a thread through as many steps of a graph that adds to a list and rewrites a text."""

    def count(state: Chain) -> Chain:
        return {"items": [len(state["items"])], "notes": "note " * 200}

    def more(state: Chain) -> str:
        return "count" if len(state["items"]) < steps else "__end__"

    builder = StateGraph(Chain)
    builder.add_node("count", count)
    builder.add_edge(START, "count")
    builder.add_conditional_edges("count", more)
    graph: Any = builder.compile(checkpointer=Saver(storage))
    config = {"configurable": {"thread_id": thread_id}, "recursion_limit": steps + 5}
    graph.invoke({"items": []}, config)
