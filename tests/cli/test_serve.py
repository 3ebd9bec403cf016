"""`graphstead serve`: gunicorn, run workers, and what happens when one of them dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import httpx
import psutil
import pytest
from ports import free_port
from servers import EXAMPLES, Server, broken_off, until_true

MakeServer = Callable[..., Server]
ECHO = {"assistant_id": "echo", "input": {"message": "hi"}}


def parts(server: Server, word: str) -> list[psutil.Process]:
    children = psutil.Process(server.running.pid).children(recursive=True)
    return [child for child in children if word in " ".join(child.cmdline())]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("serve")
    # Were they not told to, streams would end after the time that requests get.
    brief = {"GRAPHSTEAD_SHUTDOWN_GRACE_S": "1", "GRAPHSTEAD_DRAIN_S": "30"}
    server = Server(folder / "data", command="serve", args=["--api-workers", "2"], env=brief)
    yield server.start()
    server.kill()


def test_runs_go_from_the_api_to_a_worker_and_back(served: Server) -> None:
    assert served.post("/runs/wait", ECHO).json()["reply"] == "hi"
    assert len(parts(served, "graphstead worker")) == 1
    # One of the two answers before the other is there.
    until_true(lambda: len(parts(served, "graphstead.prefork")) == 3)


def test_an_idle_connection_outlives_what_proxies_keep(served: Server) -> None:
    """Gunicorn alone gives it two seconds: a POST that a proxy sends just then is lost."""
    with closing(HTTPConnection("127.0.0.1", served.port, timeout=60)) as connection:
        connection.connect()
        plug = connection.sock
        for pause_s in (2.5, 0):
            connection.request("GET", "/ok")
            assert connection.getresponse().read().startswith(b'{"ok":true')
            time.sleep(pause_s)
        assert connection.sock is plug


def test_a_stream_crosses_processes(served: Server) -> None:
    body = {"assistant_id": "steps", "input": {"topic": "tea"}, "stream_mode": "updates"}
    text = served.post("/runs/stream", body).text
    assert text.count("event: updates") == 3


def test_a_dead_worker_is_replaced_and_its_run_goes_on(served: Server) -> None:
    body = {"assistant_id": "slow", "input": {"steps": 20, "sleep_s": 0.2}}
    thread_id = served.post("/threads", {}).json()["thread_id"]
    run = served.post(f"/threads/{thread_id}/runs", body).json()
    path = f"/threads/{thread_id}/runs/{run['run_id']}"
    until_true(lambda: served.get(path).json()["status"] == "running")
    (worker,) = parts(served, "graphstead worker")
    worker.kill()
    assert served.get(f"{path}/join", timeout=60).json()["count"] == 20
    assert served.get(path).json()["status"] == "success"
    until_true(lambda: "starting it again" in served.log)


def has_ended(process: psutil.Process) -> bool:
    """Tell whether it is gone, or but a name that whoever took it over has yet to cross out."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_stop_breaks_streams_off_behind_whole_events_and_ends_all(served: Server) -> None:
    body = {
        "assistant_id": "slow",
        "input": {"steps": 600, "sleep_s": 0.1},
        "stream_mode": "custom",
    }
    family = psutil.Process(served.running.pid).children(recursive=True)
    with httpx.stream("POST", f"{served.url}/runs/stream", json=body, timeout=60) as stream:
        heard = broken_off(stream, served)
    assert heard.endswith("\r\n\r\n")
    assert served.stop() == 0, served.log
    assert "without completing" not in served.log, "no fault that operators should look into"
    until_true(lambda: all(map(has_ended, family)))


def test_a_broken_graph_stops_the_start_and_binds_no_port(tmp_path: Path) -> None:
    graphs = {"dependencies": ["."], "graphs": {"two": "./broken.py:graph"}}
    (tmp_path / "langgraph.json").write_text(json.dumps(graphs))
    (tmp_path / "broken.py").write_text("graph = 1 / 0\n")
    command = [sys.executable, "-m", "graphstead", "serve", "--port", str(free_port())]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert "broken.py" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends orphans")
def test_no_process_outlives_a_killed_supervisor(make_server: MakeServer) -> None:
    server = make_server(command="serve")
    family = psutil.Process(server.running.pid).children(recursive=True)
    assert len(family) >= 3
    os.kill(server.running.pid, signal.SIGKILL)
    server.running.wait(60)
    until_true(lambda: all(map(has_ended, family)))


def test_check_says_what_a_start_would_say(tmp_path: Path) -> None:
    check = [sys.executable, "-m", "graphstead", "check"]
    good = subprocess.run(
        [*check, "--config", str(EXAMPLES)], capture_output=True, text=True, timeout=60
    )
    assert good.returncode == 0
    assert "9 graphs load" in good.stdout
    bad = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert bad.returncode == 3
    assert "langgraph.json" in bad.stderr


def test_routes_lists_every_operation_with_its_support() -> None:
    command = [sys.executable, "-m", "graphstead", "routes", "--json"]
    rows = json.loads(subprocess.check_output(command, text=True, timeout=60))
    assert {row["support"] for row in rows} <= {"full", "planned"}
    batch = {
        "method": "POST",
        "path": "/runs/batch",
        "operation": "run_batch_stateless_runs_post",
        "support": "full",
    }
    assert batch in rows
