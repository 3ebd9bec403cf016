"""`graphstead webhooks` tells what was given up, and has it sent again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from receivers import receiving
from servers import EXAMPLES, Server, until_true

LOOPBACK = {"url": {"disable_loopback": False, "require_https": False}}


def project(folder: Path) -> Path:
    """Write a project whose webhooks may go to this machine."""
    folder.mkdir()
    graph = EXAMPLES.parent / "graphs" / "echo.py"
    config = {"dependencies": ["."], "graphs": {"echo": f"{graph}:graph"}, "webhooks": LOOPBACK}
    path = folder / "langgraph.json"
    path.write_text(json.dumps(config))
    return path


def webhooks(server: Server, config: Path, *more: str) -> str:
    command = [sys.executable, "-m", "graphstead", "webhooks", "--config", str(config)]
    command += ["--data", str(server.data_dir), *more]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_call_that_was_given_up_is_listed_and_sent_again(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    config = project(tmp_path / "project")
    server = make_server(config=config)
    with receiving() as receiver:
        receiver.answers = [(410, ""), (200, "")]
        hook = f"{receiver.url}/hook?token=s3cret"
        body = {"assistant_id": "echo", "input": {"message": "hi"}, "webhook": hook}
        assert "given up" in webhooks(server, config)
        run_id = server.post("/runs", body).json()["run_id"]
        until_true(lambda: bool(webhooks(server, config, "--json")))
        told = json.loads(webhooks(server, config, "--json"))
        assert (told["run_id"], told["attempts"]) == (run_id, 1)
        assert told["error"] == "the receiver answered 410"
        assert "s3cret" not in webhooks(server, config)
        assert webhooks(server, config, "--resend", run_id) == "1 made due again.\n"
        until_true(lambda: len(receiver.calls) == 2)
        until_true(lambda: webhooks(server, config, "--json") == "")
