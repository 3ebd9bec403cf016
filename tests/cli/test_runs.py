"""`graphstead runs` tells what waits and why, while the server runs."""

from __future__ import annotations

import json
import subprocess
import sys

from servers import EXAMPLES, Server


def runs(server: Server, *more: str) -> str:
    command = [sys.executable, "-m", "graphstead", "runs", "--config", str(EXAMPLES)]
    command += ["--data", str(server.data_dir), *more]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_waiting_runs_are_listed_with_their_reason(make_server) -> None:  # type: ignore[no-untyped-def]
    server: Server = make_server()
    assert runs(server) == "Nothing runs and nothing waits.\n"
    delayed = {"assistant_id": "echo", "input": {"message": "later"}, "after_seconds": 600}
    run = server.post("/runs", delayed).json()
    header, line = runs(server).splitlines()
    assert header.split() == ["run_id", "thread_id", "status", "attempt", "worker", "why"]
    assert line.split()[:3] == [run["run_id"], run["thread_id"], "pending"]
    assert "delayed" in line
    assert json.loads(runs(server, "--json"))["waiting"]["reason"] == "delayed"
