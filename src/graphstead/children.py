"""Child processes: start one, learn when it is ready, keep it running, stop it.

A child says that it is ready by one byte on a pipe, and goes down with its parent where the
system offers that (Linux).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Awaitable, Sequence
from typing import Any

from graphstead.logs import get_logger

__all__ = [
    "READY_FD",
    "STARTUP_FAULT",
    "Child",
    "Keeper",
    "announce_ready",
    "first_of",
    "follow_parent",
    "start_child",
    "stop_event",
]

READY_FD = "GRAPHSTEAD_READY_FD"
STARTUP_FAULT = 3
PR_SET_PDEATHSIG = 1
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0

log = get_logger("graphstead.children")


def announce_ready() -> None:
    """Tell the parent, if there is one that asks, that this process does its work now."""
    if fd := os.environ.pop(READY_FD, None):
        with contextlib.suppress(OSError):
            os.write(int(fd), b"1")
            os.close(int(fd))


def follow_parent() -> None:
    """Have the system end this process, as by SIGTERM, when its parent dies without a word."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def stop_event() -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


async def first_of(*awaitables: Awaitable[Any]) -> None:
    """Wait until one of them is done; the others are cancelled."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Child:
    """One running process and the pipe on which it says that it is ready."""

    def __init__(self, process: asyncio.subprocess.Process, ready_fd: int) -> None:
        self._process = process
        self._ready_fd = ready_fd

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait(self) -> int:
        """Return the exit code once the process has ended."""
        return await self._process.wait()

    async def wait_ready(self) -> bool:
        """Return True when the child is ready, False when it ended before."""
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self._ready_fd, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self._ready_fd)
        return os.read(self._ready_fd, 1) == b"1"

    async def stop(self, grace_s: float) -> int:
        """End the process by SIGTERM, after `grace_s` by SIGKILL; return its exit code."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            return await asyncio.wait_for(self._process.wait(), grace_s)
        except TimeoutError:
            self._process.kill()
            return await self._process.wait()

    def close(self) -> None:
        os.close(self._ready_fd)


async def start_child(command: Sequence[str], *, own_session: bool = False) -> Child:
    """Start the command; in a session of its own, Ctrl-C reaches the parent alone."""
    ready, ready_child = os.pipe()
    environment = {**os.environ, READY_FD: str(ready_child)}
    try:
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, pass_fds=[ready_child], start_new_session=own_session
        )
    except OSError:
        os.close(ready)
        raise
    finally:
        os.close(ready_child)
    return Child(process, ready)


class Keeper:
    """Keep one command running until `stop` is set; a child that dies is started again.

    A child that ends before it was ever ready is not: its exit code is the result.
    """

    def __init__(self, name: str, command: Sequence[str], *, grace_s: float) -> None:
        self.name = name
        self.ready = asyncio.Event()
        self._command = command
        self._grace_s = grace_s

    async def run(self, stop: asyncio.Event) -> int:
        """Return 0 after a stop, else the exit code of the child that never came up."""
        pause_s = FIRST_PAUSE_S
        while not stop.is_set():
            code = await self._run_once(stop)
            if stop.is_set():
                break
            if not self.ready.is_set():
                return code or 1
            log.error("process ended, starting it again", process=self.name, exit_code=code)
            await first_of(stop.wait(), asyncio.sleep(pause_s))
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        return 0

    async def _run_once(self, stop: asyncio.Event) -> int:
        child = await start_child(self._command, own_session=True)
        try:
            await first_of(self._note_ready(child), stop.wait())
            await first_of(child.wait(), stop.wait())
            return await child.stop(self._grace_s)
        finally:
            child.close()

    async def _note_ready(self, child: Child) -> None:
        if await child.wait_ready():
            self.ready.set()
