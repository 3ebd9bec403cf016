"""Rotating the built-in key: walks through all that is encrypted, one short transaction at a time.

Servers go on meanwhile. A value is replaced only where it is still the one that was read, and what
they write is under the new key already. Nothing is under an old one when a walk finds nothing, the
database has forgotten the old keys, and no process has let it know one again while a last walk
found nothing either.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from graphstead.storage.base import Storage, Tx
from graphstead.storage.errors import SealingFailed
from graphstead.storage.forms import KEYS, Kind
from graphstead.storage.resealing import Keyring, key_of
from graphstead.storage.rows import Resealed, SealRow
from graphstead.storage.sealed_columns import SEALED, SealedColumns
from graphstead.storage.sealing_start import LOOK_S

__all__ = ["Rotation", "Walk"]

WALKS = 5
FIRST_ROWS, MOST_ROWS = 100, 1000
# A page is larger or smaller than the one before, so that its values take about as much.
PAGE_BYTES = 1024 * 1024
FAULTS_KEPT = 10
Row = tuple[Mapping[str, Any], Sequence[str | bytes | None]]


@dataclass(slots=True)
class Walk:
    """What a walk saw: rows, values under old keys by key, how many of them were put under the new.

    `faults` tells of the first that cannot be read.
    """

    rows: int = 0
    old: Counter[str] = field(default_factory=Counter)
    renewed: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Count the values that were left under old keys."""
        return self.old.total() - self.renewed

    def note(self, place: str, fault: SealingFailed) -> None:
        """Remember one of the first values that cannot be read."""
        if len(self.faults) < FAULTS_KEPT:
            self.faults.append(f"{place}: {fault}")


class Rotation:
    """Puts everything under one key; `told` hears of each page: the table, the walk so far."""

    def __init__(
        self,
        storage: Storage,
        keys: Keyring,
        told: Callable[[str, Walk], None],
        *,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._storage = storage
        self._keys = keys
        self._told = told
        self._wait = wait

    @property
    def key_name(self) -> str:
        """Return the name of the key that everything is put under."""
        return self._keys.writer.name

    def count(self) -> Walk:
        """Count what is under old keys, changing nothing."""
        return self._walk(renews=False)

    def renew(self) -> tuple[int, Walk]:
        """Put all under the new key, walk by walk until one has nothing to do.

        Servers copy and write behind the place where a walk is. Return how many values were
        renewed, and the last walk: after `WALKS` it may have been a busy one.
        """
        total = 0
        for _ in range(WALKS):
            walk = self._walk(renews=True)
            total += walk.renewed
            if not walk.renewed:
                break
        return total, walk

    def streams(self) -> Mapping[str, int]:
        """Count by key the runs that have events beside the database under an old one.

        Those cannot be renewed, they go with their time.
        """
        log = self._storage.log
        found = {} if log is None else log.keys()
        return {name: n for name, n in found.items() if name != self.key_name}

    def retire(self) -> tuple[str, ...]:
        """Let the database forget the old keys, unless something is under one nevertheless.

        A server that still encrypts with one lets the database know it again while we wait. Return
        the names of the keys that are still needed.
        """
        rows = self._old_rows()
        self._storage.write_blocking(partial(_forget, rows))
        self._wait(2 * LOOK_S)
        found, back = self.count(), self._old_rows()
        needed = {*found.old, *self.streams(), *(row.cipher for row in back)}
        known = [row for row in rows if row.cipher in needed]
        if known:
            self._storage.write_blocking(partial(_know, known))
        return tuple(sorted(needed))

    def _old_rows(self) -> list[SealRow]:
        known = self._storage.read_blocking(lambda tx: tx.sealing.list())
        name = self.key_name
        return [row for row in known if row.cipher.startswith(KEYS) and row.cipher != name]

    def _walk(self, *, renews: bool) -> Walk:
        seen = Walk()
        for columns in SEALED:
            after, limit = columns.key, FIRST_ROWS
            while rows := self._page(columns, after, limit):
                size = self._look(columns, rows, seen, renews=renews)
                after, limit = rows[-1][0], _next_limit(limit, size)
                self._told(columns.table, seen)
        return seen

    def _page(self, columns: SealedColumns, after: Mapping[str, Any], limit: int) -> list[Row]:
        name = self.key_name
        return self._storage.read_blocking(lambda tx: tx.sealing.page(columns, after, limit, name))

    def _look(
        self, columns: SealedColumns, rows: Sequence[Row], seen: Walk, *, renews: bool
    ) -> int:
        """Count a page, renew it where that is asked for; return the bytes of what was read."""
        seen.rows += len(rows)
        size, renewed = 0, list[Resealed]()
        for key, values in rows:
            for (column, kind), stored in zip(columns.columns, values, strict=True):
                size += len(stored or "")
                name = stored and key_of(columns.model, column, kind, stored)
                if not stored or not name or name == self.key_name:
                    continue
                seen.old[name] += 1
                if renews:
                    renewed += self._renewed(columns, key, (column, kind), stored, seen)
        if renewed:
            self._storage.write_blocking(lambda tx: tx.sealing.renew(columns.table, renewed))
            seen.renewed += len(renewed)
        return size

    def _renewed(
        self,
        columns: SealedColumns,
        key: Mapping[str, Any],
        where: tuple[str, Kind],
        stored: str | bytes,
        seen: Walk,
    ) -> list[Resealed]:
        column, kind = where
        try:
            new = self._keys.renewed(columns.model, column, kind, stored)
        except SealingFailed as fault:
            place = ", ".join(map(str, key.values()))
            seen.note(f"{columns.table} ({place})", fault)
            return []
        return [Resealed(column, key, stored, new)]


def _next_limit(limit: int, size: int) -> int:
    """Return how many rows the next page has, a few times more or less than this one."""
    wanted = limit * PAGE_BYTES // max(size, PAGE_BYTES // 4)
    return max(1, min(wanted, MOST_ROWS))


def _forget(rows: Sequence[SealRow], tx: Tx) -> None:
    for row in rows:
        tx.sealing.forget(row.cipher)


def _know(rows: Sequence[SealRow], tx: Tx) -> None:
    for row in rows:
        tx.sealing.add(row)
