"""A data file as years of use leave it: threads with metadata, values and checkpoints, their runs.

Rows go in through the storage's own statements, in bulk and without syncing; what is in them is
decided by their number alone, so that two files of the same size are alike.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from graphstead.engine.clock import system_assistant_id, wire_time_of_ms
from graphstead.storage.sqlite import open_sqlite
from graphstead.storage.sqlite.statements import QUERIES

__all__ = ["Size", "fill", "thread_id_of"]

GRAPHS = ("echo", "steps", "tokens", "chunks", "burn")
THREADS_OF_CUSTOMER = 10
BEGAN_MS = 1_767_268_800_000
EVERY_MS = 30_000
BATCH = 5_000
COPIED = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")
VALUES = {"number": 1, "steps": 1, "notes": ["x" * 200]}


@dataclass(frozen=True, slots=True)
class Size:
    """How many runs and threads there are; one thread in 200 has a run that waits."""

    runs: int
    threads: int

    @property
    def waiting(self) -> int:
        return self.threads // 200

    @property
    def customers(self) -> int:
        return max(1, self.threads // THREADS_OF_CUSTOMER)

    @property
    def regions(self) -> int:
        """So many that finding one by order and by value take as long: the costliest search."""
        return math.isqrt(self.threads // 3)


def thread_id_of(number: int) -> str:
    """Return the id of a thread; ids rise with the number, as the server's do."""
    return _uuid(number, 1)


def _uuid(number: int, kind: int) -> str:
    at_ms = BEGAN_MS + number * EVERY_MS
    return str(UUID(int=(at_ms << 80) | (7 << 76) | (kind << 64) | (2 << 62) | number))


def fill(path: Path, size: Size, template_id: str) -> None:
    """Add threads and runs; each thread gets a copy of the checkpoints of `template_id`."""
    open_sqlite(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma journal_mode = off")
        connection.execute("pragma synchronous = off")
        connection.execute("pragma cache_size = -200000")
        connection.execute("begin")
        _insert(connection, "threads.insert", (_thread(n, size) for n in range(size.threads)))
        _insert(connection, "threads.put_values", map(_values, range(size.threads)))
        _insert(connection, "runs.insert", (_run(n, size) for n in range(size.runs)))
        for table in COPIED:
            _copy(connection, table, template_id, size.threads)
        connection.execute("commit")


def _insert(connection: sqlite3.Connection, name: str, rows: Iterable[dict[str, Any]]) -> None:
    connection.executemany(QUERIES[name].sql, rows)


def _copy(connection: sqlite3.Connection, table: str, template_id: str, threads: int) -> None:
    """Give every thread the rows that the template has in this table."""
    found = connection.execute(f"select * from {table} where thread_id = ?", (template_id,))
    rows: Sequence[tuple[Any, ...]] = [row[1:] for row in found]
    marks = ", ".join("?" for _ in found.description)

    def copies() -> Iterator[tuple[Any, ...]]:
        for number in range(threads):
            thread_id = thread_id_of(number)
            for row in rows:
                yield thread_id, *row

    connection.executemany(f"insert into {table} values ({marks})", copies())


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _graph(number: int) -> str:
    """Half of the threads belong to the first graph, the rest to the others in turn."""
    return GRAPHS[0] if number % 2 == 0 else GRAPHS[1 + number // 2 % 4]


def _plan(number: int) -> str:
    return "enterprise" if number % 100 == 99 else "team" if number % 10 == 9 else "free"


def _thread(number: int, size: Size) -> dict[str, Any]:
    graph_id = _graph(number)
    metadata = {
        "graph_id": graph_id,
        "assistant_id": system_assistant_id(graph_id),
        "customer": f"customer-{number % size.customers}",
        "plan": _plan(number),
        "title": f"Conversation {number} about tide tables and the harbour",
        "region": f"region-{number % size.regions}",
        "unread": number % 7,
        "tags": ["web", f"tag-{number % 50}"],
    }
    at = wire_time_of_ms(BEGAN_MS + number * EVERY_MS)
    status = "interrupted" if number % 50 == 49 else "error" if number % 100 == 50 else "idle"
    return {
        "thread_id": thread_id_of(number),
        "status": "busy" if _waits(number, size) else status,
        "metadata": _text(metadata),
        "config": _text({"configurable": {"model": "small", "language": "en"}}),
        "created_at": at,
        "updated_at": at,
        "state_updated_at": at,
        "error": None,
        "interrupts": "{}",
        "ttl": None,
        "expires_ms": None,
    }


def _waits(number: int, size: Size) -> bool:
    """The threads in the middle wait: those at the ends are measured."""
    first = size.threads // 2
    return first <= number < first + size.waiting


def _values(number: int) -> dict[str, Any]:
    return {"thread_id": thread_id_of(number), "values": _text(VALUES)}


def _run(number: int, size: Size) -> dict[str, Any]:
    """The last round of runs holds those that wait."""
    thread = number % size.threads
    waits = _waits(thread, size) and number + size.threads >= size.runs
    at_ms = BEGAN_MS + number * EVERY_MS
    graph_id, run_id, thread_id = _graph(thread), _uuid(number, 2), thread_id_of(thread)
    told = {"graph_id": graph_id, "assistant_id": system_assistant_id(graph_id), "run_id": run_id}
    kwargs = {
        "input": {"message": "When is high water tomorrow at the old harbour?"},
        "command": None,
        "config": {"configurable": {**told, "thread_id": thread_id}, "metadata": told},
        "context": {"language": "en"},
        "stream_mode": ["values", "messages-tuple"],
        "interrupt_before": None,
        "interrupt_after": None,
        "temporary": False,
        "subgraphs": False,
        "resumable": True,
        "durability": "async",
    }
    status = "error" if number % 33 == 0 else "interrupted" if number % 50 == 49 else "success"
    return {
        "run_id": run_id,
        "thread_id": thread_id,
        "assistant_id": told["assistant_id"],
        "status": "pending" if waits else status,
        "metadata": _text({**told, "source": "web"}),
        "kwargs": _text(kwargs),
        "multitask_strategy": "enqueue",
        "created_at": wire_time_of_ms(at_ms),
        "updated_at": wire_time_of_ms(at_ms),
        "start_ms": at_ms,
        "blocked": False,
        "temporary": False,
        "gen": 0 if waits else 1,
        "attempt": 0 if waits else 1,
        "worker": None,
        "cancel": None,
        "base_checkpoint_id": None,
    }
