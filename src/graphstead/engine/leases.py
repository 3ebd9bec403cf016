"""Tells which workers have gone quiet, without comparing clocks.

A lease is a number that its worker raises with every beat. A worker is given up when this process
has looked at an unchanged number for `lease_s`, measured by its own steady clock: a step of the
wall clock, here or on the worker's host, ends no lease and makes none longer. Only time in which
this process could look counts, so neither a database that was away nor a stop of this very process
speaks against the workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphstead.storage.rows import WorkerRow

__all__ = ["Leases"]


@dataclass(slots=True)
class Sight:
    """What was last seen of a worker, and for how long it has been so."""

    lease_until_ms: int
    quiet_s: float = 0.0


class Leases:
    """What this process has seen of every worker; `longest_s` is what one look may count for."""

    def __init__(self, lease_s: float, longest_s: float) -> None:
        self._lease_s = lease_s
        self._longest_s = longest_s
        self._looked_s: float | None = None
        self._seen: dict[str, Sight] = {}

    def quiet(self, workers: Sequence[WorkerRow], now_s: float) -> list[str]:
        """Return the workers whose lease has run out; `now_s` is that of a steady clock."""
        last_s = now_s if self._looked_s is None else self._looked_s
        passed_s = min(now_s - last_s, self._longest_s)
        self._looked_s = now_s
        self._seen = {row.worker_id: self._look(row, passed_s) for row in workers}
        return [name for name, seen in self._seen.items() if seen.quiet_s > self._lease_s]

    def _look(self, row: WorkerRow, passed_s: float) -> Sight:
        seen = self._seen.get(row.worker_id)
        if seen is None or seen.lease_until_ms != row.lease_until_ms:
            return Sight(row.lease_until_ms)
        seen.quiet_s += passed_s
        return seen
