"""Figures: the table of all metrics, and what this process has counted.

Counting is one dictionary entry under a lock, from any thread. Everything counted is a sum, so
that the figures of several processes, dead ones included, add up (`storage.tallies`).
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["FAMILIES", "FIGURES", "Family", "Figures", "Key", "Labels", "Tally"]

Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[str, ...]
Key = tuple[str, Labels]

# The first sets hold every bound of the reference server, so that its dashboards fit.
REQUEST_MS = (1, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, 15_000, 30_000, 60_000, 120_000,
              300_000, 600_000, 1_800_000, 3_600_000)  # fmt: skip
COMMIT_MS = (0.5, 1, 2, 5, 10, 25, 50, 100, 250, 1000, 5000)
LAG_MS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000)
GROUP = (1, 2, 4, 8, 16, 32, 64, 128, 256)
REQUESTS, LATENCY = "lg_api_http_requests_total", "lg_api_http_requests_latency"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric; `bounds` are those of a histogram, in the unit of its name or its help."""

    name: str
    kind: Kind
    help: str
    labels: Labels = ()
    bounds: tuple[float, ...] = ()


FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family(
            REQUESTS,
            "counter",
            "Requests answered; path is the contract's template, empty where none fits.",
            ("method", "path", "status"),
        ),
        Family(
            LATENCY,
            "histogram",
            "Milliseconds from a request to the end of its answer, streams included.",
            ("method", "path"),
            REQUEST_MS,
        ),
        Family("lg_api_workers_max", "gauge", "Runs that all workers together can carry."),
        Family("lg_api_workers_active", "gauge", "Runs being carried out."),
        Family("lg_api_workers_available", "gauge", "Runs that could begin at once."),
        Family("lg_api_num_pending_runs", "gauge", "Runs that wait, delayed ones included."),
        Family("lg_api_num_running_runs", "gauge", "Runs that are running."),
        Family("lg_api_run_success_counter_total", "counter", "Runs that ended with success."),
        Family(
            "lg_api_run_attempt_started_counter_total",
            "counter",
            "Times a run began, retries too.",
        ),
        Family(
            "lg_api_run_execution_latency",
            "histogram",
            "Milliseconds from the claim of a run to its end, one attempt.",
            (),
            REQUEST_MS,
        ),
        Family(
            "lg_api_run_queue_wait_time_1st_attempt",
            "histogram",
            "Milliseconds from when a run was due to its first claim.",
            (),
            REQUEST_MS,
        ),
        Family(
            "graphstead_runs_ended_total",
            "counter",
            "Runs that a worker ended, by how they ended.",
            ("graph_id", "status"),
        ),
        Family("graphstead_run_retries_total", "counter", "Attempts after the first."),
        Family("graphstead_runs_recovered_total", "counter", "Runs taken over from dead workers."),
        Family(
            "graphstead_queue_age_seconds",
            "gauge",
            "How long the oldest run that could begin has waited; 0 when none waits.",
        ),
        Family(
            "graphstead_event_lag_milliseconds",
            "histogram",
            "From when a graph said something until a live stream had it, its commit included.",
            (),
            LAG_MS,
        ),
        Family("graphstead_open_streams", "gauge", "Event streams that are open."),
        Family("graphstead_writer_waiting", "gauge", "Writes waiting for the writer thread."),
        Family(
            "graphstead_writer_group_size",
            "histogram",
            "Writes that shared one commit.",
            (),
            GROUP,
        ),
        Family(
            "graphstead_writer_commit_milliseconds",
            "histogram",
            "One group of writes, from the lock to the end of its commit.",
            (),
            COMMIT_MS,
        ),
        Family(
            "graphstead_webhook_calls_total",
            "counter",
            "Calls of webhooks made: delivered, failed (tried again) or dead (given up).",
            ("outcome",),
        ),
        Family("graphstead_webhooks_due", "gauge", "Calls of webhooks whose time has come."),
        Family("graphstead_webhooks_dead", "gauge", "Calls of webhooks that were given up."),
        Family(
            "graphstead_cron_lateness_seconds",
            "gauge",
            "How long the most overdue cron is overdue; 0 when none is.",
        ),
        Family("graphstead_database_bytes", "gauge", "Size of the database."),
        Family("graphstead_wal_bytes", "gauge", "Size of its write-ahead log."),
        Family("graphstead_processes", "gauge", "Processes that count here and live."),
        Family("graphstead_info", "gauge", "Always 1; the version.", ("version",)),
    )
}


