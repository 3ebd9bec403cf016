"""Every column that holds encrypted values, table by table, for whoever has to look at them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphstead.storage.forms import Kind
from graphstead.storage.rows import (
    AssistantRow,
    BlobRow,
    CheckpointRow,
    CronRow,
    DeliveryRow,
    EndRow,
    EventRow,
    ReplayRow,
    RunRow,
    StoreRow,
    ThreadRow,
    WriteRow,
)
from graphstead.storage.sealing import FIELDS

__all__ = ["SEALED", "SealedColumns"]

CHECKPOINT = ("thread_id", "checkpoint_ns", "checkpoint_id")


@dataclass(frozen=True, slots=True)
class SealedColumns:
    """A table's columns with encrypted values; `key` has what comes before the first key."""

    table: str
    model: str
    key: Mapping[str, Any]
    columns: tuple[tuple[str, Kind], ...]


def _columns(table: str, row: type, *texts: str, **numbers: int) -> SealedColumns:
    model, fields = FIELDS[row]
    apart = table == "threads"
    kept = tuple(field for field in fields if not (apart and field[0] == "values"))
    return SealedColumns(table, model, dict.fromkeys(texts, "") | numbers, kept)


SEALED: Sequence[SealedColumns] = (
    _columns("assistants", AssistantRow, "assistant_id"),
    _columns("assistant_versions", AssistantRow, "assistant_id", version=-1),
    _columns("threads", ThreadRow, "thread_id"),
    SealedColumns("thread_values", "thread", {"thread_id": ""}, (("values", "json"),)),
    _columns("runs", RunRow, "run_id"),
    _columns("crons", CronRow, "cron_id"),
    _columns("store_items", StoreRow, "namespace", "key"),
    _columns("checkpoints", CheckpointRow, *CHECKPOINT),
    _columns("checkpoint_blobs", BlobRow, *CHECKPOINT[:2], "channel", "version"),
    _columns("checkpoint_writes", WriteRow, *CHECKPOINT, "task_id", idx=-1_000_000),
    _columns("replaced_writes", WriteRow, "run_id", *CHECKPOINT, "task_id", idx=-1_000_000),
    _columns("events", EventRow, "run_id", seq=-1),
    _columns("ends", EndRow, "run_id"),
    _columns("replays", ReplayRow, "scope", "key"),
    _columns("deliveries", DeliveryRow, "run_id"),
)
