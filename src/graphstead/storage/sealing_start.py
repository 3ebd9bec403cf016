"""Opening a database with its ciphers: none that it needs may be missing, none may be wrong.

The database knows every cipher that something in it may be encrypted with. `storage/rotation.py`
lets it forget a key, so each process sees to it, now and then, that it knows those in use.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

import structlog

from graphstead.storage.base import Storage, Tx
from graphstead.storage.errors import SealingRefused
from graphstead.storage.forms import KEYS
from graphstead.storage.rows import SealRow
from graphstead.storage.sealed import SealedStorage
from graphstead.storage.sealing import Cipher, Sealer

__all__ = ["LOOK_S", "check_keys", "with_ciphers"]

log = structlog.get_logger("graphstead.sealed")
# How often a process looks whether the database knows what it encrypts with.
LOOK_S = 2.0
MISSING = {
    "aes": "it is encrypted with a key; set LANGGRAPH_AES_KEY to that key",
    "handlers": "it is encrypted by handlers of the project; langgraph.json has to name them under "
    "encryption.path",
}
WRONG_KEY = (
    "it is encrypted with another key ({name}) than the one in LANGGRAPH_AES_KEY; if a new one "
    "follows it, name the old one in GRAPHSTEAD_AES_READ_KEYS until graphstead db reseal is done"
)


class Voucher:
    """Lets a database know what this process encrypts with, where it does not any more."""

    def __init__(self, rows: Sequence[SealRow], steady_s: Callable[[], float]) -> None:
        self._rows = rows
        self._steady_s = steady_s
        self._due_s = steady_s() + LOOK_S

    def __call__(self, tx: Tx) -> None:
        """Look, if that is due, as a part of a transaction that writes."""
        if self._steady_s() < self._due_s:
            return
        known = {row.cipher for row in tx.sealing.list()}
        missing = [row for row in self._rows if row.cipher not in known]
        if not missing:
            self._due_s = self._steady_s() + LOOK_S
        for row in missing:
            tx.sealing.add(row)
            log.error(
                "this process still encrypts with a key that was taken for replaced: start it with "
                "the new one, then graphstead db reseal again",
                key=row.cipher,
            )


def with_ciphers(
    storage: Storage,
    sealer: Sealer | None,
    now: str,
    steady_s: Callable[[], float] = time.monotonic,
) -> Storage:
    """Return the storage that encrypts with `sealer`, as it is where there is none.

    Raises SealingRefused where the database was encrypted with something else.
    """
    known = _known(storage)
    if sealer is not None:
        sealer.adopt(known)
    _check(known, sealer.ciphers if sealer else {})
    if sealer is None:
        return storage
    rows = [SealRow(name, one.proof(), now) for name, one in sealer.writers.items()]
    new = [row for row in rows if row.cipher not in known]
    if new:
        storage.write_blocking(partial(_add, new))
    return SealedStorage(storage, sealer, Voucher(rows, steady_s))


def check_keys(storage: Storage, keys: Sequence[Cipher]) -> Collection[str]:
    """Let keys go by the names that the database has for them; return those it knows.

    Raises SealingRefused where one is missing.
    """
    known = _known(storage)
    for one in keys:
        one.adopt(known)
    ours = {name: proof for name, proof in known.items() if name.startswith(KEYS)}
    _check(ours, {one.name: one for one in keys})
    return ours.keys()


def _known(storage: Storage) -> Mapping[str, bytes]:
    rows = storage.read_blocking(lambda tx: tx.sealing.list())
    return {row.cipher: row.proof for row in rows}


def _check(known: Mapping[str, bytes], ciphers: Mapping[str, Cipher]) -> None:
    has_key = any(name.startswith(KEYS) for name in ciphers)
    for name, proof in known.items():
        if name not in ciphers or not ciphers[name].proves(proof):
            raise SealingRefused(_missing(name, has_key=has_key))


def _missing(name: str, *, has_key: bool) -> str:
    if not name.startswith(KEYS):
        return MISSING.get(name, f"it is encrypted by {name!r}")
    return WRONG_KEY.format(name=name) if has_key else MISSING[KEYS]


def _add(rows: Sequence[SealRow], tx: Tx) -> None:
    for row in rows:
        tx.sealing.add(row)
