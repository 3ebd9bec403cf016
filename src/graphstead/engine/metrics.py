"""The server's figures: what all processes counted, and what the database and its files say.

Counts of the queue come from the database, whoever answers; sums come from every process over the
same data folder (`storage.tallies`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, NamedTuple

from graphstead import __version__
from graphstead.engine.clock import Clock
from graphstead.engine.exposition import expose, of
from graphstead.figures import FAMILIES, FIGURES, Family, Tally
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import Json
from graphstead.storage.tallies import SharedTallies

__all__ = ["PROMETHEUS", "Metrics"]

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class _Queue(NamedTuple):
    """What the database says at one moment."""

    pending: int
    running: int
    waits_s: tuple[float | None, float | None]
    free_wait_s: float | None
    webhooks: tuple[int, int]
    cron_late_s: float


class Metrics:
    """Reads all figures; `tallies` None leaves those of other processes out."""

    def __init__(self, storage: Storage, tallies: SharedTallies | None, clock: Clock) -> None:
        self._storage = storage
        self._tallies = tallies
        self._clock = clock

    async def as_text(self) -> bytes:
        """Return the Prometheus exposition."""
        _, tally = await self._read()
        return await asyncio.to_thread(expose, tally)

    async def as_json(self) -> Json:
        """Return the reference's JSON shape, and every figure by name beside it."""
        queue, tally = await self._read()
        levels = {name: int(value) for (name, _), value in tally.levels.items()}
        return {
            "queue": {
                "n_pending": queue.pending,
                "n_running": queue.running,
                "pending_runs_wait_time_max_secs": queue.waits_s[0],
                "pending_runs_wait_time_med_secs": queue.waits_s[1],
                "pending_unblocked_runs_wait_time_max_secs": queue.free_wait_s,
            },
            "api": {"http_requests_total": list(_requests(tally))},
            "workers": {
                name: levels[f"lg_api_workers_{name}"] for name in ("max", "active", "available")
            },
            "figures": {family.name: _figure(family, tally) for family in FAMILIES.values()},
        }

    async def _read(self) -> tuple[_Queue, Tally]:
        now_ms = self._clock.now_ms()
        queue = await self._storage.read(lambda tx: _queue(tx, now_ms))
        tally, living = await asyncio.to_thread(self._total)
        sizes = await asyncio.to_thread(self._storage.sizes)
        _add_levels(tally, queue, living, sizes)
        return queue, tally

    def _total(self) -> tuple[Tally, int]:
        return self._tallies.total() if self._tallies else (FIGURES.snapshot(), 1)


def _queue(tx: Tx, now_ms: int) -> _Queue:
    pending, running = tx.runs.counts()
    longest_ms, median_ms = tx.runs.waiting_since_ms(now_ms)
    start_ms, cron_ms = tx.runs.next_start_ms(), tx.crons.next_ms()
    due = start_ms is not None and start_ms <= now_ms
    return _Queue(
        pending,
        running,
        (_age_s(longest_ms, now_ms), _age_s(median_ms, now_ms)),
        _age_s(start_ms, now_ms) if due else None,
        tx.deliveries.counts(now_ms),
        max(0.0, _age_s(cron_ms, now_ms) or 0.0),
    )


def _age_s(since_ms: int | None, now_ms: int) -> float | None:
    return None if since_ms is None else (now_ms - since_ms) / 1000


def _add_levels(tally: Tally, queue: _Queue, living: int, sizes: Any) -> None:
    most = tally.levels.get(("lg_api_workers_max", ()), 0)
    found = {
        "lg_api_workers_max": most,
        "lg_api_workers_active": queue.running,
        "lg_api_workers_available": max(0, most - queue.running),
        "lg_api_num_pending_runs": queue.pending,
        "lg_api_num_running_runs": queue.running,
        "graphstead_queue_age_seconds": queue.free_wait_s or 0,
        "graphstead_webhooks_due": queue.webhooks[0],
        "graphstead_webhooks_dead": queue.webhooks[1],
        "graphstead_cron_lateness_seconds": queue.cron_late_s,
        "graphstead_database_bytes": sizes.get("database", 0),
        "graphstead_wal_bytes": sizes.get("wal", 0),
        "graphstead_processes": living,
    }
    tally.levels.update({(name, ()): number for name, number in found.items()})
    tally.levels["graphstead_info", (__version__,)] = 1


def _requests(tally: Tally) -> Iterator[Json]:
    for (name, labels), number in sorted(tally.counts.items()):
        if name == "lg_api_http_requests_total":
            method, path, status = labels
            yield {"method": method, "path": path, "status": int(status), "count": int(number)}


def _figure(family: Family, tally: Tally) -> Any:
    """Return a number, or for labelled ones and histograms a list of objects."""
    if family.kind == "histogram":
        return [
            {**_named(family, labels), "count": int(sum(spread[:-1])), "sum": spread[-1]}
            for labels, spread in of(family, tally.spreads)
        ]
    known = tally.counts if family.kind == "counter" else tally.levels
    found = [(labels, max(0, number)) for labels, number in of(family, known)]
    if family.labels:
        return [{**_named(family, labels), "value": number} for labels, number in found]
    return found[0][1] if found else 0


def _named(family: Family, labels: tuple[str, ...]) -> Json:
    return dict(zip(family.labels, labels, strict=True))
