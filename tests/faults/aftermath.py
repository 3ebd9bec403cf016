"""What is left of a server that was killed under load, and how to look at it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from faults.crowd import STEPS, Crowd
from servers import Server

KILLS = 2
LONG_STEPS = 40


@dataclass(frozen=True)
class Mark:
    """One line that a node wrote."""

    run_id: str
    step: int
    edge: str
    pid: int


@dataclass
class Aftermath:
    """The server after its second restart, with every run ended."""

    server: Server
    crowd: Crowd
    joined: dict[str, str]
    followed: list[Any]

    @property
    def marks(self) -> list[Mark]:
        lines = (line.split() for line in self.crowd.marks.read_text().splitlines())
        return [Mark(run_id, int(step), edge, int(pid)) for run_id, step, edge, pid in lines]

    @property
    def long_runs(self) -> tuple[str, str]:
        return self.joined["run_id"], self.followed[0].data["run_id"]

    @property
    def crowd_is_under_way(self) -> bool:
        """Tell whether a run of the crowd has begun and not yet done its last step."""
        last = {mark.run_id: mark for mark in self.marks if mark.run_id not in self.long_runs}
        return any((mark.step, mark.edge) != (STEPS, "end") for mark in last.values())

    def marks_by_pid(self, run_id: str) -> Counter[int]:
        """Count what a run wrote in each process."""
        return Counter(mark.pid for mark in self.marks if mark.run_id == run_id)

    def query(self, sql: str) -> list[Any]:
        return self.server.rows(sql)
