"""What to say while a database cannot be used: a line when that begins, one when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from graphstead.storage.errors import StorageUnavailable

__all__ = ["Outage"]

log = structlog.get_logger("graphstead.storage")


class Outage:
    """Says once that some work waits for the database, and once that it goes on."""

    def __init__(self, work: str) -> None:
        self._work = work
        self._reason = ""

    @contextmanager
    def told(self) -> Iterator[None]:
        """Swallow that the database cannot be used; log it unless that was said already."""
        try:
            yield
        except StorageUnavailable as fault:
            if self._reason != str(fault):
                self._reason = str(fault)
                log.error(f"{self._work} waits for the database", reason=self._reason)
        else:
            if self._reason:
                self._reason = ""
                log.info(f"{self._work} goes on")
