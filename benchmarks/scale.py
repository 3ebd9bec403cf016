"""Calls over a file of a million runs beside the same calls over a file with hardly any.

    python -m benchmarks.scale [--runs 1000000 --threads 200000] [--rounds 5] [--calls 30]

Two data files are made (see `filling`): a full one, and one with just the ten threads that each
search finds, so that both answer alike. The engine's own calls are timed in this process, without
HTTP, in turn on both files; a round's figure is the median of its calls. Exits with 1 where a call
takes more than three times as long on the full file. No target has the one search that is worst: by
a value neither rare enough to be sorted at once nor common enough to be met soon in order.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.filling import Size, fill, thread_id_of
from benchmarks.rounds import Comparison, Target, exit_code, machine, table
from graphstead.contract.auth import ANONYMOUS
from graphstead.engine import Engine, transitions
from graphstead.engine.callers import Caller
from graphstead.engine.checkpoints import Saver
from graphstead.engine.clock import SystemClock
from graphstead.graphs import GraphSet, load_graphs, load_project
from graphstead.settings import Settings
from graphstead.storage.base import Storage
from graphstead.storage.sqlite import open_sqlite

PROJECT = Path(__file__).parent / "project"
TARGET = Target(3.0, "less")
CLOCK = SystemClock()
TEMPLATE, LONG = "template", "00000000-0000-7000-8000-000000000001"
GRAPH, RARE, COMMON = {"graph_id": "echo"}, {"customer": "customer-0"}, {"plan": "free"}
COSTLY, COSTLIEST = {"region": "region-0"}, {"search by the costliest value"}
EMPTY = Size(50, 10)


@dataclass(frozen=True, slots=True)
class Calling:
    """A request of nobody in particular, as the engine sees one."""

    caller: Caller = ANONYMOUS
    request_id: str = "scale"
    idempotency_key: str | None = None
    headers: Sequence[tuple[bytes, bytes]] = ()
    base_url: str = ""


ASKED = Calling()


@dataclass(frozen=True, slots=True)
class Filled:
    """One data file, opened."""

    size: Size
    storage: Storage
    engine: Engine


Call = Callable[[Filled, int], Awaitable[object]]


async def create(file: Filled, turn: int) -> object:
    """A run on one of ten threads in turn."""
    body = {"assistant_id": "echo", "input": {"message": "hello"}}
    return await file.engine.runs.create(
        body, ASKED, thread_id=thread_id_of(turn % min(10, file.size.threads))
    )


async def create_stateless(file: Filled, turn: int) -> object:
    return await file.engine.runs.create({"assistant_id": "echo", "input": {}}, ASKED)


async def claim(file: Filled, turn: int) -> object:
    """The next run, for a worker; those made by the calls before are waiting in both files."""
    taken = await file.storage.write(lambda tx: transitions.claim(tx, "worker", 1, CLOCK))
    assert len(taken) == 1
    run, outcome = taken[0], transitions.Outcome("success", b"null", None)
    await file.storage.write(lambda tx: transitions.finish(tx, run, outcome, [], CLOCK))
    return taken


def search(**body: Any) -> Call:
    async def found(file: Filled, turn: int) -> object:
        page = await file.engine.threads.search({"limit": 10, **body}, ASKED)
        assert len(page.rows) == 10 or file.size is EMPTY
        return page

    return found


def count(**body: Any) -> Call:
    return lambda file, turn: file.engine.threads.count(body, ASKED)


async def runs_of_thread(file: Filled, turn: int) -> object:
    return await file.engine.runs.list(thread_id_of(3), ASKED, None, 10, 0)


async def history(file: Filled, turn: int) -> object:
    return await file.engine.threads.states.history(LONG, {"limit": 10}, ASKED)


CALLS: dict[str, Call] = {
    "create a run on a thread": create,
    "create a stateless run": create_stateless,
    "claim and finish a run": claim,
    "search by graph_id": search(metadata=GRAPH),
    "search by graph_id, created last": search(metadata=GRAPH, sort_by="created_at"),
    "search by a rare value": search(metadata=RARE),
    "search by the costliest value": search(metadata=COSTLY),
    "search by a common value": search(metadata=COMMON),
    "search by graph_id and a rare value": search(metadata={**GRAPH, **RARE}),
    "search without a filter": search(),
    "count by graph_id": count(metadata=GRAPH),
    "count by a rare value": count(metadata=RARE),
    "count by a common value": count(metadata=COMMON),
    "count of all threads": count(),
    "runs of a thread": runs_of_thread,
    "history of a thread, 10 states": history,
}


async def prepare(path: Path, graphs: GraphSet) -> None:
    """Make the file's template thread and the long one whose history is read."""
    storage = open_sqlite(path)
    steps = graphs.compiled("steps")
    assert steps is not None
    graph = steps.copy(update={"checkpointer": Saver(storage)})
    for thread_id, number in ((TEMPLATE, 1), (LONG, 20)):
        given, place = {"number": 0, "steps": number}, {"configurable": {"thread_id": thread_id}}
        await graph.ainvoke(given, place)
    storage.close()


