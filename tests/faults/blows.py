"""What a storm does to a fleet: each blow strikes once and leaves everything running again."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from faults.fleet import Fleet, Part
from faults.ledger import Ledger
from faults.places import OwnPostgres, ServerPlace
from own_redis import OwnRedis

Blow: TypeAlias = Callable[[], None]
HOUR_S = 3600
VANISHING = 10


class Clock:
    """The file from which all processes of the fleet read by how much their clock is wrong."""

    def __init__(self, file: Path, ledger: Ledger) -> None:
        self._file = file
        self._ledger = ledger
        self._step_s = 0
        self.step(0)

    @property
    def env(self) -> dict[str, str]:
        folder = Path(__file__).parent / "clock"
        paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {"PYTHONPATH": os.pathsep.join(paths), "GRAPHSTEAD_TEST_CLOCK_STEP": str(self._file)}

    def step(self, by_s: int) -> None:
        """Move everybody's clock at once."""
        self._step_s += by_s
        new = self._file.with_suffix(".new")
        new.write_text(str(self._step_s))
        new.replace(self._file)
        if by_s < 0:
            self._ledger.steps_back_s.append(time.monotonic())


class Blows:
    """The blows that every fleet can take."""

    def __init__(self, fleet: Fleet, chance: random.Random, lease_s: float) -> None:
        self._fleet = fleet
        self._chance = chance
        self._lease_s = lease_s

    def all(self) -> dict[str, Blow]:
        return {
            "kill -9 of a worker": self._kill_worker,
            "kill -9 of an API process": self._kill_api,
            "SIGTERM to a worker": self._stop_worker,
            "SIGTERM to an API process": self._stop_api,
            "worker stopped past its lease": self._freeze_worker,
            "API process stopped": self._freeze_api,
            "bells lost": self._fleet.place.lose_bells,
            "clients that vanish": self._vanish,
        }

    def _again(self, part: Part) -> None:
        time.sleep(self._chance.uniform(0, 1.5))
        part.start()

    def _kill_worker(self) -> None:
        worker = self._chance.choice(self._fleet.workers)
        worker.kill()
        self._again(worker)

    def _kill_api(self) -> None:
        api = self._chance.choice(self._fleet.apis)
        api.kill()
        self._again(api)

    def _stop_worker(self) -> None:
        worker = self._chance.choice(self._fleet.workers)
        worker.stop()
        self._again(worker)

    def _stop_api(self) -> None:
        api = self._chance.choice(self._fleet.apis)
        api.stop()
        self._again(api)

    def _freeze_worker(self) -> None:
        self._freeze(self._chance.choice(self._fleet.workers), 2 * self._lease_s + 2)

    def _freeze_api(self) -> None:
        self._freeze(self._chance.choice(self._fleet.apis), self._chance.uniform(0.5, 4))

    def _freeze(self, part: Part, for_s: float) -> None:
        part.freeze()
        time.sleep(for_s)
        part.thaw()

    def _vanish(self) -> None:
        """Send half a request, or a whole one whose answer nobody reads, and go."""
        for number in range(VANISHING):
            parts = urlsplit(self._chance.choice(self._fleet.apis).url)
            with suppress(OSError):
                plug = socket.create_connection((parts.hostname or "", parts.port or 0), 2)
                with plug:
                    head = b"GET /ok?check_db=1 HTTP/1.1\r\nHost: x\r\n"
                    plug.sendall(head + b"\r\n" if number % 2 else head)


class PostgresBlows:
    """What can happen to a server of the storm's own."""

    def __init__(self, place: ServerPlace, server: OwnPostgres, chance: random.Random) -> None:
        self._place = place
        self._server = server
        self._chance = chance

    def all(self) -> dict[str, Blow]:
        return {
            "Postgres crashed": lambda: self._restart("immediate"),
            "Postgres restarted (fast)": lambda: self._restart("fast"),
            "Postgres restarted (smart, then fast)": self._restart_smart,
            "all connections cut": self._cut,
        }

    def _restart(self, mode: str) -> None:
        self._server.stop(mode)
        time.sleep(self._chance.uniform(0, 2))
        self._server.start()

    def _restart_smart(self) -> None:
        """Let in nobody for a while, who is inside may go on; then end it."""
        self._server.begin_smart_stop()
        time.sleep(self._chance.uniform(0.5, 2))
        self._restart("fast")

    def _cut(self) -> None:
        for _ in range(self._chance.randint(1, 5)):
            self._place.cut()
            time.sleep(0.2)


class RedisBlows:
    """What can happen to a Redis server of the storm's own."""

    def __init__(self, fleet: Fleet, server: OwnRedis, chance: random.Random) -> None:
        self._fleet = fleet
        self._server = server
        self._chance = chance

    def all(self) -> dict[str, Blow]:
        return {
            "Redis killed, back empty": self._kill,
            "Redis killed, back as it was a while ago": self._go_back,
            "Redis and a worker killed": self._kill_with_worker,
            "Redis flushed": lambda: self._server.do("FLUSHALL"),
            "Redis stopped": self._freeze,
            "Redis full": self._fill,
            "Redis connections cut": self._cut,
        }

    def _kill(self) -> None:
        self._server.kill()
        time.sleep(self._chance.uniform(0, 3))
        self._server.start()

    def _go_back(self) -> None:
        """Have it forget what came since it was saved, and nothing else."""
        self._server.save()
        time.sleep(self._chance.uniform(0.2, 1.5))
        self._kill()
        self._server.forget()

    def _kill_with_worker(self) -> None:
        """Leave the next attempts of its runs nobody to ask how far the log had come."""
        worker = self._chance.choice(self._fleet.workers)
        self._server.kill()
        time.sleep(self._chance.uniform(0, 1))
        worker.kill()
        worker.start()
        time.sleep(self._chance.uniform(0, 3))
        self._server.start()

    def _freeze(self) -> None:
        """For shorter and for longer than the server waits for an answer."""
        self._server.freeze()
        time.sleep(self._chance.uniform(0.5, 6))
        self._server.thaw()

    def _fill(self) -> None:
        self._server.do("CONFIG", "SET", "maxmemory", "1")
        time.sleep(self._chance.uniform(0.5, 2))
        self._server.do("CONFIG", "SET", "maxmemory", "0")

    def _cut(self) -> None:
        for _ in range(self._chance.randint(1, 5)):
            for kind in ("normal", "pubsub"):
                self._server.do("CLIENT", "KILL", "TYPE", kind)
            time.sleep(0.2)


class DiskBlows:
    """A file system that fills up and gets room again."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._folder = folder
        self._chance = chance

    def all(self) -> dict[str, Blow]:
        return {"disk full": self._fill}

    def _fill(self) -> None:
        ballast = fill(self._folder)
        time.sleep(self._chance.uniform(1, 3))
        ballast.unlink()


def fill(folder: Path) -> Path:
    """Take all room of the file system; return the file that takes it."""
    ballast = folder / "ballast"
    for size in (65_536, 512):
        with ballast.open("ab", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * size):
                continue
    return ballast


def clock_blows(clock: Clock, chance: random.Random) -> dict[str, Blow]:
    """Return steps of the clock by an hour and back, in either order."""

    def there_and_back(by_s: int) -> None:
        clock.step(by_s)
        time.sleep(chance.uniform(1, 4))
        clock.step(-by_s)

    return {
        "clock an hour ahead and back": lambda: there_and_back(HOUR_S),
        "clock an hour back and ahead": lambda: there_and_back(-HOUR_S),
    }
