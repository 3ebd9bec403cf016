"""File locks between the processes of one host; without effect where there is no flock."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

if sys.platform != "win32":
    import fcntl


class FileLock:
    """A lock that the system gives back when its process dies.

    Raises OSError where the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.release()

    if sys.platform != "win32":

        def acquire(self) -> None:
            """Wait for the lock."""
            fcntl.flock(self._file, fcntl.LOCK_EX)

        def try_acquire(self) -> bool:
            """Take the lock, or return False where another holder has it."""
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        def release(self) -> None:
            """Give the lock back."""
            fcntl.flock(self._file, fcntl.LOCK_UN)

    else:

        def acquire(self) -> None:
            """Do nothing: SQLite's own locks still hold."""

        def try_acquire(self) -> bool:
            """Pretend to have the lock."""
            return True

        def release(self) -> None:
            """Do nothing."""

    def is_current(self) -> bool:
        """Tell whether the path still leads to the locked file."""
        try:
            return os.path.samestat(os.fstat(self._file), os.stat(self.path))
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Give the lock back and close the file, once."""
        opened, self._file = self._file, -1
        if opened >= 0:
            os.close(opened)
