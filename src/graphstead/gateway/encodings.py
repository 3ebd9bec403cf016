"""Read encoded bodies chunk by chunk, so that they can be judged."""

from __future__ import annotations

import zlib

from graphstead.gateway.frames import TooLong

__all__ = ["Decoder", "decoder_of", "readable_encodings"]

READ = frozenset({"gzip", "x-gzip", "deflate", "identity"})
GZIP_OR_ZLIB = 47


class Decoder:
    """Returns bytes as they were before encoding; each call at most so many."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._inflate = zlib.decompressobj(wbits=GZIP_OR_ZLIB)

    def feed(self, chunk: bytes) -> bytes:
        """Return what can be read now. Raises TooLong, ValueError for what is not encoded so."""
        try:
            found = self._inflate.decompress(chunk, self._most_bytes)
        except zlib.error as error:
            raise ValueError(str(error)) from error
        if self._inflate.unconsumed_tail:
            raise TooLong
        return found


class Plain(Decoder):
    """Reads what is not encoded."""

    def feed(self, chunk: bytes) -> bytes:
        return chunk


def decoder_of(encoding: str | None, most_bytes: int) -> Decoder | None:
    """Return what reads a Content-Encoding, None for one that nobody reads here."""
    name = (encoding or "identity").strip().lower()
    if name not in READ:
        return None
    return Plain(most_bytes) if name == "identity" else Decoder(most_bytes)


def readable_encodings(accepted: bytes) -> bytes:
    """Return of an Accept-Encoding what can be read here."""
    parts = [part.strip() for part in accepted.decode("latin-1").split(",")]
    kept = [part for part in parts if part.partition(";")[0].strip().lower() in READ]
    return ", ".join(kept).encode() or b"identity"
