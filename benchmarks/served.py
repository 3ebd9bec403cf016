"""Server processes under test: start, wait for an answer, weigh, stop."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil

from benchmarks.client import Address

__all__ = ["Kind", "Served", "graphstead", "reference", "served"]

PROJECT = Path(__file__).parent / "project"
START_S = 120.0
QUIET = {"LANGSMITH_TRACING": "false", "LANGGRAPH_CLI_NO_ANALYTICS": "1"}


@dataclass(frozen=True, slots=True)
class Kind:
    """A server by name and command; `{port}`, `{jobs}`, `{folder}` are filled in at its start."""

    name: str
    command: Sequence[str]


def graphstead(command: str | None = None) -> Kind:
    """Return this server, by default `graphstead dev` of this environment, with data on disk."""
    words = shlex.split(command) if command else [sys.executable, "-m", "graphstead", "dev"]
    words += ["--port", "{port}", "--n-jobs-per-worker", "{jobs}", "--data", "{folder}/data"]
    return Kind(
        "graphstead", [*words, *(["--no-browser", "--no-reload"] if "dev" in words else [])]
    )


def reference(command: str) -> Kind:
    """Return the reference's development server, which keeps everything in memory."""
    words = [*shlex.split(command), "--port", "{port}", "--n-jobs-per-worker", "{jobs}"]
    return Kind("reference", [*words, "--no-browser", "--no-reload"])


class Served:
    """A running server and its process tree."""

    def __init__(self, process: subprocess.Popen[bytes], address: Address, start_s: float) -> None:
        self.address = address
        self.start_s = start_s
        self._root = psutil.Process(process.pid)

    def tree(self) -> list[psutil.Process]:
        """Return the process and all its children."""
        return [self._root, *self._root.children(recursive=True)]

    def memory_mb(self) -> float:
        """Return the proportional set size of the tree: pages shared inside count once."""
        return sum(map(_memory_bytes, self.tree())) / 2**20

    def cpu_s(self) -> float:
        """Return the processor time that the tree has used."""
        times = [process.cpu_times() for process in self.tree()]
        return float(sum(time.user + time.system for time in times))


def _memory_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except AttributeError:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


@contextmanager
def served(
    kind: Kind,
    *,
    jobs: int = 10,
    project: Path | None = PROJECT,
    env: Mapping[str, str] | None = None,
) -> Iterator[Served]:
    """Start a server in a fresh copy of the project; stop it and remove everything at the end.

    Raises RuntimeError, with the last lines of its log, for a server that does not come up.
    """
    with tempfile.TemporaryDirectory(prefix="graphstead-benchmark-") as made:
        folder = Path(made)
        if project is not None:
            shutil.copytree(project, folder, dirs_exist_ok=True)
        port = _free_port()
        log = folder / "server.log"
        command = [
            word.format(port=port, jobs=jobs, folder=folder, python=sys.executable)
            for word in kind.command
        ]
        with log.open("wb") as out:
            process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **QUIET, **(env or {})},
                start_new_session=True,
            )
        try:
            start_s = _wait_ok(process, port, log)
            yield Served(process, Address(port), start_s)
        finally:
            _stop(process)


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def _wait_ok(process: subprocess.Popen[bytes], port: int, log: Path) -> float:
    started_s = time.perf_counter()
    while time.perf_counter() - started_s < START_S:
        if process.poll() is not None:
            break
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/ok")
            if connection.getresponse().status == 200:
                return time.perf_counter() - started_s
        except (OSError, HTTPException):
            time.sleep(0.01)
        finally:
            connection.close()
    raise RuntimeError(f"no answer from port {port}:\n{log.read_text(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the whole session of the server, politely first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(10)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
    process.wait(10)
