"""A thousand workers at one Postgres, simulated: what the database is busy with, and who waits.

    python -m benchmarks.simulation [--workers 1000] [--cores 8] [--seconds 10]

A queue with `cores` servers stands for the database; each transaction takes them for as long as the
server's processor took for it on a small machine (`COSTS`, see docs/scaling.md). Workers have ten
slots, runs take ten seconds on average; each worker polls, watches leases and beats as the real one
does. With `bells` each new run wakes every worker that is not already asking; with `jobs` it wakes
one. Told are the share of the server in use and how long a run waits for its start.

It knows nothing of locks, disks, networks, and of what graphs and their checkpoints write.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import random
import statistics
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

# Milliseconds of the server's processor, by transaction.
COSTS_MS = {"create": 0.44, "claim": 0.15, "start": 0.05, "finish": 0.5, "poll": 0.4, "beat": 0.2}
SLOTS, RUN_S, POLL_S, BEAT_S = 10, 10.0, 1.0, 5.0


@dataclass(slots=True)
class Worker:
    """How many slots are free, whether a claim is under way, and whether it rang meanwhile."""

    free: int = SLOTS
    asking: bool = False
    rung: bool = False


@dataclass(slots=True)
class World:
    """The clock, what happens next, the database's queue, and what was measured."""

    cores: int
    rate: float
    jobs: bool
    workers: list[Worker]
    now: float = 0.0
    events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    numbers: itertools.count[int] = field(default_factory=itertools.count)
    queue: deque[tuple[float, Callable[[], None]]] = field(default_factory=deque)
    serving: int = 0
    busy_s: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    due: deque[float] = field(default_factory=deque)
    waits: list[float] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    def later(self, after_s: float, action: Callable[[], None]) -> None:
        heapq.heappush(self.events, (self.now + after_s, next(self.numbers), action))

    def ask(self, kind: str, then: Callable[[], None], more_ms: float = 0.0) -> None:
        """Have the database carry out a transaction, then go on."""
        cost_s = (COSTS_MS[kind] + more_ms) / 1000
        self.busy_s[kind] += cost_s
        self.asked[kind] += 1
        self.queue.append((cost_s, then))
        self._serve()

    def _serve(self) -> None:
        while self.queue and self.serving < self.cores:
            cost_s, then = self.queue.popleft()
            self.serving += 1

            def served(then: Callable[[], None] = then) -> None:
                self.serving -= 1
                then()
                self._serve()

            self.later(cost_s, served)

    def run(self, seconds: float) -> None:
        """Let it happen."""
        for worker in self.workers:
            self.later(self.chance.uniform(0, POLL_S), lambda worker=worker: self._poll(worker))  # type: ignore[misc]
            self.later(self.chance.uniform(0, BEAT_S), self._beat)
        for _ in range(int(self.rate * RUN_S)):  # what runs already, as if it had always been so
            worker = self.chance.choice([one for one in self.workers if one.free])
            worker.free -= 1
            self.later(
                self.chance.expovariate(1 / RUN_S),
                lambda worker=worker: self._finish(worker),  # type: ignore[misc]
            )
        self._arrive()
        while self.events and self.now < seconds:
            self.now, _, action = heapq.heappop(self.events)
            action()

    def _arrive(self) -> None:
        self.later(self.chance.expovariate(self.rate), self._arrive)
        came = self.now
        self.ask("create", lambda: self._made(came))

    def _made(self, came: float) -> None:
        self.due.append(came)
        if self.jobs:
            self._wake(self.chance.choice(self.workers))
            return
        for worker in self.workers:
            self._wake(worker)

    def _wake(self, worker: Worker) -> None:
        if worker.asking:
            worker.rung = True
        elif worker.free:
            self._claim(worker)
        elif self.jobs:  # the job is handed on
            self.later(0.1, lambda: self._wake(self.chance.choice(self.workers)))

    def _claim(self, worker: Worker) -> None:
        worker.asking, worker.rung = True, False
        self.ask("claim", lambda: self._claimed(worker))

    def _claimed(self, worker: Worker) -> None:
        worker.asking = False
        took = 0
        while self.due and worker.free:
            self.waits.append(self.now - self.due.popleft())
            worker.free -= 1
            took += 1
            self.later(self.chance.expovariate(1 / RUN_S), lambda: self._finish(worker))
        self.busy_s["start"] += took * COSTS_MS["start"] / 1000
        if (worker.rung or took) and worker.free:
            self._claim(worker)

    def _finish(self, worker: Worker) -> None:
        self.ask("finish", lambda: self._freed(worker))

    def _freed(self, worker: Worker) -> None:
        worker.free += 1
        if not worker.asking:
            self._claim(worker)

    def _poll(self, worker: Worker) -> None:
        """Look for due runs, the next start, stopped runs and dead workers, once a second."""
        self.later(POLL_S, lambda: self._poll(worker))
        self.ask("poll", lambda: None)
        if worker.free and not worker.asking:
            self._claim(worker)

    def _beat(self) -> None:
        self.later(BEAT_S, self._beat)
        self.ask("beat", lambda: None)


def told(world: World, seconds: float) -> str:
    """Return a row of the table."""
    share = {kind: used / (seconds * world.cores) for kind, used in world.busy_s.items()}
    waits = sorted(1000 * wait for wait in world.waits[len(world.waits) // 10 :]) or [float("nan")]
    p50, p99 = statistics.median(waits), waits[int(0.99 * (len(waits) - 1))]
    kinds = ", ".join(f"{kind} {part:.0%}" for kind, part in share.items() if part >= 0.005)
    started, claims = len(world.waits) / seconds, world.asked["claim"] / max(1, len(world.waits))
    return (
        f"| {'jobs' if world.jobs else 'bells'} | {world.rate:,.0f}/s | {started:,.0f}/s"
        f" | {claims:.1f} | {min(1, sum(share.values())):.0%}"
        f" | {p50:,.0f} / {p99:,.0f} ms | {kinds} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--cores", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rates", type=float, nargs="+", default=[10, 50, 200, 500, 900])
    asked = parser.parse_args()
    print(f"{asked.workers} workers, a server of {asked.cores} cores, {asked.seconds:g} s")
    print("| woken by | runs made | started | claims for each | server | delay p50/p99 | by |")
    print("|---|---|---|---|---|---|---|")
    for jobs in (False, True):
        for rate in asked.rates:
            world = World(asked.cores, rate, jobs, [Worker() for _ in range(asked.workers)])
            world.run(asked.seconds)
            print(told(world, asked.seconds), flush=True)


if __name__ == "__main__":
    main()
