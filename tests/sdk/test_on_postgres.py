"""The suites that clients rely on most, once more on servers that keep everything in Postgres.

All of tests/sdk, tests/handlers and tests/faults run there by hand, with
GRAPHSTEAD_TEST_DATABASE=postgres.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
SUITES = {
    "sdk": ["runs", "batch", "multitask", "interrupts", "join_stream", "stream_modes"],
    "faults": ["../faults/test_kill.py"],
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("suite", SUITES)
def test_the_suite_passes_on_postgres(suite: str) -> None:
    files = [
        TESTS / "sdk" / (name if name.endswith(".py") else f"test_sdk_{name}.py")
        for name in SUITES[suite]
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, files)],
        env={**os.environ, "GRAPHSTEAD_TEST_DATABASE": "postgres"},
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
