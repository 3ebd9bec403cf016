"""Cut a stream of server-sent events into its frames, however its chunks fall."""

from __future__ import annotations

import re

__all__ = ["FrameSplitter", "TooLong"]

# A blank line, in any of the three line endings.
BLANK = re.compile(rb"\r?\n\r?\n|\r\r")
LONGEST_END = 4


class TooLong(Exception):
    """More bytes than are held here."""


class FrameSplitter:
    """Keeps what has no end yet."""

    def __init__(self, most_bytes: int) -> None:
        self._held = bytearray()
        self._most_bytes = most_bytes

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the frames that are whole now, each with its end. Raises TooLong."""
        look_from = max(0, len(self._held) - LONGEST_END + 1)
        self._held += chunk
        frames, begin = [], 0
        while found := BLANK.search(self._held, max(look_from, begin)):
            frames.append(bytes(self._held[begin : found.end()]))
            begin = found.end()
        del self._held[:begin]
        if len(self._held) > self._most_bytes:
            raise TooLong
        return frames

    @property
    def rest(self) -> bytes:
        """Return what came without an end."""
        return bytes(self._held)
