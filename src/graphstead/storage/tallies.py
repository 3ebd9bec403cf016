"""The figures of all processes over one data folder: a file each, which the others read.

A process writes its sums each second and whenever somebody asks. A file is locked while its
process lives. The next process to start adds what dead ones left to `past.json`, so that no sum
ever goes backwards; only what a killed process counted in its last second is lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from graphstead.figures import FIGURES, Tally
from graphstead.storage.sqlite.locks import FileLock

__all__ = ["SharedTallies"]

WRITE_EVERY_S = 1.0
PAST = "past.json"


class SharedTallies:
    """This process's file in the folder, and the sums over all of them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._name = uuid4().hex
        self._gate = FileLock(folder / "gate")
        with self._gate:
            self._alive = FileLock(self._lock_of(self._name))
            self._alive.acquire()
        self._written: Any = None
        # flock knows processes, not threads.
        self._guard = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._main, name="figures", daemon=True)

    def start(self) -> None:
        """Take over what dead processes left, and begin to write."""
        with self._guard, self._gate:
            with _room_or_not():
                self._fold()
            self._write()
        self._thread.start()

    def stop(self) -> None:
        """Write a last time and let go; may be called without a start."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)
            with self._guard, self._gate:
                self._write()
        self._alive.close()
        self._gate.close()

    def total(self) -> tuple[Tally, int]:
        """Return the sums over all processes, and how many of them live. Blocks for files."""
        total, living = Tally(), 0
        with self._guard, self._gate:
            self._write()
            past = self._past()
            total.add(Tally.from_json(past), levels=False)
            for name in self._names():
                if name not in past["folded"]:
                    lives = self._lives(name)
                    total.add(Tally.from_json(_read(self._file_of(name))), levels=lives)
                    living += lives
        return total, living

    def _main(self) -> None:
        while not self._stop.wait(WRITE_EVERY_S):
            with self._guard, self._gate:
                self._write()

    def _write(self) -> None:
        mine = FIGURES.snapshot().to_json()
        if mine != self._written:
            with _room_or_not():
                _replace(self._file_of(self._name), mine)
                self._written = mine

    def _fold(self) -> None:
        """Add the files of dead processes to the past; none counts twice if this is cut short."""
        past = self._past()
        dead = [name for name in self._names() if not self._lives(name)]
        total = Tally.from_json(past)
        for name in dead:
            if name not in past["folded"]:
                total.add(Tally.from_json(_read(self._file_of(name))), levels=False)
        if dead:
            _replace(self._folder / PAST, {**total.to_json(), "folded": dead})
        for name in dead:
            self._file_of(name).unlink(missing_ok=True)
            self._lock_of(name).unlink(missing_ok=True)

    def _past(self) -> dict[str, Any]:
        return {"folded": [], **_read(self._folder / PAST)}

    def _names(self) -> Iterator[str]:
        return (path.stem for path in sorted(self._folder.glob("*.lock")))

    def _lives(self, name: str) -> bool:
        if name == self._name:
            return True
        lock = FileLock(self._lock_of(name))
        try:
            return not lock.try_acquire()
        finally:
            lock.close()

    def _file_of(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _lock_of(self, name: str) -> Path:
        return self._folder / f"{name}.lock"


def _room_or_not() -> contextlib.suppress:
    """Let a full disk pass: no server fails to start for it, and the next second tries again."""
    return contextlib.suppress(OSError)


def _read(path: Path) -> dict[str, Any]:
    """Read a file; nothing where there is none, or a crash of the machine left half of one."""
    try:
        read = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _replace(path: Path, content: dict[str, Any]) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(content))
    os.replace(beside, path)
