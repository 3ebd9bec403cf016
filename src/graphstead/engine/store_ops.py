"""Operations of LangGraph's store over one transaction.

batch ──► vectors (outside) ──► perform: all operations, in order, in one transaction
                            └─► touch:   what reading prolongs, in a write of its own
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from langgraph.store.base import (
    GetOp,
    InvalidNamespaceError,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
)

from graphstead.engine.clock import Clock, wire_time
from graphstead.engine.embedding import Vectors
from graphstead.storage.base import Tx
from graphstead.storage.conditions import unfit
from graphstead.storage.rows import StoreMatch, StoreRow

__all__ = ["Batch", "checked"]

Namespace = tuple[str, ...]
CENTURY_MINUTES = 52_560_000
MINUTE_MS = 60_000
LARGEST = 2**62
LONGEST_PLACE = 2_000
ANY_LABEL = "*"


def checked(op: Op) -> Op:
    """Return an operation that can be carried out. Raises ValueError, InvalidNamespaceError."""
    if isinstance(op, SearchOp):
        _check_labels(op.namespace_prefix)
        if fault := unfit(op.filter or {}):
            raise ValueError(fault)
    elif isinstance(op, ListNamespacesOp):
        for condition in op.match_conditions or ():
            _check_labels(condition.path)
    elif isinstance(op, GetOp | PutOp):
        _check_labels(op.namespace)
        if isinstance(op, PutOp):
            _check_length(op)
            _check_value(op)
    else:
        raise TypeError(f"The store has no operation {type(op).__name__}")
    return op


def _check_labels(namespace: Sequence[str]) -> None:
    for label in namespace:
        if not isinstance(label, str) or not label or "." in label:
            raise InvalidNamespaceError(
                f"Namespace label {label!r} must be a text without dots that is not empty"
            )


def _check_length(op: PutOp) -> None:
    """Refuse what no index of Postgres could hold, whatever the database."""
    if len(f"{_path(op.namespace)}.{op.key}".encode()) > LONGEST_PLACE:
        raise ValueError(
            f"Namespace and key of an item take at most {LONGEST_PLACE} bytes together"
        )


def _check_value(op: PutOp) -> None:
    """Refuse what some stores keep and the interface does not promise: a bare text, a list."""
    if op.value is not None and not isinstance(op.value, Mapping):
        raise ValueError(
            f"The value of the item {op.key!r} in {_path(op.namespace)!r} must be a dict,"
            f" not a {type(op.value).__name__}: put it into one, under a name"
        )


class Batch:
    """Operations with the vectors they need; `perform` once, then `touch` where anything is due."""

    def __init__(self, ops: Sequence[Op], vectors: Vectors, clock: Clock) -> None:
        self._ops = ops
        self._vectors = vectors
        self._now_ms = clock.now_ms()
        self._due: list[tuple[StoreRow, int]] = []
        self.writes = any(isinstance(op, PutOp) for op in ops)

    @property
    def is_due(self) -> bool:
        """Tell whether an item that was read lives longer for it."""
        return bool(self._due)

    def perform(self, tx: Tx) -> list[Result]:
        """Carry out every operation in order."""
        return [self._perform(tx, number, op) for number, op in enumerate(self._ops)]

    def touch(self, tx: Tx) -> None:
        """Begin the time of items anew that reading prolongs."""
        for row, expires_ms in self._due:
            tx.store.touch(row, expires_ms, self._now_ms)

    def _perform(self, tx: Tx, number: int, op: Op) -> Result:
        if isinstance(op, GetOp):
            return self._get(tx, op)
        if isinstance(op, SearchOp):
            return self._search(tx, op, self._vectors.get(number, ()))
        if isinstance(op, ListNamespacesOp):
            return self._namespaces(tx, op)
        self._put(tx, op, self._vectors.get(number, ()))
        return None

    def _get(self, tx: Tx, op: GetOp) -> Item | None:
        row = tx.store.get(_path(op.namespace), op.key, self._now_ms)
        if row is None:
            return None
        if op.refresh_ttl:
            self._prolong(row)
        return Item(**_members(row))

    def _put(self, tx: Tx, op: PutOp, vectors: Sequence[bytes]) -> None:
        if op.value is None:
            tx.store.delete(_path(op.namespace), op.key)
            return
        at = wire_time()
        row = StoreRow(
            namespace=_path(op.namespace),
            key=op.key,
            value=dict(op.value),
            created_at=at,
            updated_at=at,
            ttl_minutes=op.ttl,
            expires_ms=None if op.ttl is None else self._now_ms + _lifetime_ms(op.ttl),
        )
        tx.store.put(row, vectors, self._now_ms)

    def _search(self, tx: Tx, op: SearchOp, query: Sequence[bytes]) -> list[SearchItem]:
        match = StoreMatch(self._now_ms, _path(op.namespace_prefix), op.filter)
        found = tx.store.search(
            match,
            query[0] if query else None,
            limit=min(op.limit, LARGEST),
            offset=min(op.offset, LARGEST),
        )
        if op.refresh_ttl:
            for row, _ in found:
                self._prolong(row)
        return [SearchItem(**_members(row), score=score) for row, score in found]

    def _namespaces(self, tx: Tx, op: ListNamespacesOp) -> list[Namespace]:
        conditions = op.match_conditions or ()
        stored = tx.store.namespaces(_path(_literal_start(conditions)), self._now_ms)
        every = (tuple(path.split(".")) for path in stored)
        found = {
            namespace[: op.max_depth]
            for namespace in every
            if all(_is_matched(namespace, one) for one in conditions)
        }
        return sorted(found)[op.offset : op.offset + op.limit]

    def _prolong(self, row: StoreRow) -> None:
        """Note a new end, unless it were less than a hundredth of the lifetime away."""
        if row.ttl_minutes is None or row.expires_ms is None:
            return
        lifetime_ms = _lifetime_ms(row.ttl_minutes)
        expires_ms = self._now_ms + lifetime_ms
        if expires_ms - row.expires_ms > lifetime_ms // 100:
            self._due.append((row, expires_ms))


def _lifetime_ms(minutes: float) -> int:
    return int(min(minutes, CENTURY_MINUTES) * MINUTE_MS)


def _path(namespace: Sequence[str]) -> str:
    return ".".join(namespace)


def _members(row: StoreRow) -> dict[str, Any]:
    return {
        "namespace": tuple(row.namespace.split(".")),
        "key": row.key,
        "value": row.value,
        "created_at": datetime.fromisoformat(row.created_at),
        "updated_at": datetime.fromisoformat(row.updated_at),
    }


def _literal_start(conditions: Sequence[MatchCondition]) -> Sequence[str]:
    """Return the labels that every wanted namespace begins with."""
    for condition in conditions:
        if condition.match_type == "prefix":
            labels = list(condition.path)
            return labels[: labels.index(ANY_LABEL)] if ANY_LABEL in labels else labels
    return ()


def _is_matched(namespace: Namespace, condition: MatchCondition) -> bool:
    wanted = condition.path
    if len(wanted) > len(namespace):
        return False
    begins = condition.match_type == "prefix"
    part = namespace[: len(wanted)] if begins else namespace[len(namespace) - len(wanted) :]
    return all(want in (ANY_LABEL, have) for have, want in zip(part, wanted, strict=True))
