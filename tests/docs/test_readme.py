"""The README's commands do what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from servers import ROOT, Server

README = (ROOT / "README.md").read_text("utf-8")
DEFAULT_URL = "http://127.0.0.1:8123"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


CURLS = [block for block in blocks("sh") if block.startswith("curl")]


@pytest.mark.parametrize("command", CURLS, ids=lambda text: text.split()[2].rpartition("8123")[2])
def test_a_curl_line_works_when_pasted(server: Server, command: str) -> None:
    done = subprocess.run(
        ["sh", "-c", command.replace(DEFAULT_URL, server.url)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout
    assert '"detail"' not in done.stdout


def test_the_first_curl_line_prints_what_the_readme_shows(server: Server) -> None:
    shown = re.search(r"^# (\{.*\})$", CURLS[0], re.MULTILINE)
    assert shown
    command = CURLS[0].replace(DEFAULT_URL, server.url)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == shown[1]


def test_the_sdk_example_asks_and_goes_on(server: Server, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(blocks("python")[0].replace(DEFAULT_URL, server.url))
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=True
    )
    question, answer = done.stdout.splitlines()
    assert "Send this?" in question
    assert "'result': 'sent'" in answer
