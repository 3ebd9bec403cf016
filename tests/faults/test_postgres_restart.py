"""Postgres crashes and comes back under load: nothing acknowledged is lost or made twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from faults.conftest import PROJECT
from faults.crowd import STEPS, Crowd
from servers import Server, free_port, until_true

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
RESTARTS = 2


class OwnPostgres:
    """A Postgres server of the test's own, so that crashing it harms no one."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.uri = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self._folder = folder
        self._data = folder / "db"
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")
        self._run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        self.start()

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off"
        options += f" -c unix_socket_directories={self._folder}"
        self._run("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def crash(self) -> None:
        """End it as a power cut would: it has to replay its log."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def _run(self, name: str, *args: str) -> None:
        command = [binary(name), "-D", str(self._data), *args]
        if os.getuid() == 0:
            command = [
                "setpriv",
                "--reuid=postgres",
                "--regid=postgres",
                "--clear-groups",
                *command,
            ]
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", check=False
        )
        assert done.returncode == 0, done.stderr.decode()


def binary(name: str) -> str:
    found = shutil.which(name)
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    assert found or installed, f"{name} of PostgreSQL is needed for this test"
    return found or str(installed[-1])


@pytest.fixture
def postgres() -> Iterator[OwnPostgres]:
    # Not below pytest's folder, where the server's user may not go.
    with tempfile.TemporaryDirectory() as folder:
        own = OwnPostgres(Path(folder))
        yield own
        own.crash()


@contextmanager
def load(servers: list[Server], body: Any, acked: set[str], refused: list[int]) -> Iterator[None]:
    """Create runs as fast as they are acknowledged."""
    stop = threading.Event()

    def create(server: Server) -> None:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            while not stop.is_set():
                answer = client.post("/runs", json=body)
                if answer.is_success:
                    acked.add(answer.json()["run_id"])
                else:
                    refused.append(answer.status_code)
                time.sleep(0.05)

    threads = [threading.Thread(target=create, args=(server,)) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_crash_of_the_database_loses_nothing_and_repeats_nothing(
    postgres: OwnPostgres, tmp_path: Path
) -> None:
    env = {"GRAPHSTEAD_DATABASE_URI": postgres.uri}
    servers = [Server(tmp_path / f"d{n}", config=PROJECT, env=env).start() for n in range(2)]
    crowd = Crowd(servers[0].url, tmp_path / "marks")
    acked: set[str] = set()
    refused: list[int] = []
    with load(servers, crowd.body(on_completion="keep"), acked, refused):
        for _ in range(RESTARTS):
            known = len(acked)
            until_true(lambda known=known: len(acked) > known + 10, 30)  # type: ignore[misc]
            postgres.crash()
            postgres.start()
    assert refused == []

    def statuses() -> Counter[str]:
        with psycopg.connect(postgres.uri) as connection:
            rows = connection.execute("select run_id, status from runs").fetchall()
        assert {run_id for run_id, _ in rows} == acked, "lost, or made twice"
        return Counter(status for _, status in rows)

    until_true(lambda: set(statuses()) == {"success"}, 60)
    marks = [line.split() for line in (tmp_path / "marks").read_text().splitlines()]
    ended = {(run_id, int(step)) for run_id, step, edge, _ in marks if edge == "end"}
    assert ended >= {(run_id, step) for run_id in acked for step in range(1, STEPS + 1)}
    for server in servers:
        assert server.stop() == 0, server.log
