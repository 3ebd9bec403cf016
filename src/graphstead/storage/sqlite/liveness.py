"""Tells which worker processes of this host live: each holds a lock file while it does."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote

from graphstead.storage.errors import StorageError
from graphstead.storage.rows import WorkerRow
from graphstead.storage.sqlite.locks import FileLock

_STALE_S = 24 * 3600


class Liveness:
    """The lock files `<directory>/<worker_id>.lock`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held: dict[str, FileLock] = {}
        self._guard = threading.Lock()

    def hold(self, worker_id: str) -> None:
        """Hold this worker's lock; raises StorageError where another process has it."""
        with self._guard:
            if worker_id in self._held:
                return
            self._directory.mkdir(exist_ok=True)
            self._sweep()
            self._held[worker_id] = self._acquire(worker_id)

    def is_alive(self, worker: WorkerRow) -> bool | None:
        """Tell whether the worker's lock is held; None for another host or without a lock file."""
        path = self._path(worker.worker_id)
        if sys.platform == "win32" or worker.host != socket.gethostname() or not path.exists():
            return None
        try:
            lock = FileLock(path)
        except OSError:
            return None
        free = lock.try_acquire()
        lock.close()
        return not free

    def close(self) -> None:
        """Give every lock back and remove its file."""
        with self._guard:
            for lock in self._held.values():
                lock.path.unlink(missing_ok=True)
                lock.close()
            self._held.clear()

    def _path(self, worker_id: str) -> Path:
        return self._directory / f"{quote(worker_id, safe='')}.lock"

    def _acquire(self, worker_id: str) -> FileLock:
        deadline = time.monotonic() + 1.0
        while True:
            lock = FileLock(self._path(worker_id))
            if lock.try_acquire() and lock.is_current():
                return lock
            lock.close()
            # A probe holds the lock for microseconds, an owner for good.
            if time.monotonic() > deadline:
                raise StorageError(f"Another process already is worker {worker_id}")
            time.sleep(0.005)

    def _sweep(self) -> None:
        """Remove the lock files of workers that died long ago."""
        for path in self._directory.glob("*.lock"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _STALE_S:
                    self._remove_if_free(path)

    @staticmethod
    def _remove_if_free(path: Path) -> None:
        lock = FileLock(path)
        if lock.try_acquire():
            path.unlink(missing_ok=True)
        lock.close()
