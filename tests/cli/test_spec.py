"""`graphstead spec show` prints the contract, of the whole server or of one assistant."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from servers import EXAMPLES, Server

from graphstead.contract.load import packaged


def show(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "graphstead", "spec", "show", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_it_is_the_contract_of_this_version() -> None:
    assert json.loads(show().stdout) == packaged()


def test_of_an_assistant_it_is_what_a_server_answers(server: Server) -> None:
    shown: Any = json.loads(show("--assistant", "steps", "--config", str(EXAMPLES)).stdout)
    assert shown == server.get("/assistants/steps/openapi.json").json()


def test_an_unknown_graph_is_named_with_those_there_are() -> None:
    done = show("--assistant", "nope", "--config", str(EXAMPLES))
    assert done.returncode == 3
    assert "Graph 'nope' not found" in done.stderr
    assert "'steps'" in done.stderr
