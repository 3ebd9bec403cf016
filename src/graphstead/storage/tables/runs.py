"""Runs: the authority on what is to be executed, by whom, and how it went."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from graphstead.storage.base import Runs
from graphstead.storage.rows import CancelAction, Json, Owned, RunRow, RunStatus
from graphstead.storage.statements import Row, Statements, from_json, to_json

_ACTIVE = frozenset({"pending", "running"})


class StoredRuns:
    """Implements `base.Runs`."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Statements) -> None:
        self._sql = sql

    def get(self, run_id: str) -> RunRow | None:
        return self._one("runs.get", run_id=run_id)

    def lock(self, run_id: str) -> RunRow | None:
        return self._one("runs.lock", run_id=run_id)

    def insert(self, row: RunRow) -> None:
        self._sql.execute("runs.insert", **run_values(row))

    def enter(self, row: RunRow, now_ms: int) -> bool:
        blocked = self.must_wait(row.thread_id, now_ms)
        self.insert(replace(row, blocked=blocked))
        self._sql.execute(
            "threads.set_status",
            thread_id=row.thread_id,
            status="busy",
            updated_at=row.updated_at,
        )
        return blocked

    def active(self, thread_id: str) -> builtins.list[RunRow]:
        return self._all("runs.active", thread_id=thread_id)

    def running(self, thread_id: str) -> RunRow | None:
        return self._one("runs.running", thread_id=thread_id)

    def has_active(self, thread_id: str) -> bool:
        return bool(self._sql.value("runs.has_active", thread_id=thread_id))

    def must_wait(self, thread_id: str, now_ms: int) -> bool:
        return bool(self._sql.value("runs.must_wait", thread_id=thread_id, now_ms=now_ms))

    def claimable(self, now_ms: int, limit: int) -> builtins.list[RunRow]:
        return self._all("runs.claimable", now_ms=now_ms, limit=limit)

    def take(self, worker: str, now_ms: int, limit: int, updated_at: str) -> builtins.list[RunRow]:
        return take_free(self, self.claimable(now_ms, limit), worker, updated_at)

    def next_start_ms(self) -> int | None:
        start_ms: int | None = self._sql.value("runs.next_start_ms")
        return start_ms

    def start(self, run_id: str, *, worker: str, gen: int, attempt: int, updated_at: str) -> None:
        self._sql.execute(
            "runs.start",
            run_id=run_id,
            worker=worker,
            gen=gen,
            attempt=attempt,
            updated_at=updated_at,
        )

    def owned(self, run_id: str, gen: int) -> bool:
        return bool(self._sql.value("runs.owned", run_id=run_id, gen=gen))

    def hold_owned(self, thread_id: str, run_id: str, gen: int) -> Owned | None:
        row = self._sql.row("runs.hold_owned", thread_id=thread_id, run_id=run_id, gen=gen)
        return Owned(*row) if row else None

    def set_kwargs(self, run_id: str, kwargs: Json, metadata: Json) -> None:
        self._sql.execute(
            "runs.set_kwargs", run_id=run_id, kwargs=to_json(kwargs), metadata=to_json(metadata)
        )

    def finish(self, run_id: str, status: RunStatus, updated_at: str) -> None:
        self._sql.execute("runs.finish", run_id=run_id, status=status, updated_at=updated_at)

    def requeue(self, run_id: str, *, gen: int, start_ms: int, updated_at: str) -> None:
        self._sql.execute(
            "runs.requeue", run_id=run_id, gen=gen, start_ms=start_ms, updated_at=updated_at
        )

    def later(self, due_ms: int, after: str, limit: int) -> builtins.list[RunRow]:
        return self._all("runs.later", due_ms=due_ms, after=after, limit=limit)

    def set_start(self, run_id: str, start_ms: int) -> None:
        self._sql.execute("runs.set_start", run_id=run_id, start_ms=start_ms)

    def set_cancel(self, run_id: str, action: CancelAction, updated_at: str) -> None:
        self._sql.execute("runs.set_cancel", run_id=run_id, action=action, updated_at=updated_at)

    def cancels_of(self, worker: str) -> builtins.list[tuple[str, CancelAction]]:
        rows = self._sql.rows("runs.cancels_of", worker=worker)
        return [(run_id, action) for run_id, action in rows]

    def set_blocked(self, run_id: str, blocked: bool) -> None:
        self._sql.execute("runs.set_blocked", run_id=run_id, blocked=blocked)

    def release_next(self, thread_id: str) -> bool:
        return self._sql.execute("runs.release_next", thread_id=thread_id) > 0

    def next_blocked(self, thread_id: str) -> RunRow | None:
        return self._one("runs.next_blocked", thread_id=thread_id)

    def orphans(self, limit: int) -> builtins.list[RunRow]:
        return self._all("runs.orphans", limit=limit)

    def of_worker(self, worker: str) -> builtins.list[RunRow]:
        return self._all("runs.of_worker", worker=worker)

    def list(
        self, thread_id: str, status: str | None, *, limit: int, offset: int
    ) -> builtins.list[RunRow]:
        return self._all(
            "runs.list", thread_id=thread_id, status=status, limit=limit, offset=offset
        )

    def ids_of(self, thread_id: str) -> builtins.list[str]:
        return [run_id for (run_id,) in self._sql.rows("runs.ids_of", thread_id=thread_id)]

    def by_status(self, statuses: Sequence[str], limit: int) -> builtins.list[RunRow]:
        name = "runs.by_active_status" if _ACTIVE.issuperset(statuses) else "runs.by_status"
        return self._all(name, statuses=to_json(list(statuses)), limit=limit)

    def active_ids(self, statuses: Sequence[str], after: str, limit: int) -> builtins.list[str]:
        wanted = to_json(list(statuses))
        rows = self._sql.rows("runs.active_ids", statuses=wanted, after=after, limit=limit)
        return [run_id for (run_id,) in rows]

    def unstopped(self, assistant_id: str, limit: int) -> builtins.list[RunRow]:
        return self._all("runs.unstopped", assistant_id=assistant_id, limit=limit)

    def delete(self, run_id: str) -> bool:
        return self._sql.execute("runs.delete", run_id=run_id) > 0

    def counts(self) -> tuple[int, int]:
        pending, running = self._sql.rows("runs.counts")[0]
        return int(pending), int(running)

    def waiting_since_ms(self, now_ms: int) -> tuple[int | None, int | None]:
        oldest_ms, number = self._sql.rows("runs.waiting_since", now_ms=now_ms)[0]
        if not number:
            return None, None
        middle = (int(number) - 1) // 2
        return oldest_ms, self._sql.value("runs.median_start", now_ms=now_ms, offset=middle)

    def _one(self, name: str, /, **values: Any) -> RunRow | None:
        row = self._sql.row(name, **values)
        return run_of(row) if row else None

    def _all(self, name: str, /, **values: Any) -> builtins.list[RunRow]:
        return [run_of(row) for row in self._sql.rows(name, **values)]