@dataclass(slots=True)
class Tally:
    """Sums: `counts` by metric and labels, `spreads` of histograms as a count per bucket and the
    sum of the values at the end, `levels` of what exists only while a process lives.
    """

    counts: dict[Key, float] = field(default_factory=dict)
    spreads: dict[Key, list[float]] = field(default_factory=dict)
    levels: dict[Key, float] = field(default_factory=dict)

    def add(self, other: Tally, *, levels: bool) -> None:
        """Add another tally; levels only where its process lives."""
        for key, number in other.counts.items():
            self.counts[key] = self.counts.get(key, 0) + number
        for key, spread in other.spreads.items():
            mine = self.spreads.get(key)
            if mine is None or len(mine) != len(spread):
                self.spreads[key] = list(spread)
            else:
                self.spreads[key] = [one + two for one, two in zip(mine, spread, strict=True)]
        if levels:
            for key, number in other.levels.items():
                self.levels[key] = self.levels.get(key, 0) + number

    def to_json(self) -> dict[str, Any]:
        """Return it with lists in place of keys."""
        return {
            "counts": _listed(self.counts.items()),
            "spreads": _listed(self.spreads.items()),
            "levels": _listed(self.levels.items()),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Tally:
        """Read what `to_json` wrote; metrics that this version does not know are left out."""
        return cls(
            **{name: _read(stored.get(name, ())) for name in ("counts", "spreads", "levels")}
        )


def _listed(items: Iterable[tuple[Key, Any]]) -> list[list[Any]]:
    return [[name, list(labels), value] for (name, labels), value in items]


def _read(items: Iterable[Any]) -> dict[Key, Any]:
    return {(name, tuple(labels)): value for name, labels, value in items if name in FAMILIES}


class Figures:
    """What one process counts."""

    def __init__(self) -> None:
        self._tally = Tally()
        self._guard = threading.Lock()

    def count(self, name: str, labels: Labels = (), by: float = 1) -> None:
        """Add to a counter."""
        counts, key = self._tally.counts, (name, labels)
        with self._guard:
            counts[key] = counts.get(key, 0) + by

    def observe(self, name: str, value: float, labels: Labels = ()) -> None:
        """Add one value to a histogram."""
        with self._guard:
            self._spread(name, labels, value)

    def answered(self, method: str, path: str, status: str, latency_ms: float) -> None:
        """Count an answer and its latency, at once: this is done for every request."""
        counts, key = self._tally.counts, (REQUESTS, (method, path, status))
        with self._guard:
            counts[key] = counts.get(key, 0) + 1
            self._spread(LATENCY, (method, path), latency_ms)

    def _spread(self, name: str, labels: Labels, value: float) -> None:
        bounds, spreads, key = FAMILIES[name].bounds, self._tally.spreads, (name, labels)
        if key not in spreads:
            spreads[key] = [0] * (len(bounds) + 2)
        spread = spreads[key]
        spread[bisect_left(bounds, value)] += 1
        spread[-1] += value

    def raise_level(self, name: str, by: float) -> None:
        """Raise or lower a gauge that counts for as long as this process lives."""
        levels, key = self._tally.levels, (name, ())
        with self._guard:
            levels[key] = levels.get(key, 0) + by

    def snapshot(self) -> Tally:
        """Return a copy of everything counted so far."""
        with self._guard:
            counts, levels = dict(self._tally.counts), dict(self._tally.levels)
            spreads = {key: list(spread) for key, spread in self._tally.spreads.items()}
        return Tally(counts, spreads, levels)


# Of the whole process, as its log is: whoever has something to count is not handed a counter.
FIGURES = Figures()
