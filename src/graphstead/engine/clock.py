"""Time and identifiers, injected everywhere so that tests can hold them still."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID, uuid5

import uuid_utils

ASSISTANT_NAMESPACE = UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")


class Clock(Protocol):
    """Tell the time and mint identifiers."""

    def now_ms(self) -> int:
        """Return epoch milliseconds."""

    def new_id(self) -> str:
        """Return a uuid7, larger than every id this process minted before."""


class SystemClock:
    """The machine's clock, and uuid7 identifiers."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def new_id(self) -> str:
        return str(uuid_utils.uuid7())


def wire_time(clock_us: int | None = None) -> str:
    """Format epoch microseconds (now by default) as ``2026-11-21T02:34:57.016152+00:00``."""
    at_s = time.time() if clock_us is None else clock_us / 1_000_000
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="microseconds")


def wire_time_of_ms(at_ms: int) -> str:
    """Format epoch milliseconds in the same form."""
    return wire_time(at_ms * 1000)


def system_assistant_id(graph_id: str) -> str:
    """Return the id of a graph's own assistant (measured on 0.16.7: uuid5, this namespace)."""
    return str(uuid5(ASSISTANT_NAMESPACE, graph_id))


def as_uuid(text: str) -> str | None:
    """Return the canonical form of a UUID, None where the text is not one."""
    try:
        return str(UUID(text))
    except ValueError:
        return None
