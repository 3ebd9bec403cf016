"""Opening a database with its ciphers: none that it needs may be missing, none may be wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from graphstead.storage.base import Storage, Tx
from graphstead.storage.errors import SealingRefused
from graphstead.storage.rows import SealRow
from graphstead.storage.sealed import SealedStorage
from graphstead.storage.sealing import Cipher, Sealer

__all__ = ["with_ciphers"]

MISSING = {
    "aes": "it is encrypted with a key; set LANGGRAPH_AES_KEY to that key",
    "handlers": "it is encrypted by handlers of the project; langgraph.json has to name them under "
    "encryption.path",
}
WRONG_KEY = "it is encrypted with another key than the one in LANGGRAPH_AES_KEY"


def with_ciphers(storage: Storage, sealer: Sealer | None, now: str) -> Storage:
    """Return the storage that encrypts with `sealer`, as it is where there is none.

    Raises SealingRefused where the database was encrypted with something else.
    """
    ciphers: Mapping[str, Cipher] = sealer.ciphers if sealer else {}
    known = {row.cipher: row for row in storage.read_blocking(lambda tx: tx.sealing.list())}
    for name, row in known.items():
        if name not in ciphers:
            raise SealingRefused(MISSING.get(name, f"it is encrypted by {name!r}"))
        if not ciphers[name].proves(row.proof):
            raise SealingRefused(WRONG_KEY)
    new = [SealRow(name, ciphers[name].proof(), now) for name in ciphers if name not in known]
    if new:
        storage.write_blocking(partial(_add, new))
    return SealedStorage(storage, sealer) if sealer else storage


def _add(rows: Sequence[SealRow], tx: Tx) -> None:
    for row in rows:
        tx.sealing.add(row)
