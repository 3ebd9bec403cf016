"""What a command imports before it does anything: LangGraph takes a second, so few may."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from servers import EXAMPLES

RUN = """
import sys
from graphstead.cli.root import main
try:
    main(sys.argv[1:], standalone_mode=False)
finally:
    late = {"langgraph", "langchain_core", "langsmith", "connexion"} & sys.modules.keys()
    assert not late, f"imported {late}"
"""
LOOKING = {
    "db upgrade": ["db", "upgrade"],
    "dockerfile": ["dockerfile", "made"],
    "keys create": ["keys", "create", "--identity", "ada"],
    "keys list": ["keys", "list"],
    "runs": ["runs"],
    "webhooks": ["webhooks"],
}


@pytest.mark.parametrize("arguments", LOOKING.values(), ids=LOOKING)
def test_a_command_that_runs_no_graph_imports_no_langgraph(
    arguments: list[str], tmp_path: Path
) -> None:
    data = [] if "dockerfile" in arguments else ["--data", str(tmp_path / "data")]
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments, "--config", str(EXAMPLES), *data],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_the_process_over_those_of_serve_imports_no_langgraph(tmp_path: Path) -> None:
    """It stays while they run, and would keep the memory for nothing."""
    code = "import graphstead.cli.serve, sys; assert 'langgraph' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
