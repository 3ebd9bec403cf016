"""A process beside the test's own that uses the same database: `actor.py ROLE DATABASE [ARG]`."""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path
from uuid import uuid4

from graphstead.storage.base import Storage
from graphstead.storage.errors import StorageUnavailable
from graphstead.storage.rows import Bell, RunRow
from graphstead.storage.sqlite import open_sqlite

THEN = "2026-01-01T00:00:00.000000+00:00"


def say(line: str) -> None:
    print(line, flush=True)


async def store_run(storage: Storage, size: int = 500) -> str:
    run_id = str(uuid4())
    kwargs = {"input": "x" * size}
    row = RunRow(run_id, run_id, "a", "pending", {}, kwargs, "enqueue", THEN, THEN, 0)
    await storage.write(lambda tx: tx.runs.insert(row))
    return run_id


async def write(storage: Storage, number: str = "1000000") -> None:
    """Store runs, eight at a time, and say the id of each as soon as it is acknowledged."""

    async def one_after_another() -> None:
        for _ in range(int(number) // 8):
            say(await store_run(storage))

    await asyncio.gather(*(one_after_another() for _ in range(8)))


async def ring(storage: Storage) -> None:
    """Ring for each line that comes in."""
    say("ready")
    for line in sys.stdin:
        key = line.strip()
        await storage.write(lambda tx, key=key: tx.ring("events", key))  # type: ignore[misc]


async def hear(storage: Storage) -> None:
    """Say how each of three waits ended."""
    listener = storage.doorbells.listen(Bell("ready"))
    say("listening")
    for _ in range(3):
        say("heard" if await listener.wait(60) else "silence")


async def hold(storage: Storage, worker_id: str) -> None:
    """Hold a worker's lock until a line comes in."""
    storage.hold(worker_id)
    say("held")
    sys.stdin.readline()


async def outgrow(storage: Storage) -> None:
    """Meet a device that takes no more bytes, then one that does; say what became of each run."""
    say(f"stored {await store_run(storage)}")
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    for _ in range(3):
        try:
            say(f"stored {await store_run(storage, 300_000)}")
        except StorageUnavailable as fault:
            say(f"refused {type(fault).__name__}")
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    say(f"stored {await store_run(storage, 300_000)}")


def main(role: str, database: str, *args: str) -> None:
    storage = open_sqlite(Path(database))
    asyncio.run(globals()[role](storage, *args))
    storage.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
