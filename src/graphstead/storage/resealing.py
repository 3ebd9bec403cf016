"""One stored value under one key after the other: what is under it stays byte for byte the same."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from graphstead.storage.errors import SealingFailed
from graphstead.storage.forms import KEYS, MARK, Kind, Part, framed, in_text, told
from graphstead.storage.sealing import Cipher, unknown
from graphstead.storage.statements import to_json

__all__ = ["Keyring", "key_of"]

IN_JSON = ("json", "members")


@dataclass(frozen=True, slots=True)
class Keyring:
    """The key that encrypts, and by name all that decrypt, that one too."""

    writer: Cipher
    readers: Mapping[str, Cipher]

    def renewed(self, model: str, column: str, kind: Kind, stored: str | bytes) -> str | bytes:
        """Return the stored form of the same value under the key that encrypts.

        Raises SealingFailed where it cannot be decrypted.
        """
        value, name, part = _taken_apart(model, column, kind, stored)
        clear = self._opened(name, part)
        (sealed,) = self.writer.seal_bytes([part._replace(value=clear)])
        if kind in IN_JSON:
            noted = {"by": self.writer.name, "sealed": base64.b64encode(sealed).decode()}
            return to_json({**value, MARK: {**value[MARK], **noted}})
        frame = framed(self.writer.name, part.context, sealed)
        return in_text(frame) if kind == "text" else frame

    def _opened(self, name: str, part: Part) -> Any:
        cipher = self.readers.get(name)
        if cipher is None:
            raise unknown(name)
        (opened,) = cipher.open_bytes([part])
        if opened.fault is not None:
            raise opened.fault
        return opened.value


def key_of(model: str, column: str, kind: Kind, stored: str | bytes) -> str | None:
    """Name the built-in key a stored value is under; None for what is under none."""
    try:
        value = orjson.loads(stored) if kind in IN_JSON else stored
        sealed = told(model, column, kind, value)
    except (ValueError, TypeError):
        return None
    name = sealed[0] if sealed is not None else ""
    return name if name.startswith(KEYS) else None


def _taken_apart(model: str, column: str, kind: Kind, stored: str | bytes) -> tuple[Any, str, Part]:
    value: Any = orjson.loads(stored) if kind in IN_JSON else stored
    sealed = told(model, column, kind, value)
    assert sealed is not None, "whoever asks knows that it is under a key"
    name, part = sealed
    if kind not in IN_JSON:
        return value, name, part
    try:
        octets = base64.b64decode(value[MARK]["sealed"], validate=True)
    except (KeyError, TypeError, ValueError) as fault:
        raise SealingFailed(f"{model}.{column}: what is sealed there was changed") from fault
    return value, name, part._replace(value=octets)
