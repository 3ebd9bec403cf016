"""What a handler may return besides plain JSON values. The status is always the contract's.

A handler returning None answers the operation's 2xx without content; any other value answers its
2xx with content.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = ["Answer", "EventStream", "KeepAliveJson", "Raw", "Reply"]


@dataclass(frozen=True, slots=True)
class Reply:
    """A JSON body with headers. ``empty=True`` picks the 2xx without content instead.

    ``Reply(None)`` is the JSON value null.
    """

    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes that are already what the client shall read."""

    content: bytes
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventStream:
    """Server-sent events: each item of ``frames`` is one or more whole encoded frames.

    The iterator is closed when the client leaves, when the server drains, or at its own end.
    """

    frames: AsyncIterator[bytes]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeepAliveJson:
    """JSON that takes its time: a newline every ``interval_s`` until the bytes are ready.

    The answer opens at once, so that clients see its headers. The awaitable is cancelled when
    the client leaves or the server drains.
    """

    body: Awaitable[bytes]
    headers: Mapping[str, str] = field(default_factory=dict)
    interval_s: float = 5.0


Answer: TypeAlias = Reply | Raw | EventStream | KeepAliveJson
