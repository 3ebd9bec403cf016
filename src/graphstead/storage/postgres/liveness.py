"""Tells which workers live: the session of each holds an advisory lock while it does.

A lock that nobody holds is no proof: the server may have restarted, or one connection broken. So
it counts only where the worker's process is gone from this very host, or where the lock has been
free for longer than a living worker needs to take it again. The lease decides all the rest.
"""

from __future__ import annotations

import os
import socket
import sys
import time

from graphstead.storage.rows import WorkerRow

__all__ = ["Absences"]

GRACE_S = 5.0


class Absences:
    """Since when the locks of workers were seen to be free."""

    def __init__(self) -> None:
        self._since_s: dict[str, float] = {}

    def judge(self, worker: WorkerRow, held: bool) -> bool | None:
        """Return whether the worker lives, None where this is not known yet."""
        if held:
            self._since_s.pop(worker.worker_id, None)
            return True
        now_s = time.monotonic()
        since_s = self._since_s.setdefault(worker.worker_id, now_s)
        if _is_gone(worker) or now_s - since_s > GRACE_S:
            del self._since_s[worker.worker_id]
            return False
        return None


def _is_gone(worker: WorkerRow) -> bool:
    """Tell whether the process is known not to be: only its own host can say so."""
    if sys.platform == "win32" or worker.host != socket.gethostname():
        return False
    try:
        os.kill(worker.pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False
