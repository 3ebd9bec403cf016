"""Keys of this server: made and ended on the command line, looked up with every request.

    gsk_3f9a1c20_Jk…      prefix, the key's id, 256 random bits

Only the SHA-256 of the random part is stored: it cannot be guessed, so nothing slower is needed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from graphstead.engine.clock import Clock
from graphstead.storage.base import Storage
from graphstead.storage.rows import ApiKeyRow

__all__ = ["KNOWN_FOR_S", "ApiKeys", "NewKey"]

PREFIX = "gsk"
SECRET_BYTES = 32
LISTED = 1_000
DAY_MS = 86_400_000
KNOWN_FOR_S = 0.5
NOTED_EVERY_MS = 60_000
REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as its owner gets it, once; nobody can read it again."""

    token: str
    row: ApiKeyRow


class ApiKeys:
    """Creating, listing, revoking and recognising keys."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._known: dict[str, tuple[float, ApiKeyRow | None]] = {}

    def create(
        self,
        identity: str,
        *,
        name: str = "",
        permissions: Sequence[str] = (),
        expires_days: float | None = None,
    ) -> NewKey:
        """Make a key for an identity. Blocks."""
        now_ms = self._clock.now_ms()
        while True:
            secret, key_id = secrets.token_urlsafe(SECRET_BYTES), secrets.token_hex(4)
            row = ApiKeyRow(
                key_id=key_id,
                secret_hash=_hash(secret),
                identity=identity,
                name=name,
                permissions=tuple(permissions),
                created_ms=now_ms,
                expires_ms=None if expires_days is None else now_ms + int(expires_days * DAY_MS),
            )
            if self._storage.write_blocking(lambda tx, row=row: tx.keys.add(row)):  # type: ignore[misc]
                return NewKey(f"{PREFIX}_{key_id}_{secret}", row)

    def list(self) -> list[ApiKeyRow]:
        """List keys, newest first. Blocks."""
        return self._storage.read_blocking(lambda tx: tx.keys.list(LISTED))

    def revoke(self, key: str) -> bool:
        """End a key, named by its id or in full; False where there is nothing to end. Blocks."""
        key_id, now_ms = _key_id(key), self._clock.now_ms()
        return self._storage.write_blocking(lambda tx: tx.keys.revoke(key_id, now_ms))

    async def find(self, token: str) -> ApiKeyRow | None:
        """Return the key that this token is, None for one that is unknown, ended or expired.

        A revocation takes effect within `KNOWN_FOR_S`.
        """
        parts = token.split("_", 2)
        if len(parts) != 3 or parts[0] != PREFIX:
            return None
        row = await self._row(parts[1])
        if row is None or not hmac.compare_digest(row.secret_hash, _hash(parts[2])):
            return None
        now_ms = self._clock.now_ms()
        if row.revoked_ms is not None or (row.expires_ms is not None and row.expires_ms <= now_ms):
            return None
        await self._note(row, now_ms)
        return row

    async def _row(self, key_id: str) -> ApiKeyRow | None:
        known, at_s = self._known.get(key_id), time.monotonic()
        if known is not None and at_s - known[0] < KNOWN_FOR_S:
            return known[1]
        row = await self._storage.read(lambda tx: tx.keys.get(key_id))
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[key_id] = at_s, row
        return row

    async def _note(self, row: ApiKeyRow, now_ms: int) -> None:
        """Note the use of a key, at most once a minute."""
        if row.last_used_ms is None or now_ms - row.last_used_ms >= NOTED_EVERY_MS:
            self._known.pop(row.key_id, None)
            await self._storage.write(lambda tx: tx.keys.used(row.key_id, now_ms))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _key_id(key: str) -> str:
    parts = key.split("_", 2)
    return parts[1] if len(parts) > 1 and parts[0] == PREFIX else key
