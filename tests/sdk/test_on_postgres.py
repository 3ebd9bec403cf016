"""The suites that clients rely on most, once more on servers that keep everything in Postgres.

What streams is tried with Redis beside it. All of tests/sdk, tests/handlers, tests/auth and
tests/faults run there by hand: GRAPHSTEAD_TEST_DATABASE=postgres, or postgres+redis.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
SUITES = {
    "postgres": {
        "sdk": [f"sdk/test_sdk_{name}.py" for name in ("runs", "batch", "multitask", "interrupts")],
        "faults": ["faults/test_kill.py"],
        "leaks": ["auth/test_no_leaks.py"],
    },
    "postgres+redis": {
        "sdk": [
            f"sdk/test_sdk_{name}.py"
            for name in ("runs", "interrupts", "join_stream", "stream_modes")
        ],
        "streaming": ["streaming"],
        "faults": ["faults/test_kill.py"],
    },
}


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("database", "suite"), [(one, suite) for one, suites in SUITES.items() for suite in suites]
)
def test_the_suite_passes_on(database: str, suite: str) -> None:
    files = [TESTS / name for name in SUITES[database][suite]]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, files)],
        env={**os.environ, "GRAPHSTEAD_TEST_DATABASE": database},
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
