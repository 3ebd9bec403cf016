"""What storage can fail with, whichever backend is in use.

StorageError
├─ StorageUnavailable        cannot serve now; nothing of the failed work was stored
│  ├─ DiskFull
│  ├─ StorageReadOnly
│  ├─ StorageBusy            another process held the database for too long
│  ├─ StorageFault           the device or the file answers with errors
│  └─ StorageClosed
├─ ConstraintViolated        the rows written contradict rows that are there
├─ SealingFailed             a value cannot be encrypted or decrypted; nothing was stored in clear
├─ SealingRefused            what was asked cannot be had from encrypted data
└─ DatabaseRefused           never opened; the sentence says what to do
   ├─ SchemaTooNew
   ├─ NotADatabase
   ├─ ForeignDatabase
   ├─ DirectoryNotWritable
   ├─ DriverMissing
   ├─ DatabaseUnreachable
   └─ RedisRefused
      └─ RedisUnreachable
"""

from __future__ import annotations

from pathlib import Path


class StorageError(Exception):
    """Anything the backend reports; carries one sentence."""


class StorageUnavailable(StorageError):
    """The work was not stored, and a later attempt may succeed."""


class DiskFull(StorageUnavailable):
    """There is no room left for the database."""


class StorageReadOnly(StorageUnavailable):
    """The database cannot be written."""


class StorageBusy(StorageUnavailable):
    """Another process held the database for longer than the busy timeout."""


class StorageFault(StorageUnavailable):
    """The device or the database file is damaged."""


class StorageClosed(StorageUnavailable):
    """The storage has been closed, or is closing."""


class ConstraintViolated(StorageError):
    """A key is taken, or a second run would be running on one thread."""


class SealingFailed(StorageError):
    """A value could not be encrypted, or a stored one not decrypted; it is there as it was."""


class SealingRefused(StorageError):
    """The request names what encrypted data cannot be asked for, or a member it reserves."""


class DatabaseRefused(StorageError):
    """The database at `path`, a file or the address of a server, is not opened."""

    def __init__(self, path: Path | str, reason: str) -> None:
        self.path = path
        super().__init__(f"The database {path} cannot be used: {reason}")


class SchemaTooNew(DatabaseRefused):
    """The database was written by a newer version than this one can share it with."""

    def __init__(self, path: Path | str, *, found: int, supported: int) -> None:
        self.found = found
        self.supported = supported
        super().__init__(
            path,
            f"its schema is version {found}, this program supports up to version {supported}; "
            "start a newer graphstead, or choose another database",
        )


class NotADatabase(DatabaseRefused):
    """The file is of another kind, or too damaged to be read."""


class ForeignDatabase(DatabaseRefused):
    """The file is a database of another application."""


class DirectoryNotWritable(DatabaseRefused):
    """The database's directory cannot be created or written."""


class DriverMissing(DatabaseRefused):
    """The packages that speak to this kind of database are not installed."""


class DatabaseUnreachable(DatabaseRefused):
    """No server answers at this address, or it lets nobody in."""


class RedisRefused(DatabaseRefused):
    """The Redis server cannot carry events, or lets nobody in."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(place, reason)
        self.args = (f"The Redis at {place} cannot be used: {reason}",)


class RedisUnreachable(RedisRefused):
    """No Redis answers at this address."""
