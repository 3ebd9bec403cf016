"""One transaction's way through the sealer: rows, filters and loose values, in and out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from graphstead.storage.base import Tx
from graphstead.storage.forms import Kind
from graphstead.storage.rows import (
    AssistantFilter,
    AssistantRow,
    BlobRow,
    CheckpointRow,
    CronFilter,
    CronRow,
    Json,
    NumberedRun,
    Page,
    RunRow,
    SealedPlace,
    StoreRow,
    ThreadFilter,
    ThreadRow,
    WorkerRow,
    WriteRow,
)
from graphstead.storage.sealing import FIELDS, Found, Replacement, Sealer

__all__ = ["FILTERS", "PLAIN", "Session"]

T = TypeVar("T")
PASSED = (str, int, float, bool, type(None), NumberedRun, Page, WorkerRow)
FILTERS: Mapping[type, str] = {
    AssistantFilter: "assistant",
    ThreadFilter: "thread",
    CronFilter: "cron",
}
# What of filters is compared with columns that are never encrypted.
PLAIN = frozenset(
    {"assistant_id", "enabled", "graph_id", "name", "status", "thread_id", "thread_ids", "values"}
)
# Rows that belong to somebody: what is written because of them goes under their context.
KEYS: Mapping[type, tuple[str, tuple[str, ...]]] = {
    AssistantRow: ("assistants", ("assistant_id",)),
    ThreadRow: ("threads", ("thread_id",)),
    RunRow: ("runs", ("run_id",)),
    CronRow: ("crons", ("cron_id",)),
    StoreRow: ("store_items", ("namespace", "key")),
    CheckpointRow: ("checkpoints", ("thread_id", "checkpoint_ns", "checkpoint_id")),
    BlobRow: ("checkpoint_blobs", ("thread_id", "checkpoint_ns", "channel", "version")),
    WriteRow: (
        "checkpoint_writes",
        ("thread_id", "checkpoint_ns", "checkpoint_id", "task_id", "idx"),
    ),
}
OWNED = (ThreadRow, RunRow, CronRow)


class Session:
    """One transaction's way through the sealer, and the context it encrypts under."""

    def __init__(self, sealer: Sealer, asker: Json | None) -> None:
        self.sealer = sealer
        self._asker = asker
        self._found: Json | None = None
        self._better: list[tuple[SealedPlace, Replacement]] = []

    @property
    def context(self) -> Json:
        """Return who asks, else whose the data is that was last read."""
        if self._asker is not None:
            return self._asker
        return self._found or {}

    def seal(self, given: Any) -> Any:
        """Return an argument as the backend may see it. Raises TypeError for loose data."""
        kind = type(given)
        if kind in PASSED:
            return given
        if kind in FIELDS:
            return self.sealer.seal([given], self.context)[0]
        if kind in FILTERS:
            return self._checked(given)
        if isinstance(given, list | tuple):
            if given and type(given[0]) in FIELDS:
                return self.sealer.seal(given, self.context)
            return type(given)(map(self.seal, given))
        raise TypeError(f"{kind.__name__} is not known to be stored encrypted")

    def _checked(self, match: Any) -> Any:
        """Return a filter whose conditions can be compared with what is stored."""
        model = FILTERS[type(match)]
        for field in fields(match):
            if field.name in PLAIN:
                continue
            of_thread = field.name.startswith("thread_")
            self.check("thread" if of_thread else model, _named(getattr(match, field.name)))
        return match

    def check(self, model: str, metadata: Json | None) -> None:
        """Raise SealingRefused where conditions on metadata name encrypted members."""
        if metadata:
            self.sealer.check_searched(model, "metadata", metadata, self.context)

    def value(self, model: str, field: str, kind: Kind, value: Any) -> Any:
        """Return one loose value as it is stored."""
        return self.sealer.seal_values(model, field, kind, [value], self.context)[0]

    def open(self, result: Any, *, lazily: bool = False) -> Any:
        """Return a backend's answer in clear."""
        if type(result) in FIELDS:
            return self.rows([result], lazily=lazily)[0]
        if isinstance(result, list) and result and type(result[0]) in FIELDS:
            return self.rows(result, lazily=lazily)
        return result

    def rows(
        self, rows: Sequence[T], *, lazily: bool = False, place: Mapping[str, Any] | None = None
    ) -> list[T]:
        """Return rows in clear; `place` is what their keys lack. Raises SealingFailed."""
        found = self.sealer.open(rows, lazily=lazily)
        for one in found:
            if one.context and isinstance(one.row, OWNED):
                self._found = one.context
            if one.better:
                self._better.extend(_places(one, place or {}))
        return [_owned(one) for one in found]

    def improve(self, tx: Tx) -> None:
        """Store what the ciphers want stored anew, where it has not changed meanwhile."""
        for place, replacement in self._better:
            tx.sealing.replace(place, replacement.old, replacement.new)
        self._better.clear()

    @property
    def is_better_known(self) -> bool:
        """Tell whether a cipher wants something stored anew."""
        return bool(self._better)


def _named(condition: Any) -> Json:
    """Return the members of metadata that a condition is about, with what it compares them to."""
    if condition is None or isinstance(condition, dict):
        return condition or {}
    if hasattr(condition, "parts"):
        return {name: one for part in condition.parts for name, one in _named(part).items()}
    return {condition.key: getattr(condition, "value", None) or getattr(condition, "values", None)}


def _owned(found: Found[T]) -> T:
    """Let a run say whose it is: what its graph writes is encrypted under the same context."""
    if isinstance(found.row, RunRow):
        return replace(found.row, sealed_for=found.context)
    return found.row


def _places(
    found: Found[Any], place: Mapping[str, Any]
) -> Iterator[tuple[SealedPlace, Replacement]]:
    known = KEYS.get(type(found.row))
    if known is None:
        return
    table, keys = known
    key = {name: getattr(found.row, name, None) or place.get(name) for name in keys}
    for one in found.better:
        of_values = table == "threads" and one.field == "values"
        yield SealedPlace("thread_values" if of_values else table, one.field, key), one
