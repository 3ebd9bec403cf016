"""API processes and workers of one database, each of them started, stopped and killed by itself."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from faults.places import Place
from ports import free_port
from processes import START_S, Process

PROJECT = Path(__file__).parent / "project" / "langgraph.json"


class Part(Process):
    """One process of a fleet; it lives from the beginning."""

    def __init__(self, command: list[str], env: Mapping[str, str], log_path: Path) -> None:
        super().__init__(command, env, log_path)
        self.start()

    def start(self) -> None:
        self.launch()


class Api(Part):
    """A gunicorn master and its API process; `url` is where it listens."""

    def __init__(self, port: int, env: Mapping[str, str], log_path: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "graphstead.prefork", str(PROJECT)]
        super().__init__(command, {**env, "GRAPHSTEAD_PORT": str(port)}, log_path)

    def wait_ok(self) -> Api:
        self.wait_until_answers(f"{self.url}/ok")
        return self


class Fleet:
    """The processes of one database. Whatever is asked for is started where it does not live."""

    def __init__(self, folder: Path, place: Place, **env: str) -> None:
        self.folder = folder
        self.place = place
        brief = {"GRAPHSTEAD_RESPONSE_VALIDATION": "strict", "GRAPHSTEAD_SHUTDOWN_GRACE_S": "3"}
        brief |= {"GRAPHSTEAD_LOG_JSON": "true", "PYTHONFAULTHANDLER": "1"}
        data = {"GRAPHSTEAD_DATA_DIR": str(folder / "data")}
        self.env = {**brief, **data, **place.env, **env}
        self.apis: list[Api] = []
        self.workers: list[Part] = []
        (folder / "data").mkdir(exist_ok=True, parents=True)

    @property
    def parts(self) -> list[Part]:
        return [*self.apis, *self.workers]

    def api(self, number: int = 0) -> Api:
        """Return the API process of that number, once it answers."""
        while len(self.apis) <= number:
            log = self.folder / f"api-{len(self.apis)}.log"
            self.apis.append(Api(free_port(), self.env, log).wait_ok())
        found = self.apis[number]
        if not found.lives:
            found.start()
            found.wait_ok()
        return found

    def worker(self, number: int = 0) -> Part:
        """Return the worker of that number, once the database knows it."""
        while len(self.workers) <= number:
            command = [sys.executable, "-m", "graphstead", "worker", "--config", str(PROJECT)]
            log = self.folder / f"worker-{len(self.workers)}.log"
            self.workers.append(Part(command, self.env, log))
        found = self.workers[number]
        if not found.lives:
            found.start()
        self.wait_for("select 1 from workers where pid = ?", [found.pid])
        return found

    def by_pid(self, pid: int) -> Part:
        """Return the worker that has this process id."""
        return next(worker for worker in self.workers if worker.pid == pid)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.place.rows(sql, values)

    def wait_for(self, sql: str, values: Any = (), timeout_s: float = START_S) -> None:
        """Wait until the query finds something."""
        until_s = time.monotonic() + timeout_s
        while not self.place.rows(sql, values):
            assert time.monotonic() < until_s, f"not within {timeout_s} s: {sql} {values}"
            time.sleep(0.05)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> Any:
        """Return what a request that has to succeed is answered with."""
        answer = httpx.post(self.api().url + path, json=body, **{"timeout": 60, **kwargs})
        assert answer.is_success, answer.text
        return answer.json()

    def get(self, path: str, **kwargs: Any) -> Any:
        answer = httpx.get(self.api().url + path, **{"timeout": 60, **kwargs})
        assert answer.is_success, answer.text
        return answer.json()

    def close(self) -> None:
        """Kill what still lives."""
        for part in self.parts:
            part.thaw()
            part.kill()
