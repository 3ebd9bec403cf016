"""How fast runs are made, claimed and ended on each database, side by side in one run.

    python benchmarks/databases.py [--runs 3000] [--seconds 5]

Takes the server of GRAPHSTEAD_TEST_POSTGRES (postgresql://postgres@127.0.0.1:5432/postgres), in a
schema of its own. `create` is one transaction each, twenty at a time; `claim to finish` is one
worker process that does nothing with its runs; `start delay` is from the commit of a run, made by
one process at the pace asked for, to its claim in another. The third row is Postgres where
procrastinate delivers due runs instead of bells.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psycopg

from graphstead.contract.auth import ANONYMOUS
from graphstead.engine import transitions
from graphstead.engine.clock import SystemClock, system_assistant_id, wire_time
from graphstead.engine.drafts import Draft
from graphstead.engine.transitions import Outcome, ThreadOutcome
from graphstead.storage.base import Storage, Tx
from graphstead.storage.postgres import open_postgres
from graphstead.storage.rows import AssistantRow, Bell, RunRow
from graphstead.storage.sqlite import open_sqlite

SERVER = os.environ.get("GRAPHSTEAD_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
CLOCK = SystemClock()
GOOD = Outcome("success", b"{}", ThreadOutcome("idle", {}, None, {}))
AT_ONCE = 20
PER_CLAIM = 10
INPUT = {"text": "x" * 1000}


def opened(uri: str) -> Storage:
    kind, _, address = uri.partition("+")
    if address:
        procrastinate = kind == "procrastinate"
        return open_postgres(address, writers=7, readers=7, procrastinate=procrastinate)
    return open_sqlite(Path(uri))


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    schemas = {kind: f"bench_{uuid4().hex[:8]}" for kind in ("postgres", "procrastinate")}
    mark = "&" if "?" in SERVER else "?"
    with (
        tempfile.TemporaryDirectory() as folder,
        psycopg.connect(SERVER, autocommit=True) as server,
    ):
        for schema in schemas.values():
            server.execute(f"create schema {schema}")
        try:
            yield {"sqlite": str(Path(folder) / "bench.sqlite3")} | {
                kind: f"{kind}+{SERVER}{mark}options={quote(f'-csearch_path={schema}')}"
                for kind, schema in schemas.items()
            }
        finally:
            for schema in schemas.values():
                server.execute(f"drop schema {schema} cascade")


def seed(tx: Tx) -> None:
    now, assistant_id = wire_time(), system_assistant_id("echo")
    tx.assistants.insert(AssistantRow(assistant_id, "echo", "e", None, {}, {}, {}, 1, now, now))


def draft() -> Draft:
    return Draft(
        run_id=CLOCK.new_id(),
        thread_id=CLOCK.new_id(),
        assistant_id=system_assistant_id("echo"),
        body={"input": INPUT, "if_not_exists": "create"},
        caller=ANONYMOUS,
        request_id="r",
        requested_ms=CLOCK.now_ms(),
    )


async def create(storage: Storage) -> RunRow:
    one = draft()
    return await storage.write(lambda tx: transitions.create(tx, one, CLOCK))


async def create_many(storage: Storage, number: int) -> float:
    """Return how many runs were made per second."""

    async def some() -> None:
        for _ in range(number // AT_ONCE):
            await create(storage)

    began = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return number / (time.perf_counter() - began)


async def finish(storage: Storage, run: RunRow) -> None:
    await storage.write(lambda tx: transitions.finish(tx, run, GOOD, [], CLOCK))


async def work_off(storage: Storage, number: int) -> float:
    """Return how many runs were claimed and ended per second."""
    began, done = time.perf_counter(), 0

    while done < number:
        runs = await storage.write(lambda tx: transitions.claim(tx, "w", PER_CLAIM, CLOCK))
        await asyncio.gather(*(finish(storage, run) for run in runs))
        done += len(runs)
    return number / (time.perf_counter() - began)


def throughput(uri: str, number: int) -> tuple[float, float]:
    storage = opened(uri)
    storage.write_blocking(seed)
    made = asyncio.run(create_many(storage, number))
    worked = asyncio.run(work_off(storage, number))
    storage.close()
    return made, worked


def consumer(uri: str, number: int, told: multiprocessing.Queue[list[float]]) -> None:
    """Claim and end runs as bells ring; tell how long after its creation each was claimed."""

    async def consume(storage: Storage) -> list[float]:
        delays: list[float] = []
        ending: list[asyncio.Task[None]] = []
        listener = storage.doorbells.listen(Bell("ready"))
        while len(delays) < number:
            runs = await storage.write(lambda tx: transitions.claim(tx, "w", PER_CLAIM, CLOCK))
            delays += [1000 * (time.time() - run.kwargs["input"]["at_s"]) for run in runs]
            for run in runs:
                await storage.write(
                    lambda tx, run=run: transitions.finish(tx, run, GOOD, [], CLOCK)
                )
            if not runs:
                await listener.wait(1.0)
        await asyncio.gather(*ending)
        return delays

    storage = opened(uri)
    storage.hold("w")
    told.put([])
    told.put(asyncio.run(consume(storage)))
    storage.close()


async def paced(storage: Storage, per_s: int, number: int) -> None:
    began, tasks = time.perf_counter(), []
    for n in range(number):
        await asyncio.sleep(max(0.0, began + n / per_s - time.perf_counter()))
        INPUT["at_s"] = time.time()  # type: ignore[assignment]
        tasks.append(asyncio.create_task(create(storage)))
    await asyncio.gather(*tasks)


def start_delays(uri: str, per_s: int, seconds: float) -> tuple[float, float]:
    """Return the median and the 99th percentile in milliseconds."""
    number = int(per_s * seconds)
    told: multiprocessing.Queue[list[float]] = multiprocessing.Queue()
    other = multiprocessing.Process(target=consumer, args=(uri, number, told))
    other.start()
    told.get(timeout=60)
    storage = opened(uri)
    asyncio.run(paced(storage, per_s, number))
    delays = told.get(timeout=120)
    other.join()
    storage.close()
    return statistics.median(delays), statistics.quantiles(delays, n=100)[98]


def in_a_process(work: Callable[..., tuple[float, float]], *args: object) -> tuple[float, float]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, args)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3000)
    parser.add_argument("--seconds", type=float, default=5.0)
    asked = parser.parse_args()
    print("database       create/s  claim->finish/s  start delay ms at 20/s, 200/s: p50/p99")
    with databases() as found:
        for round_number in range(2):
            for name, uri in found.items():
                here = f"{uri}.{round_number}" if name == "sqlite" else uri
                made, worked = in_a_process(throughput, here, asked.runs)
                slow = start_delays(here, 20, asked.seconds)
                fast = start_delays(here, 200, asked.seconds)
                delays = "  ".join(f"{p50:6.1f}/{p99:.1f}" for p50, p99 in (slow, fast))
                print(f"{name:14} {made:8.0f}  {worked:15.0f}  {delays}", flush=True)


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    main()