def opened(path: Path, size: Size, graphs: GraphSet) -> Filled:
    """Fill a new file and open it with an engine that carries out no runs."""
    started_s = time.perf_counter()
    asyncio.run(prepare(path, graphs))
    fill(path, size, TEMPLATE)
    took_s = time.perf_counter() - started_s
    megabytes = path.stat().st_size / 2**20
    told = f"{size.runs:,} runs, {size.threads:,} threads"
    print(f"{told}: {megabytes:,.0f} MB, made in {took_s:.0f} s", flush=True)
    storage = open_sqlite(path)
    engine = Engine(storage=storage, graphs=graphs, settings=Settings(), run_worker=False)
    return Filled(size, storage, engine)


async def timed(file: Filled, call: Call, turns: range) -> float:
    """Return the median of the calls in ms."""
    taken_ms = []
    for turn in turns:
        started_s = time.perf_counter()
        await call(file, turn)
        taken_ms.append((time.perf_counter() - started_s) * 1000)
    return statistics.median(taken_ms)


async def in_turn(
    files: Sequence[Filled], measured: Mapping[str, Call], rounds: int, calls: int
) -> dict[str, list[list[float]]]:
    """Time every call on all files in turn; return, by its name, a value per file and round."""
    found: dict[str, list[list[float]]] = {name: [[] for _ in files] for name in measured}
    for number in range(rounds):
        for name, call in measured.items():
            for place, file in enumerate(files):
                turns = range(number * calls, (number + 1) * calls)
                found[name][place].append(await timed(file, call, turns))
    return found


async def measure(files: Sequence[Filled], rounds: int, calls: int) -> list[Comparison]:
    """Compare every call on a full file with the same on an empty one."""
    for file in files:
        await file.engine.start()
        body = {"metadata": {"graph_id": "steps"}, "thread_id": LONG, "if_exists": "do_nothing"}
        await file.engine.threads.create(body, ASKED)
    found = await in_turn(files, CALLS, rounds, calls)
    return [
        Comparison(name, "ms", full, empty, None if name in COSTLIEST else TARGET)
        for name, (full, empty) in found.items()
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=30)
    given = parser.parse_args()
    print(machine(), flush=True)
    graphs = load_graphs(load_project(PROJECT))
    with tempfile.TemporaryDirectory(prefix="graphstead-scale-") as made:
        sizes = {"full": Size(given.runs, given.threads), "empty": EMPTY}
        files = [opened(Path(made) / f"{name}.db", size, graphs) for name, size in sizes.items()]
        try:
            comparisons = asyncio.run(measure(files, given.rounds, given.calls))
        finally:
            for file in files:
                file.storage.close()
    print(table(comparisons))
    return exit_code(comparisons)


if __name__ == "__main__":
    sys.exit(main())
