"""After the wall clock went back: what was made before the step must not wait until it is made up.

Runs and webhook calls say by the wall clock when they are due. No run is ever due later than its
`after_seconds` from now, and no call later than the longest pause; what says otherwise was written
by a clock that has gone back since.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from graphstead.engine.clock import Clock
from graphstead.engine.webhooks import LONGEST_PAUSE_MS
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import RunRow

__all__ = ["WatchedClock", "rewind"]

log = structlog.get_logger("graphstead.upkeep")
# Clocks of hosts may differ by as much, and a clock may be set back by as much unnoticed.
TOLERANCE_MS = 1_000
AT_ONCE = 200
LOOKS = 10


class WatchedClock:
    """A clock that notices when it is set back, whatever it said in between.

    It may go forward and back between two looks: what was stamped meanwhile waits all the same.
    """

    def __init__(self, clock: Clock, steady_s: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._steady_s = steady_s
        self._farthest_ms = self._lead_ms(clock.now_ms())
        self._looks = 0

    def now_ms(self) -> int:
        now_ms = self._clock.now_ms()
        lead_ms = self._lead_ms(now_ms)
        if lead_ms > self._farthest_ms:
            self._farthest_ms = lead_ms
        return now_ms

    def new_id(self) -> str:
        return self._clock.new_id()

    def went_back(self) -> bool:
        """Tell whether it was set back lately: what was stamped just before may be written late."""
        farthest_ms, self._farthest_ms = self._farthest_ms, self._lead_ms(self._clock.now_ms())
        if self._farthest_ms < farthest_ms - TOLERANCE_MS:
            self._looks = LOOKS + 1
        self._looks = max(0, self._looks - 1)
        return self._looks > 0

    def _lead_ms(self, now_ms: int) -> float:
        return now_ms - self._steady_s() * 1000


def rewind(storage: Storage, clock: Clock) -> int:
    """Make due what a clock that went back has put off; return how many runs it were."""
    number, after = 0, ""
    now_ms = clock.now_ms()
    while found := storage.read_blocking(
        lambda tx, after=after: tx.runs.later(now_ms + TOLERANCE_MS, after, AT_ONCE)  # type: ignore[misc]
    ):
        after = found[-1].run_id
        late = {run.run_id: _latest_ms(run, now_ms) for run in found if _is_late(run, now_ms)}
        if late:
            storage.write_blocking(lambda tx, late=late: _set_starts(tx, late))  # type: ignore[misc]
        number += len(late)
    latest_ms = now_ms + LONGEST_PAUSE_MS
    storage.write_blocking(lambda tx: tx.deliveries.rewind(now_ms, latest_ms))
    if number:
        log.warning("the clock went back, runs were made due again", runs=number)
    return number


def _is_late(run: RunRow, now_ms: int) -> bool:
    return run.start_ms > _latest_ms(run, now_ms) + TOLERANCE_MS


def _latest_ms(run: RunRow, now_ms: int) -> int:
    configurable = run.kwargs["config"]["configurable"]
    return now_ms + int(1000 * (configurable.get("__after_seconds__") or 0))


def _set_starts(tx: Tx, starts_ms: dict[str, int]) -> None:
    for run_id, start_ms in starts_ms.items():
        tx.runs.set_start(run_id, start_ms)
    tx.ring("ready")
