"""The scripts of `examples/clients` do what they say, against a real server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from servers import ROOT, Server

CLIENTS = ROOT / "examples" / "clients"
MODULES = ROOT / "tests" / "sdk" / "js" / "node_modules"
SPOKEN = ["You said: good morning", "You said: good night"]
ANSWERED = ["question: Send this?", "result: sent"]
PRINTS = {
    "python_sdk.py": [
        *SPOKEN,
        "messages on the thread: 4",
        "steps done: ['plan', 'work', 'review']",
        *ANSWERED,
    ],
    "js_sdk.mjs": [
        *SPOKEN,
        "messages on the thread: 4",
        "steps done: plan, work, review",
        *ANSWERED,
    ],
    "remote_graph.py": [
        "steps done: ['plan', 'work', 'review']",
        *ANSWERED,
        "as a node: ['plan', 'work', 'review']",
    ],
    "a2a_client.py": ["You said: good morning", *ANSWERED],
    "curl.sh": [
        '{"message":"hello","reply":"hello"}',
        "event: metadata",
        "event: updates",
        "Send this?",
        "sent",
        "1",
    ],
}


def prepared(name: str, folder: Path) -> list[str]:
    """Return the command of a script; Node looks for packages beside the script."""
    script = CLIENTS / name
    if script.suffix == ".py":
        return [sys.executable, "-W", "error", str(script)]
    if script.suffix == ".sh":
        return ["sh", str(script)]
    node = shutil.which("node")
    if node is None or not MODULES.is_dir():
        reason = "Node or the packages of tests/sdk/js are not installed"
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(reason)
        pytest.skip(reason)
    (folder / "node_modules").symlink_to(MODULES)
    return [node, str(shutil.copy(script, folder / name))]


@pytest.mark.parametrize("name", PRINTS)
def test_an_example_client_prints_what_it_is_for(server: Server, name: str, tmp_path: Path) -> None:
    command = [*prepared(name, tmp_path), server.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == PRINTS[name]
    assert done.stderr == ""


def test_the_table_of_example_clients_names_each_script() -> None:
    table = (CLIENTS / "README.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `([\w.]+)` \|", table, re.MULTILINE))
    assert listed == {path.name for path in CLIENTS.iterdir()} - {"README.md", "__pycache__"}
    assert PRINTS.keys() <= listed
