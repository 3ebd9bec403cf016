"""Server-sent events as bytes: frames, ids, heartbeats, and the filter a joining client asks for.

Frame form (behaviour measured on 0.16.7): ``event``, ``data``, then ``id`` only for resumable runs;
CRLF everywhere, one data line, no ``end`` event: the run's end is the end of the stream.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable, Iterable

from graphstead.storage.rows import GAP, EventRow
from graphstead.streaming.log import Batch

HEARTBEAT = b": heartbeat\r\n\r\n"
FROM_START = frozenset({"-", "-1", "0", "0-0"})
EVENTS_OF_MODE = {
    "messages": ("messages/metadata", "messages/partial", "messages/complete"),
    "messages-tuple": ("messages",),
}
Keep = Callable[[str], bool]


class Pulse:
    """Knows when a quiet stream has to give a sign of life."""

    def __init__(self, heartbeat_s: float) -> None:
        self._quiet_s = heartbeat_s - 0.5
        self._sent_at_s = time.monotonic()

    def beat(self, chunk: bytes) -> bytes:
        """Return the chunk; for an empty one a heartbeat, if nothing was sent for a while."""
        now_s = time.monotonic()
        if not chunk and now_s - self._sent_at_s < self._quiet_s:
            return b""
        self._sent_at_s = now_s
        return chunk or HEARTBEAT


def message_frame(data: bytes) -> bytes:
    """Encode a JSON-RPC message as an event."""
    return b"event: message\r\ndata: %b\r\n\r\n" % data


def frame(row: EventRow, *, with_id: bool) -> bytes:
    """Encode one event."""
    head = b"event: %b\r\ndata: %b\r\n" % (row.event.encode(), row.data)
    if not with_id:
        return head + b"\r\n"
    return head + b"id: %d-%d\r\n\r\n" % (row.created_ms, row.seq)


def seq_of(last_event_id: str) -> int:
    """Return the seq after which a client wants events; 0 asks for all of them.

    The contract's pattern has already refused anything but ``-``, ``-1``, ``N`` and ``MS-N``.
    """
    if last_event_id in FROM_START:
        return 0
    match = re.fullmatch(r"(?:\d+-)?(\d+)", last_event_id)
    return int(match[1]) if match else 0


def position_of(last_event_id: str) -> tuple[int, int]:
    """Return the (milliseconds, seq) behind which a client wants a thread's events."""
    if last_event_id in FROM_START:
        return (0, 0)
    created_ms, _, seq = last_event_id.partition("-")
    return (int(created_ms), int(seq or 0))


def keep_all(event: str) -> bool:
    """Keep every event."""
    return True


def keep_modes(modes: Iterable[str]) -> Keep:
    """Keep the events of these stream modes, of any namespace, errors, and what is missing."""
    wanted = {"error", GAP}
    for mode in modes:
        wanted.update(EVENTS_OF_MODE.get(mode, (mode,)))
    return lambda event: event.partition("|")[0] in wanted


async def frames(
    batches: AsyncIterator[Batch], *, with_id: bool, keep: Keep, heartbeat_s: float
) -> AsyncIterator[bytes]:
    """Turn batches into chunks of bytes, a heartbeat whenever nothing was sent for a while."""
    pulse = Pulse(heartbeat_s)
    async for batch in batches:
        kept = [frame(row, with_id=with_id) for row in batch.rows if keep(row.event)]
        if chunk := pulse.beat(b"".join(kept)):
            yield chunk


async def thread_frames(
    batches: AsyncIterator[list[EventRow]], modes: frozenset[str], heartbeat_s: float
) -> AsyncIterator[bytes]:
    """Turn a thread's events into bytes, all with ids: those of the modes asked for."""
    pulse = Pulse(heartbeat_s)
    async for rows in batches:
        kept = [frame(row, with_id=True) for row in rows if _of_thread_modes(row.event, modes)]
        if chunk := pulse.beat(b"".join(kept)):
            yield chunk


def _of_thread_modes(event: str, modes: frozenset[str]) -> bool:
    if event == "state_update":
        return event in modes
    return "run_modes" in modes or (event == "metadata" and "lifecycle" in modes)
