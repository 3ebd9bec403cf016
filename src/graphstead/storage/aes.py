"""The built-in cipher: AES-GCM under one key, each process with a key of its own derived from it.

Its name, which each value bears, tells the key: `aes-` and an id that follows from it. The
first key of a database from before keys had ids keeps the name `aes` there.

Random nonces of 96 bits are safe for some 2^32 values under one key. Each process therefore derives
its own by HKDF from a random salt, and takes a new salt long before that.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from graphstead.storage.errors import SealingFailed
from graphstead.storage.forms import KEYS, MARK, Part
from graphstead.storage.rows import Json
from graphstead.storage.sealing import Opened

__all__ = ["AesCipher"]

ID_BYTES = 4

SALT_BYTES = 16
NONCE_BYTES = 12
VALUES_PER_SALT = 2**30
KEYS_KEPT = 1024
PROOF = Part("database", "proof", b"graphstead", {})


class AesCipher:
    """Implements `sealing.Cipher`.

    JSON nobody searches is encrypted as a whole. Of objects that are searched, members stay in
    clear but for those called as in `hidden_members`.
    """

    def __init__(self, key: bytes, hidden_members: Collection[str] = ()) -> None:
        self.name = f"{KEYS}-{_id_of(key)}"
        self._hidden = frozenset(hidden_members) | {MARK}
        length = len(key)

        @lru_cache(maxsize=KEYS_KEPT)
        def derived(salt: bytes) -> AESGCM:
            told = b"graphstead at rest"
            return AESGCM(HKDF(algorithm=SHA256(), length=length, salt=salt, info=told).derive(key))

        self._derived = derived
        self._salt = os.urandom(SALT_BYTES)
        self._left = VALUES_PER_SALT

    def seal_bytes(self, parts: Sequence[Part]) -> list[bytes]:
        return [self._seal(part, part.value) for part in parts]

    def open_bytes(self, parts: Sequence[Part]) -> list[Opened]:
        return [self._open(part, part.value) for part in parts]

    def seal_json(self, parts: Sequence[Part]) -> list[Json]:
        return [self._seal_json(part) for part in parts]

    def open_json(self, parts: Sequence[Part]) -> list[Opened]:
        return [self._open_json(part) for part in parts]

    def hidden(self, part: Part) -> Sequence[str]:
        return [name for name in part.value if name in self._hidden]

    def proof(self) -> bytes:
        return self._seal(PROOF, PROOF.value)

    def proves(self, proof: bytes) -> bool:
        return bool(self._open(PROOF, proof).value == PROOF.value)

    def adopt(self, proofs: Mapping[str, bytes]) -> None:
        if KEYS in proofs and self.proves(proofs[KEYS]):
            self.name = KEYS

    def close(self) -> None:
        """Nothing is held."""

    def _seal_json(self, part: Part) -> Json:
        clear: Json = {}
        secret: Any = part.value
        if part.searched:
            secret = {name: part.value[name] for name in self.hidden(part)}
            clear = {name: one for name, one in part.value.items() if name not in secret}
            if not secret:
                return clear
        sealed = base64.b64encode(self._seal(part, orjson.dumps(secret))).decode()
        return {**clear, MARK: {"by": self.name, "sealed": sealed}}

    def _open_json(self, part: Part) -> Opened:
        note = part.value[MARK]
        try:
            stored = base64.b64decode(note["sealed"], validate=True)
        except (KeyError, TypeError, ValueError):
            return Opened(fault=_damaged(part, self.name))
        opened = self._open(part, stored)
        if opened.fault is not None:
            return opened
        value = orjson.loads(opened.value)
        if part.searched:
            value = {name: one for name, one in part.value.items() if name != MARK} | value
        return Opened(value)

    def _seal(self, part: Part, clear: bytes) -> bytes:
        self._left -= 1
        if self._left < 0:
            self._salt, self._left = os.urandom(SALT_BYTES), VALUES_PER_SALT - 1
        salt, nonce = self._salt, os.urandom(NONCE_BYTES)
        return salt + nonce + self._derived(salt).encrypt(nonce, clear, _bound_to(part))

    def _open(self, part: Part, stored: bytes) -> Opened:
        salt, rest = stored[:SALT_BYTES], stored[SALT_BYTES:]
        nonce, sealed = rest[:NONCE_BYTES], rest[NONCE_BYTES:]
        try:
            return Opened(self._derived(salt).decrypt(nonce, sealed, _bound_to(part)))
        except (InvalidTag, ValueError):
            return Opened(fault=_damaged(part, self.name))


def _bound_to(part: Part) -> bytes:
    """Return the column, so that a value moved to another one is refused."""
    return f"{part.model}.{part.field}".encode()


def _id_of(key: bytes) -> str:
    told = b"graphstead key id"
    return HKDF(algorithm=SHA256(), length=ID_BYTES, salt=None, info=told).derive(key).hex()


def _damaged(part: Part, name: str) -> SealingFailed:
    return SealingFailed(
        f"{part.model}.{part.field} cannot be decrypted with the key {name}, which it names: the "
        "stored data was changed"
    )
