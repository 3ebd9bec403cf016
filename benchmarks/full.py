"""Calls over millions of runs beside the same calls over hardly any, on SQLite and on Postgres.

    python -m benchmarks.full [--runs 5000000 --threads 500000] [--rounds 3] [--calls 30]

As `scale` does it (its calls, its targets), but filled by the database itself (`millions`), on both
kinds, with the looks of claims and sweeps beside the calls of clients. Then each query is explained
on the full Postgres: a sequential scan of a big table is told.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
from collections.abc import Sequence

import psycopg

from benchmarks.filling import Size
from benchmarks.millions import fill_postgres, fill_sqlite
from benchmarks.places import KINDS, Place, places
from benchmarks.rounds import Comparison, Target, exit_code, machine, table
from benchmarks.scale import (
    ASKED,
    CALLS,
    CLOCK,
    COSTLIEST,
    EMPTY,
    PROJECT,
    TARGET,
    Call,
    Filled,
    in_turn,
)
from graphstead.engine import Engine
from graphstead.graphs import GraphSet, load_graphs, load_project
from graphstead.settings import Settings
from graphstead.storage.base import Tx
from graphstead.storage.postgres.statements import DIALECT, bound

BIG = frozenset({"threads", "runs", "ends"})
# Told to walk a table by what they are: by_status reads until its limit, counts of all count all.
UNKNOWN = "not explained"
WALKS = frozenset({"runs.by_status"})
# Where Postgres counts and SQLite keeps totals: the count of half a million threads is their walk.
COUNTED = frozenset(
    {"count by graph_id", "count by a common value", "count of all threads"} | COSTLIEST
)


def look(work: str) -> Call:
    """Time a look of the engine's own that finds nothing to do."""

    def looked(tx: Tx) -> object:
        now_ms = 1_000
        return {
            "due runs": lambda: tx.runs.claimable(CLOCK.now_ms(), 10),
            "lost runs": lambda: (tx.workers.list(), tx.runs.orphans(200)),
            "expired threads": lambda: tx.threads.expired(now_ms, 200),
            "crons and calls": lambda: (tx.crons.due(now_ms, 200), tx.deliveries.next_ms()),
        }[work]()

    return lambda file, turn: file.storage.read(looked)


LOOKS = {
    f"look for {work}": look(work)
    for work in ("due runs", "lost runs", "expired threads", "crons and calls")
}
MEASURED = {name: call for name, call in CALLS.items() if "history" not in name} | LOOKS


def opened(place: Place, size: Size, graphs: GraphSet) -> Filled:
    """Fill a new database and open it with an engine that carries out no runs."""
    place.open().close()
    started_s = time.perf_counter()
    if place.kind == "sqlite":
        settings = Settings(data_dir=place.env["GRAPHSTEAD_DATA_DIR"])
        fill_sqlite(settings.database_path, size)
    else:
        fill_postgres(place.env["GRAPHSTEAD_DATABASE_URI"], size)
    took_s = time.perf_counter() - started_s
    storage = place.open()
    if size is not EMPTY:
        megabytes = storage.sizes()["database"] / 2**20
        told = f"{size.runs:,} runs, {size.threads:,} threads"
        print(f"{place.kind}: {told}, {megabytes:,.0f} MB, filled in {took_s:.0f} s", flush=True)
    engine = Engine(storage=storage, graphs=graphs, settings=Settings(), run_worker=False)
    return Filled(size, storage, engine)


async def measure(kind: str, files: Sequence[Filled], rounds: int, calls: int) -> list[Comparison]:
    for file in files:
        await file.engine.start()
        body = {"metadata": {"graph_id": "echo"}}
        await file.engine.threads.create(body, ASKED)
    found = await in_turn(files, MEASURED, rounds, calls)
    return [
        Comparison(f"{kind}: {name}", "ms", full, empty, _target(kind, name))
        for name, (full, empty) in found.items()
    ]


def _target(kind: str, name: str) -> Target | None:
    exempt = COSTLIEST if kind == "sqlite" else COUNTED
    return None if name in exempt else TARGET


def scans(uri: str) -> list[str]:
    """Explain every query; return those that walk a big table, with what they walk."""
    walked = []
    with psycopg.connect(uri, autocommit=True) as connection:
        for name, query in DIALECT.queries.items():
            if name in WALKS or "{" in query.sql or not _is_whole(query.sql):
                continue
            steps = _plan(connection, query.sql)
            seen = [found for found in re.findall(r"Seq Scan on (\w+)", steps) if found in BIG]
            walked += [f"{name}: {found}" for found in seen]
            if steps.startswith(UNKNOWN):
                walked.append(f"{name}: {steps}")
    return walked


def _is_whole(sql: str) -> bool:
    own_to_sqlite = re.search("thread_(values|labels|counts)", sql)
    return not own_to_sqlite and bool(re.match(r"(select|with|update|delete)\b", sql))


def _plan(connection: psycopg.Connection[tuple[str]], sql: str) -> str:
    numbers = dict.fromkeys(
        ("now_ms", "limit", "offset", "seq", "from_ms", "gen", "ended_before_ms", "until_ms",
         "start_ms", "due_ms", "latest_ms", "ended_ms", "number", "frames", "place", "expires_ms",
         "blocked", "temporary", "attempt", "created_ms", "lease_until_ms", "pid", "keeps_values"),
        5,
    )  # fmt: skip
    texts = dict.fromkeys(re.findall(r"(?<![\w:]):([a-z_]+)", sql), "7")
    texts |= {"thread_ids": '["1"]', "statuses": '["pending"]', "pairs": "[]", "data": "x"}
    try:
        rows = connection.execute(f"explain {bound(sql, holds=True)!s}".encode(), texts | numbers)
    except psycopg.Error as fault:
        return f"{UNKNOWN}: {fault}"
    return "\n".join(row[0] for row in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5_000_000)
    parser.add_argument("--threads", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=30)
    parser.add_argument("--only", nargs="+", choices=KINDS[:2], default=KINDS[:2])
    given = parser.parse_args()
    print(machine(), flush=True)
    graphs = load_graphs(load_project(PROJECT))
    full, comparisons = Size(given.runs, given.threads), []
    for kind in given.only:
        with places([kind]) as (big,), places([kind]) as (small,):
            files = [opened(big, full, graphs), opened(small, EMPTY, graphs)]
            found = asyncio.run(measure(kind, files, given.rounds, given.calls))
            comparisons += found
            print(table(found), flush=True)
            for file in files:
                file.storage.close()
            if kind == "postgres":
                walked = scans(big.env["GRAPHSTEAD_DATABASE_URI"])
                print("sequential scans of big tables:", "; ".join(walked) or "none", flush=True)
    return exit_code(comparisons)


if __name__ == "__main__":
    sys.exit(main())
