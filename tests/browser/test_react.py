"""`useStream` of @langchain/react in headless Chromium: the tests in `browser.test.mjs`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from servers import Server

HERE = Path(__file__).parent
INSTALLED = HERE / "node_modules" / "playwright-core"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def unavailable(reason: str) -> None:
    """Skip; on CI, where a browser has to be there, fail."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser, with the packages of the lock file installed."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    npm = shutil.which("npm")
    if found is None or npm is None:
        unavailable("Chromium, Node or npm is not installed")
    assert found and npm
    if not INSTALLED.is_dir():
        command = [npm, "ci", "--silent", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=100)
        if done.returncode:
            unavailable(f"the page's packages could not be installed: {done.stderr.strip()}")
    return found


@pytest.mark.timeout(400)
def test_a_react_page_streams_asks_and_joins_again(chromium: str, stage: Server) -> None:
    done = subprocess.run(
        ["node", "--test", "--test-reporter=spec", "browser.test.mjs"],
        cwd=HERE,
        env={**os.environ, "GRAPHSTEAD_URL": stage.url, "CHROMIUM": chromium},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
