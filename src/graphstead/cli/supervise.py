"""The processes of `graphstead serve`: run workers first, then the API, all kept running."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from graphstead.children import Keeper, first_of, stop_event
from graphstead.settings import Settings

__all__ = ["supervise"]

# What a process may take on top of its own time limit before it is killed.
MARGIN_S = 5.0


async def supervise(settings: Settings, config: Path, on_ready: Callable[[], None]) -> int:
    """Run everything until a signal; return 0, or the exit code of a part that never came up.

    The children read their settings from the environment, which the caller has prepared. The
    API starts when every worker has loaded its graphs, so that a broken graph binds no port.
    """
    stop = stop_event()
    workers = [_worker(number, settings, config) for number in range(settings.run_workers)]
    api = _api(settings, config)
    tasks = [asyncio.create_task(worker.run(stop)) for worker in workers]
    await first_of(_all_ready(workers), *map(_finished, tasks), stop.wait())
    if all(worker.ready.is_set() for worker in workers) and not stop.is_set():
        tasks.append(asyncio.create_task(api.run(stop)))
        await first_of(api.ready.wait(), *map(_finished, tasks), stop.wait())
        if api.ready.is_set():
            on_ready()
            await first_of(*map(_finished, tasks), stop.wait())
    stop.set()
    return max(await asyncio.gather(*tasks), default=0)


def _worker(number: int, settings: Settings, config: Path) -> Keeper:
    command = [sys.executable, "-m", "graphstead", "worker", "--config", str(config)]
    return Keeper(f"worker-{number}", command, grace_s=settings.shutdown_grace_s + MARGIN_S)


def _api(settings: Settings, config: Path) -> Keeper:
    command = [sys.executable, "-m", "graphstead.prefork", str(config)]
    return Keeper("api", command, grace_s=settings.drain_s + 2 * MARGIN_S)


async def _all_ready(keepers: list[Keeper]) -> None:
    for keeper in keepers:
        await keeper.ready.wait()


async def _finished(task: asyncio.Task[int]) -> None:
    """Wait for the task without cancelling it when the wait is cancelled."""
    await asyncio.wait([task])
