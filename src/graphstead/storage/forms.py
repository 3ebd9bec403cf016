"""What an encrypted value looks like where it is stored.

    bytes   \\0sealed <cipher> \\0 <length and JSON of the context> <ciphertext>
    text    sealed:<base64 of the same>
    object  {members in clear or encrypted one by one, "__encryption_context__": {"by": cipher, …}}

Every form tells its cipher, so what was stored before encryption was turned on stays readable, and
what was stored under a key that came before.
"""

from __future__ import annotations

import base64
from typing import Any, Literal, NamedTuple

import orjson

from graphstead.storage.rows import Json

__all__ = ["KEYS", "MARK", "Kind", "Part", "framed", "in_text", "marks", "told"]

MARK = "__encryption_context__"
TEXT = "sealed:"
BYTES = b"\0sealed "
# What the names of all built-in keys begin with.
KEYS = "aes"

# json: nobody searches it; members: top-level members may stay in clear, to be searched.
Kind = Literal["json", "members", "bytes", "text"]


class Part(NamedTuple):
    """One value of a row, in clear or as stored, and the context it is encrypted under."""

    model: str
    field: str
    value: Any
    context: Json
    searched: bool = False


def framed(name: str, context: Json, sealed: bytes) -> bytes:
    """Return the stored form of encrypted bytes."""
    told = orjson.dumps(context) if context else b""
    length = len(told).to_bytes(4, "big")
    return b"%b%b\0%b%b%b" % (BYTES, name.encode(), length, told, sealed)


def in_text(frame: bytes) -> str:
    """Return the form of the same in a column of text."""
    return TEXT + base64.b64encode(frame).decode()


def marks(name: str) -> dict[str, Any]:
    """Return what stored forms begin with: under any built-in key, and (`_now`) under this one."""
    note = f'{{"{MARK}":{{"by":"'
    return {
        "octets": BYTES + KEYS.encode(),
        "octets_now": BYTES + name.encode() + b"\0",
        "json": f"{note}{KEYS}",
        "json_now": f'{note}{name}"',
    }


def told(model: str, field: str, kind: Kind, value: Any) -> tuple[str, Part] | None:
    """Return the cipher of a stored value and what it needs; None for what is in clear."""
    if kind in ("json", "members"):
        note = value.get(MARK) if isinstance(value, dict) else None
        if not isinstance(note, dict) or "by" not in note:
            return None
        part = Part(model, field, value, note.get("context") or {}, kind == "members")
        return str(note["by"]), part
    if kind == "text":
        if not value.startswith(TEXT):
            return None
        value = base64.b64decode(value.removeprefix(TEXT))
    if not value.startswith(BYTES):
        return None
    end = value.index(b"\0", len(BYTES))
    length = int.from_bytes(value[end + 1 : end + 5], "big")
    noted = value[end + 5 : end + 5 + length]
    context = orjson.loads(noted) if noted else {}
    return value[len(BYTES) : end].decode(), Part(model, field, value[end + 5 + length :], context)
