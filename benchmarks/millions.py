"""Fills SQLite and Postgres with millions of runs that a few statements make inside the database.

Ids, times and metadata are those of `filling`, so the calls of `scale` find the same things; the
threads have no checkpoints, and each run has its end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg

from benchmarks.filling import BEGAN_MS, EVERY_MS, Size
from graphstead.engine.clock import system_assistant_id

__all__ = ["fill_postgres", "fill_sqlite"]

SLICE = 500_000
THREADS = """
insert into threads (thread_id, status, metadata, config, created_at, updated_at, state_updated_at,
    interrupts)
select {id_1}, case when n % 50 = 49 then 'interrupted' else 'idle' end,
    '{{"graph_id": "echo", "assistant_id": "{assistant}"'
        || ', "customer": "customer-' || (n % {customers})
        || '", "plan": "' || case when n % 10 = 9 then 'team' else 'free' end
        || '", "region": "region-' || (n % {regions}) || '", "unread": ' || (n % 7) || '}}',
    '{{"configurable": {{"model": "small"}}}}', {at}, {at}, {at}, '{{}}'
from {numbers}
"""
RUNS = """
insert into runs (run_id, thread_id, assistant_id, status, metadata, kwargs, multitask_strategy,
    created_at, updated_at, start_ms, blocked, temporary, gen, attempt)
select {id_2}, {id_of_thread}, '{assistant}',
    case when n % 33 = 0 then 'error' else 'success' end,
    '{{"graph_id": "echo", "source": "web"}}',
    '{{"input": {{"message": "When is high water tomorrow at the old harbour?"}}, "command": null,'
        || ' "config": {{"configurable": {{"graph_id": "echo"}}, "metadata": {{}}}},'
        || ' "context": {{}}, "stream_mode": ["values"], "temporary": false, "webhook": null}}',
    'enqueue', {at}, {at}, {began} + n * {every}, 0, 0, 1, 1
from {numbers}
"""
ENDS = """
insert into ends (run_id, thread_id, status, ended_ms, output)
select {id_2}, {id_of_thread}, 'success', {began} + n * {every}, {null} from {numbers}
"""


def fill_sqlite(path: Path, size: Size) -> None:
    """Add threads, runs and ends to a migrated file, without syncing."""

    def id_of(kind: int, number: str = "n") -> str:
        at = f"printf('%012x', {BEGAN_MS} + ({number}) * {EVERY_MS})"
        tail = f"'-700{kind}-8000-' || printf('%012x', {number})"
        return f"substr({at}, 1, 8) || '-' || substr({at}, 9) || {tail}"

    seconds = f"{BEGAN_MS // 1000} + n * {EVERY_MS // 1000}"
    at = f"strftime('%Y-%m-%dT%H:%M:%S.000000+00:00', {seconds}, 'unixepoch')"
    numbers = (
        "(with recursive count (n) as (select {first} union all select n + 1 from count"
        " where n < {last}) select n from count)"
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma synchronous = off")
        connection.execute("pragma cache_size = -400000")
        for sql in _statements(size, id_of, at, numbers, "x'6e756c6c'"):
            connection.execute(sql)
        connection.execute("analyze")


def fill_postgres(uri: str, size: Size) -> None:
    """Add threads, runs and ends to a migrated schema, then gather statistics."""

    def id_of(kind: int, number: str = "n") -> str:
        at = f"lpad(to_hex({BEGAN_MS} + ({number}) * cast({EVERY_MS} as bigint)), 12, '0')"
        tail = f"'-700{kind}-8000-' || lpad(to_hex({number}), 12, '0')"
        return f"substr({at}, 1, 8) || '-' || substr({at}, 9) || {tail}"

    at = (
        f"to_char(to_timestamp({BEGAN_MS // 1000} + n * {EVERY_MS // 1000}) at time zone 'utc',"
        """ 'YYYY-MM-DD"T"HH24:MI:SS".000000+00:00"')"""
    )
    numbers = "generate_series(cast({first} as bigint), cast({last} as bigint)) as n"
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        for sql in _statements(size, id_of, at, numbers, "'null'"):
            connection.execute(sql.encode())
        for table in ("threads", "runs", "ends"):
            connection.execute(f"vacuum analyze {table}".encode())


def _statements(
    size: Size, id_of: Callable[..., str], at: str, numbers: str, null: str
) -> Iterator[str]:
    """Yield the statements, each for so many rows as one transaction may well take."""
    values = {
        "id_1": id_of(1),
        "id_2": id_of(2),
        "id_of_thread": id_of(1, f"n % {size.threads}"),
        "assistant": system_assistant_id("echo"),
        "customers": size.customers,
        "regions": size.regions,
        "began": BEGAN_MS,
        "every": f"cast({EVERY_MS} as bigint)",
        "at": at,
        "null": null,
    }
    for template, number in ((THREADS, size.threads), (RUNS, size.runs), (ENDS, size.runs)):
        for first in range(0, number, SLICE):
            last = min(first + SLICE, number) - 1
            yield template.format(**values, numbers=numbers.format(first=first, last=last))
