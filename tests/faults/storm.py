"""All faults at random over a mixed load, and a judgement of what is left.

    scripts/storm --minutes 10 --database postgres|redis|sqlite [--seed 7] [--only Redis]

Everything that happened follows from the printed seed as far as processes let it. The report says
what was done, what was promised and what, if anything, contradicts the promises.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import httpx
from faults.blows import Blow, Blows, Clock, DiskBlows, PostgresBlows, RedisBlows, clock_blows
from faults.checker import faults
from faults.fleet import Api, Fleet
from faults.ledger import Ledger
from faults.load import Load, called
from faults.places import Place, ServerPlace, SqlitePlace, own_postgres
from own_redis import own_redis
from receivers import receiving
from servers import until_true

LEASE_S = 3.0
APIS = WORKERS = 2
DISK_MB = 1_000
SETTLE_S = 240.0
ENV = {
    "GRAPHSTEAD_LEASE_S": str(LEASE_S),
    "GRAPHSTEAD_SWEEP_S": "0.5",
    # Blows come faster than in years of service: no run is to be given up for their number.
    "GRAPHSTEAD_BG_JOB_MAX_RETRIES": "1000",
    "GRAPHSTEAD_RESUMABLE_STREAM_TTL_S": "86400",
    "GRAPHSTEAD_RESPONSE_VALIDATION": "off",
    "GRAPHSTEAD_SHUTDOWN_GRACE_S": "1",
}
More: TypeAlias = Callable[[Fleet], dict[str, Blow]]
LIVE = "select count(*) from runs where status in ('pending', 'running')"


@dataclass(frozen=True)
class Report:
    """What a storm was, and what it left."""

    database: str
    seed: int
    minutes: float
    blows: Mapping[str, int]
    runs: Mapping[str, int]
    answers: Mapping[str, int]
    attempts: Mapping[str, int]
    webhook_calls: int
    webhooks_owed: int
    gaps: Mapping[str, int]
    faults: list[str]


def storm(
    database: str,
    seed: int,
    seconds: float,
    folder: Path,
    *,
    calm_s: tuple[float, float] = (0.5, 3.0),
    pace_s: float = 0.3,
    only: str = "",
    least_blows: int = 0,
    least_runs: int = 0,
) -> Report:
    """Raise a storm for that long, wait until all is worked off, and judge.

    With `only` it strikes with those blows alone whose names begin with that. On a
    slow machine it lasts until so many blows have struck and so many runs are promised.
    """
    chance, ledger, done = random.Random(seed), Ledger(), Counter[str]()
    clock = Clock(folder / "clock-step", ledger)
    with placed(database, folder, chance) as (place, more), receiving() as receiver:
        fleet = Fleet(folder, place, **ENV, **clock.env)
        try:
            load = _loaded(fleet, ledger, f"{receiver.url}/hook", seed, pace_s)
            every = Blows(fleet, chance, LEASE_S).all() | more(fleet) | clock_blows(clock, chance)
            blows = {name: blow for name, blow in every.items() if name.startswith(only)}
            until_s = time.monotonic() + seconds
            while (
                time.monotonic() < until_s
                or done.total() < least_blows
                or len(ledger.intents) < least_runs
            ):
                time.sleep(chance.uniform(*calm_s))
                name = _next(blows, done, chance)
                done[name] += 1
                blows[name]()
            _settle(fleet, load)
            found = faults(fleet, ledger, receiver.calls, may_lose=database == "redis")
            calls = len(called(receiver.calls))
            attempts = _attempts(fleet)
        finally:
            fleet.close()
    owed = sum(intent.webhook for intent in ledger.intents)
    minutes = round(seconds / 60, 1)
    answers, kinds = dict(ledger.answers), dict(ledger.kinds)
    return Report(
        database,
        seed,
        minutes,
        dict(done),
        kinds,
        answers,
        attempts,
        calls,
        owed,
        dict(ledger.gaps),
        found,
    )


def _next(blows: Mapping[str, Blow], done: Counter[str], chance: random.Random) -> str:
    """Choose a blow, none a second time before each has struck once, and so on."""
    fewest = min(done[name] for name in blows)
    return chance.choice([name for name in blows if done[name] == fewest])


def _loaded(fleet: Fleet, ledger: Ledger, hook: str, seed: int, pace_s: float) -> Load:
    urls = [fleet.api(number).url for number in range(APIS)]
    for number in range(WORKERS):
        fleet.worker(number)
    load = Load(urls, ledger, hook, seed, pace_s=pace_s)
    load.start()
    return load


def _settle(fleet: Fleet, load: Load) -> None:
    """Have everything run, let the clients finish, and wait until nothing is left to do."""
    for number in range(APIS):
        api = _answering(fleet, number)
        until_true(lambda url=api.url: _knows_redis(url), SETTLE_S)  # type: ignore[misc]
    for number in range(WORKERS):
        fleet.worker(number)
    load.stop()
    until_true(lambda: fleet.rows(LIVE) == [(0,)], SETTLE_S)
    # As if the 90 s were over that killed senders had put their next tries off by.
    fleet.place.execute("update deliveries set next_try_ms = 0")
    until_true(lambda: fleet.rows("select 1 from deliveries") == [], SETTLE_S)


def _answering(fleet: Fleet, number: int) -> Api:
    """Have an API process answer; one that found a full disk as it began is begun again."""
    try:
        return fleet.api(number).wait_ok()
    except RuntimeError as ended:
        if "disk is full" not in str(ended) and "No space left" not in str(ended):
            raise
        return fleet.api(number)


def _knows_redis(url: str) -> bool:
    """Tell whether the process reaches its Redis, where it has one."""
    told = httpx.get(f"{url}/info", timeout=20).json()["capabilities"]
    return told.get("redis") in (None, "reachable")


def _attempts(fleet: Fleet) -> dict[str, int]:
    """Count kept runs by how often they were begun."""
    rows = fleet.rows("select attempt, count(*) from runs group by attempt order by attempt")
    return {str(attempt): int(number) for attempt, number in rows}


@contextmanager
def placed(database: str, folder: Path, chance: random.Random) -> Iterator[tuple[Place, More]]:
    """Give a database that may be harmed, and the blows that it can take."""
    with ExitStack() as undo:
        if database == "sqlite":
            yield _own_file(folder / "data", chance, undo)
            return
        server = undo.enter_context(own_postgres())
        place = ServerPlace(f"{server.uri}?application_name=storm", "storm")
        blows = PostgresBlows(place, server, chance).all()
        if database == "postgres":
            yield place, lambda _: blows
            return
        redis = undo.enter_context(own_redis(folder))
        place.env["REDIS_URI"] = redis.uri
        yield place, lambda fleet: blows | RedisBlows(fleet, redis, chance).all()


def _own_file(data: Path, chance: random.Random, undo: ExitStack) -> tuple[Place, More]:
    """Make a database in this folder, on a small file system where one can be mounted."""
    data.mkdir()
    blows: dict[str, Blow] = {}
    if mounted(data):
        undo.callback(subprocess.run, ["umount", "--lazy", str(data)], check=True)
        blows = DiskBlows(data, chance).all()
    return SqlitePlace(data), lambda _: blows


def mounted(folder: Path, megabytes: int = DISK_MB) -> bool:
    """Mount a small file system of its own there, where this may be done."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    try:
        return os.getuid() == 0 and subprocess.run(command, check=False).returncode == 0
    except OSError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--database", choices=("sqlite", "postgres", "redis"), default="sqlite")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--folder", type=Path, help="keep data and logs here")
    parser.add_argument("--only", default="", help="strike with what begins with this alone")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        seconds = given.minutes * 60
        report = storm(given.database, given.seed, seconds, folder, only=given.only)
    print(json.dumps(asdict(report), indent=2))
    sys.exit(1 if report.faults else 0)


if __name__ == "__main__":
    main()