def take_free(
    runs: Runs, due: Sequence[RunRow], worker: str, updated_at: str
) -> builtins.list[RunRow]:
    """Start those of these runs that have no running sibling, one by one."""
    return [
        run if runs.running(run.thread_id) else _start(runs, run, worker, updated_at) for run in due
    ]


def _start(runs: Runs, run: RunRow, worker: str, updated_at: str) -> RunRow:
    gen, attempt = run.gen + 1, run.attempt + 1
    runs.start(run.run_id, worker=worker, gen=gen, attempt=attempt, updated_at=updated_at)
    return replace(
        run, status="running", worker=worker, gen=gen, attempt=attempt, updated_at=updated_at
    )


def run_of(row: Row) -> RunRow:
    run_id, thread_id, assistant_id, status, metadata, kwargs = row[:6]
    multitask_strategy, created_at, updated_at, start_ms, blocked, temporary, *rest = row[6:]
    return RunRow(
        run_id,
        thread_id,
        assistant_id,
        status,
        from_json(metadata),
        from_json(kwargs),
        multitask_strategy,
        created_at,
        updated_at,
        start_ms,
        bool(blocked),
        bool(temporary),
        *rest,
    )


def run_values(row: RunRow) -> dict[str, Any]:
    return {
        "run_id": row.run_id,
        "thread_id": row.thread_id,
        "assistant_id": row.assistant_id,
        "status": row.status,
        "metadata": to_json(row.metadata),
        "kwargs": to_json(row.kwargs),
        "multitask_strategy": row.multitask_strategy,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "start_ms": row.start_ms,
        "blocked": row.blocked,
        "temporary": row.temporary,
        "gen": row.gen,
        "attempt": row.attempt,
        "worker": row.worker,
        "cancel": row.cancel,
        "base_checkpoint_id": row.base_checkpoint_id,
    }
