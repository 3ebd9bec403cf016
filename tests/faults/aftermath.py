"""What is left of a server that was killed under load, and how to look at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from faults.crowd import Crowd
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

    def query(self, sql: str) -> list[Any]:
        return self.server.rows(sql)
