"""Leases are judged by what is seen of them, never by comparing clocks."""

from __future__ import annotations

from graphstead.engine.leases import Leases
from graphstead.storage.rows import WorkerRow


def worker(beats: int, name: str = "w") -> WorkerRow:
    return WorkerRow(worker_id=name, host="h", pid=1, lease_until_ms=beats)


def quiet_at(leases: Leases, beats: int, now_s: float) -> list[str]:
    return leases.quiet([worker(beats)], now_s)


def test_a_worker_that_does_not_beat_for_the_length_of_its_lease_is_quiet() -> None:
    leases = Leases(15, longest_s=2)
    assert not any(quiet_at(leases, 7, float(second)) for second in range(16))
    assert quiet_at(leases, 7, 16.0) == ["w"]
    assert quiet_at(leases, 8, 17.0) == []


def test_a_beat_counts_whatever_time_it_tells() -> None:
    leases = Leases(15, longest_s=2)
    hour_ms = 3_600_000
    for second in range(100):
        step = hour_ms if second % 20 < 10 else -hour_ms
        assert quiet_at(leases, second // 5 + step, float(second)) == []


def test_time_without_a_look_does_not_speak_against_a_worker() -> None:
    leases = Leases(15, longest_s=2)
    assert quiet_at(leases, 7, 0.0) == []
    assert quiet_at(leases, 7, 10_000.0) == []
    assert quiet_at(leases, 7, 10_013.0) == []


def test_workers_are_judged_each_by_itself() -> None:
    leases = Leases(3, longest_s=2)
    found = [
        leases.quiet([worker(second, "living"), worker(1, "still")], float(second))
        for second in range(6)
    ]
    assert found[-1] == ["still"]
    assert leases.quiet([], 9.0) == []
