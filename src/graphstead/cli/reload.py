"""Restart a child process whenever a file of the project changes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import watchfiles

from graphstead.children import first_of, start_child, stop_event

__all__ = ["run_with_reload"]

STOP_S = 15.0
WATCHED = (".py", ".json", ".yaml", ".yml", ".toml")
IGNORED_FOLDERS = (".graphstead", ".langgraph_api", "build", "dist")


class SourceFilter(watchfiles.DefaultFilter):
    """Watch what can change how a graph behaves: code, configuration, environment."""

    ignore_dirs = (*watchfiles.DefaultFilter.ignore_dirs, *IGNORED_FOLDERS)

    def __call__(self, change: watchfiles.Change, path: str) -> bool:
        name = Path(path).name
        watched = name.endswith(WATCHED) or name.startswith(".env")
        return watched and super().__call__(change, path)


async def run_with_reload(command: Callable[[int], list[str]], folders: Sequence[Path]) -> int:
    """Run `command(number of the start)`, anew after each change, until a signal.

       Return the exit code.
    A child that ends by itself before any change ends us too; later ones wait for the next
       change, as a half-written file is no reason to give up.
    """
    stop, changed = stop_event(), asyncio.Event()
    watcher = asyncio.create_task(_watch(folders, changed, stop))
    starts = itertools.count()
    try:
        code = await _run_once(command(next(starts)), changed, stop)
        while changed.is_set() and not stop.is_set():
            click.echo("Files changed; restarting.", err=True)
            changed.clear()
            if code := await _run_once(command(next(starts)), changed, stop):
                click.echo("The server stopped; it starts again at the next change.", err=True)
            await first_of(changed.wait(), stop.wait())
        return 0 if stop.is_set() else code
    finally:
        stop.set()
        await watcher


async def _run_once(command: Sequence[str], changed: asyncio.Event, stop: asyncio.Event) -> int:
    """Run the command until it ends, a file changes or a signal comes; return its exit code."""
    child = await start_child(command)
    try:
        await first_of(child.wait(), changed.wait(), stop.wait())
        return await child.stop(STOP_S)
    finally:
        child.close()


async def _watch(folders: Sequence[Path], changed: asyncio.Event, stop: asyncio.Event) -> None:
    async for _ in watchfiles.awatch(*folders, watch_filter=SourceFilter(), stop_event=stop):
        changed.set()
