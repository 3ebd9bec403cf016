"""A short storm on each kind of database; `scripts/storm` raises longer ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults.storm import storm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SEED = 20_261_130


@pytest.mark.parametrize(
    ("database", "seconds", "only"),
    [("sqlite", 12, ""), ("postgres", 12, ""), ("redis", 12, "Redis")],
)
def test_a_storm_breaks_no_promise(
    database: str, seconds: float, only: str, tmp_path: Path
) -> None:
    report = storm(
        database,
        SEED,
        seconds,
        tmp_path,
        calm_s=(0, 0.3),
        pace_s=0.4,
        only=only,
        least_blows=2,
        least_runs=21,
    )
    assert report.faults == []
    assert sum(report.blows.values()) >= 2
    assert sum(report.runs.values()) > 20
    assert report.webhook_calls >= report.webhooks_owed
