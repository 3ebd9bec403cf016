"""A wall clock that can be set: on PYTHONPATH, it adds to the machine's what a file says, in s.

Python loads this before everything else. The steady clock and the machine's own stay as they are.
"""

import os
import time
from collections.abc import Callable

STEP_FILE = os.environ.get("GRAPHSTEAD_TEST_CLOCK_STEP", "")
LOOK_EVERY_S = 0.02


def _stepping(read_ns: Callable[[], int]) -> Callable[[], int]:
    looked_s, step_ns = 0.0, 0

    def now_ns() -> int:
        nonlocal looked_s, step_ns
        if time.monotonic() - looked_s > LOOK_EVERY_S:
            looked_s = time.monotonic()
            with open(STEP_FILE) as file:
                step_ns = int(float(file.read() or "0") * 1_000_000_000)
        return read_ns() + step_ns

    return now_ns


if STEP_FILE:
    _now_ns = _stepping(time.time_ns)
    time.time_ns = _now_ns
    time.time = lambda: _now_ns() / 1_000_000_000
