"""The JavaScript SDK's own tests in `js/`, run by Node against the examples' server."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from servers import Server

JS = Path(__file__).parent / "js"
SDK = JS / "node_modules" / "@langchain" / "langgraph-sdk"
ESBUILD = JS / "node_modules" / ".bin" / "esbuild"


def unavailable(reason: str) -> None:
    """Skip; on CI, where Node has to be there, fail."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def node() -> str:
    """The Node binary, with the SDK of the lock file installed."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        unavailable("Node and npm are not installed")
    assert node and npm
    if not (SDK.is_dir() and ESBUILD.exists()):
        command = [npm, "ci", "--silent", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=JS, capture_output=True, text=True, timeout=100)
        if done.returncode:
            unavailable(f"the JavaScript SDK could not be installed: {done.stderr.strip()}")
    return node


@pytest.mark.timeout(300)
@pytest.mark.parametrize("file", sorted(path.name for path in JS.glob("*.test.mjs")))
def test_the_javascript_sdk_works_with_this_server(node: str, server: Server, file: str) -> None:
    done = subprocess.run(
        [node, "--experimental-websocket", "--test", "--test-reporter=spec", file],
        cwd=JS,
        env={**os.environ, "GRAPHSTEAD_URL": server.url},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
