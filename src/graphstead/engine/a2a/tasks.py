"""Tasks: a run on a thread, or several where one goes on with the answer to another's question.

The id of a task is ``<thread_id>:<run_id>`` of the run that began it, and stays. What is read here
is read through the engine's own nouns, so that their rules of who may see what hold for tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from graphstead.engine.a2a.faults import task_not_found
from graphstead.engine.a2a.messages import CONTINUES
from graphstead.engine.callers import Asked
from graphstead.engine.clock import as_uuid
from graphstead.engine.runs import Runs
from graphstead.engine.threads import Threads
from graphstead.engine.transitions import FINAL
from graphstead.problems import NotFound
from graphstead.storage.base import Storage
from graphstead.storage.rows import Json, RunRow

__all__ = ["Outcome", "Task", "Tasks"]

RUNS_AT_ONCE = 20
CONTEXTS_AT_ONCE = 100
MOST_CONTEXTS = 1_000
STATES = {
    "pending": "submitted",
    "running": "working",
    "success": "completed",
    "error": "failed",
    "timeout": "failed",
    "interrupted": "canceled",
}
ASKING = "input-required"
MARKS = frozenset({"__error__", "__interrupt__"})


@dataclass(frozen=True, slots=True)
class Task:
    """A task as it stands: the run that began it, its newest run, and their thread as shown.

    `newest` tells whether no other run of the thread came after.
    """

    begun: RunRow
    run: RunRow
    thread: Json
    newest: bool

    @property
    def task_id(self) -> str:
        return task_id_of(self.begun)

    @property
    def place(self) -> Json:
        """Return what names the task in messages and updates."""
        return {"taskId": self.task_id, "contextId": self.begun.thread_id}

    @property
    def live(self) -> bool:
        return self.run.status not in FINAL

    @property
    def questions(self) -> list[Json]:
        """Return what the graph waits to be told, nothing once others went on without it."""
        if self.live or not self.newest:
            return []
        return [one for asked in (self.thread["interrupts"] or {}).values() for one in asked]

    @property
    def state(self) -> str:
        """Return the state in plain words."""
        if self.run.status == "success" and self.questions:
            return ASKING
        if self.run.status == "pending" and self.run is not self.begun:
            return "working"
        return STATES[self.run.status]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a task has come to: the values of the state, and the error of a failed one.

    `abandoned` tells that it asked something, and others went on without an answer.
    """

    values: Any
    error: Json | None = None
    abandoned: bool = False


class Tasks:
    """Finds tasks and what came of them."""

    def __init__(self, storage: Storage, threads: Threads, runs: Runs) -> None:
        self._storage = storage
        self._threads = threads
        self._runs = runs

    async def find(self, task_id: str, assistant_id: str, asked: Asked) -> Task:
        """Get a task of this assistant. Raises Fault where the caller may see none."""
        thread_id, _, run_id = task_id.partition(":")
        if as_uuid(thread_id) is None or as_uuid(run_id) is None:
            raise task_not_found(task_id)
        try:
            # The thread last: what a run came to is there once its end is.
            begun, run, newest = await self._runs_of(thread_id, run_id, asked)
            thread = await self._threads.get(thread_id, asked)
        except NotFound:
            raise task_not_found(task_id) from None
        if begun is None or begun.assistant_id != assistant_id:
            raise task_not_found(task_id)
        return Task(begun, run or begun, thread, newest)

    async def _runs_of(
        self, thread_id: str, run_id: str, asked: Asked
    ) -> tuple[RunRow | None, RunRow | None, bool]:
        """Return the run, the newest that continues it, and whether that is the thread's newest."""
        newest_id, current = None, None
        for offset in range(0, 1_000_000, RUNS_AT_ONCE):
            page = await self._runs.list(thread_id, asked, None, RUNS_AT_ONCE, offset)
            for row in page:
                newest_id = newest_id or row.run_id
                if current is None and run_id in (row.run_id, row.metadata.get(CONTINUES)):
                    current = row
                if row.run_id == run_id:
                    return row, current, current is not None and current.run_id == newest_id
            if len(page) < RUNS_AT_ONCE:
                break
        return None, None, False

    async def outcome(self, task: Task, asked: Asked) -> Outcome:
        """Return what came of a task: from its thread, from how its run ended, from its history."""
        if task.newest or task.live:
            return Outcome(task.thread["values"], task.thread["error"])
        run_id = task.run.run_id
        ended = await self._storage.read(lambda tx: tx.events.ended(run_id))
        if ended is not None:
            return _outcome(orjson.loads(ended.output))
        found = {"metadata": {"run_id": run_id}, "limit": 1, "select": ["values", "interrupts"]}
        states = orjson.loads(await self._threads.states.history(task.run.thread_id, found, asked))
        if not states:
            return Outcome(None)
        return Outcome(states[0]["values"], abandoned=bool(states[0]["interrupts"]))

    async def _on(self, thread: Json, assistant_id: str, asked: Asked) -> list[Task]:
        rows = await self._runs.list(thread["thread_id"], asked, None, RUNS_AT_ONCE, 0)
        current: dict[str, RunRow] = {}
        for row in rows:
            current.setdefault(row.metadata.get(CONTINUES) or row.run_id, row)
        return [
            Task(row, current[row.run_id], thread, current[row.run_id] is rows[0])
            for row in rows
            if row.assistant_id == assistant_id and CONTINUES not in row.metadata
        ]

    async def all(
        self, assistant_id: str, context_id: str | None, asked: Asked
    ) -> tuple[list[Task], int]:
        """Return this assistant's tasks, those changed last first, and how many contexts are left.

        At most the thousand newest contexts are looked at, and the twenty newest runs of each.
        Their threads come without values.
        """
        match: Json = {"metadata": {"assistant_id": assistant_id}, "sort_by": "updated_at"}
        if context_id is not None:
            match = {"ids": [context_id]}
        tasks: list[Task] = []
        for offset in range(0, MOST_CONTEXTS, CONTEXTS_AT_ONCE):
            page = {**match, "limit": CONTEXTS_AT_ONCE, "offset": offset}
            found = await self._threads.search(page, asked)
            for thread in found.rows:
                tasks += await self._on({**thread, "values": None}, assistant_id, asked)
            if len(found.rows) < CONTEXTS_AT_ONCE:
                return _newest_first(tasks), 0
        return _newest_first(tasks), max(0, found.total - MOST_CONTEXTS)


def _outcome(output: Any) -> Outcome:
    """Read what waiters of a run were given."""
    if not isinstance(output, dict):
        return Outcome(output)
    values = {key: value for key, value in output.items() if key not in MARKS}
    return Outcome(values, output.get("__error__"), abandoned="__interrupt__" in output)


def task_id_of(run: RunRow) -> str:
    """Return the id of the task that a run began or goes on with."""
    return f"{run.thread_id}:{run.metadata.get(CONTINUES) or run.run_id}"


def _newest_first(tasks: Sequence[Task]) -> list[Task]:
    return sorted(tasks, key=lambda task: task.run.updated_at, reverse=True)
