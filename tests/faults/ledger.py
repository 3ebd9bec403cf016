"""What the clients of a storm asked for, were promised and heard: the history that is checked."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, TypeAlias

# (seq, event, data)
Frame: TypeAlias = tuple[int, str, str]
# (milliseconds and seq, event, data)
ThreadFrame: TypeAlias = tuple[tuple[int, int], str, str]


@dataclass
class Intent:
    """One run that a client wants, under one key, however often it has to ask."""

    name: str
    steps: int
    thread_id: str | None = None
    temporary: bool = False
    webhook: bool = False
    may_be_cut: bool = False
    run_id: str = ""
    asked_s: float = field(default_factory=time.monotonic)
    acked_s: float = 0.0
    heard: list[Frame] | None = None
    output: Any = None

    @property
    def trail(self) -> list[str]:
        """Return what a run that was carried out whole leaves behind."""
        return [f"{self.name}:{number}" for number in range(1, self.steps + 1)]


@dataclass
class Followed:
    """A thread that was followed, the runs that were made on it, and what was heard of them."""

    thread_id: str
    intents: list[Intent]
    heard: list[ThreadFrame] = field(default_factory=list)


class Ledger:
    """Shared by all clients; what contradicts the contract is noted at once."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self.intents: list[Intent] = []
        self.wrong: list[str] = []
        self.answers: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.gaps: Counter[str] = Counter()
        self.steps_back_s: list[float] = []
        self.followed: list[Followed] = []

    def ack(self, intent: Intent, run: Any, kind: str) -> None:
        """Note that the server has promised this run."""
        with self._guard:
            intent.run_id, intent.acked_s = run["run_id"], time.monotonic()
            intent.thread_id = intent.thread_id or run["thread_id"]
            self.intents.append(intent)
            self.kinds[kind] += 1

    def count(self, answer: str) -> None:
        with self._guard:
            self.answers[answer] += 1

    def blame(self, fault: str) -> None:
        """Note what must never happen."""
        with self._guard:
            self.wrong.append(fault)
