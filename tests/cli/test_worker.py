"""`graphstead worker --port`: what a worker tells of itself, and that it is still a worker."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from ports import free_port
from processes import Process
from servers import EXAMPLES, Server, until_true

ECHO = {"assistant_id": "echo", "input": {"message": "hi"}}


class Worker(Process):
    """A worker process with a port."""

    def __init__(self, data_dir: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        line = [sys.executable, "-m", "graphstead", "worker", "--config", str(EXAMPLES)]
        line += ["--data", str(data_dir), "--port", str(port)]
        super().__init__(line, {}, data_dir.with_name(f"worker-{port}.log"))

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=60)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("worker")
    server = Server(folder / "data", command="serve", args=["--run-workers", "0"])
    yield server.start()
    server.kill()


@pytest.fixture(scope="module")
def worker(api: Server) -> Iterator[Worker]:
    one = Worker(api.data_dir, free_port())
    one.launch()
    one.wait_until_answers(f"{one.url}/ok?check_db=1")
    yield one
    one.kill()


def test_it_carries_runs_and_tells_their_figures(api: Server, worker: Worker) -> None:
    assert api.post("/runs/wait", ECHO).json()["reply"] == "hi"
    ended = 'graphstead_runs_ended_total{graph_id="echo",status="success"}'
    # It counts behind the answer.
    until_true(lambda: ended in worker.get("/metrics").text)
    assert worker.get("/metrics?format=json").json()["workers"]["max"] == 10
    assert worker.get("/info").json()["langgraph_py_version"]


@pytest.mark.parametrize("path", ["/assistants/echo", "/threads/search", "/store/items", "/runs"])
def test_it_serves_nothing_else(path: str, worker: Worker) -> None:
    answer = worker.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_its_document_names_what_it_serves(worker: Worker) -> None:
    paths = set(worker.get("/openapi.json").json()["paths"])
    assert paths == {"/", "/ok", "/info", "/metrics", "/docs", "/openapi.json"}


def test_a_stop_lets_its_run_end_first(api: Server) -> None:
    body = {"assistant_id": "slow", "input": {"steps": 4, "sleep_s": 0.3}}
    thread_id = api.post("/threads", {}).json()["thread_id"]
    second = Worker(api.data_dir, free_port())
    second.launch()
    second.wait_until_answers(f"{second.url}/ok")
    path = f"/threads/{thread_id}/runs"
    runs = [api.post(path, body).json()["run_id"] for _ in range(3)]
    until_true(lambda: api.get(f"{path}/{runs[0]}").json()["status"] == "running")
    assert second.stop() == 0
    for run_id in runs:
        assert api.get(f"{path}/{run_id}/join").json()["count"] == 4
        assert api.get(f"{path}/{run_id}").json()["attempt"] == 1


def test_a_port_that_is_taken_is_told_before_anything_begins(api: Server) -> None:
    line = [sys.executable, "-m", "graphstead", "worker", "--config", str(EXAMPLES)]
    line += ["--data", str(api.data_dir), "--port", str(api.port)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert f"Port {api.port} is taken" in done.stderr


def test_workers_that_serve_starts_take_no_port(tmp_path: Path) -> None:
    env = {"GRAPHSTEAD_WORKER_PORT": str(free_port())}
    server = Server(tmp_path / "data", command="serve", args=["--run-workers", "2"], env=env)
    try:
        server.start()
        assert server.post("/runs/wait", ECHO).json()["reply"] == "hi"
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{env['GRAPHSTEAD_WORKER_PORT']}/ok", timeout=10)
        assert "taken" not in server.log
    finally:
        server.kill()
