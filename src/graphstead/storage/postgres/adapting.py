"""How values travel: whole numbers and flags as bigint, text with characters Postgres refuses.

Postgres has no U+0000 in text, clients do: it travels as two characters, the first of which, one
that Unicode reserves for such uses, travels doubled itself.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.adapt import Dumper, Loader
from psycopg.types.numeric import Int8Dumper

__all__ = ["adapt"]

_MARK = "\uffff"
_NUL, _MARKED_NUL, _MARKED_MARK = "\0", f"{_MARK}0", f"{_MARK}{_MARK}"


class _FlagDumper(Dumper):
    """True and False as the 1 and 0 of the columns that hold them."""

    def dump(self, obj: bool) -> bytes:
        return b"1" if obj else b"0"


class _TextDumper(Dumper):
    def dump(self, obj: str) -> bytes:
        return escaped(obj).encode()


class _TextLoader(Loader):
    def load(self, data: Any) -> str:
        return unescaped(bytes(data).decode())


def escaped(text: str) -> str:
    """Return text that Postgres takes."""
    if _NUL in text or _MARK in text:
        return text.replace(_MARK, _MARKED_MARK).replace(_NUL, _MARKED_NUL)
    return text


def unescaped(text: str) -> str:
    """Return the text that `escaped` was given."""
    if _MARK not in text:
        return text
    parts = text.split(_MARKED_MARK)
    return _MARK.join(part.replace(_MARKED_NUL, _NUL) for part in parts)


def adapt(connection: psycopg.Connection[Any]) -> None:
    """Let this connection dump and load values in these ways."""
    adapters = connection.adapters
    adapters.register_dumper(int, Int8Dumper)
    adapters.register_dumper(bool, _FlagDumper)
    adapters.register_dumper(str, _TextDumper)
    adapters.register_loader("text", _TextLoader)
