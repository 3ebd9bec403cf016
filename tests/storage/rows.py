"""Makes the rows that storage tests write; every field has a default."""

from __future__ import annotations

import itertools
from typing import Any
from uuid import UUID

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
    ThreadRow,
    WorkerRow,
    WriteRow,
)

_numbers = itertools.count(1)


def new_id() -> str:
    """Return ids in rising order."""
    return str(UUID(int=(next(_numbers) << 64) | 0x7000_8000_0000_0000_0000))


def at(second: int) -> str:
    """Return the wire timestamp of that second."""
    return f"2026-01-01T00:{second // 60:02}:{second % 60:02}.000000+00:00"


def make_assistant(**fields: Any) -> AssistantRow:
    defaults: dict[str, Any] = {
        "assistant_id": new_id(),
        "graph_id": "chat",
        "name": "Assistant",
        "description": None,
        "config": {},
        "context": {},
        "metadata": {},
        "version": 1,
        "created_at": at(0),
        "updated_at": at(0),
    }
    return AssistantRow(**{**defaults, **fields})


def make_thread(**fields: Any) -> ThreadRow:
    defaults: dict[str, Any] = {
        "thread_id": new_id(),
        "status": "idle",
        "metadata": {},
        "config": {},
        "created_at": at(0),
        "updated_at": at(0),
        "state_updated_at": at(0),
    }
    return ThreadRow(**{**defaults, **fields})


def make_run(**fields: Any) -> RunRow:
    defaults: dict[str, Any] = {
        "run_id": new_id(),
        "thread_id": new_id(),
        "assistant_id": "assistant",
        "status": "pending",
        "metadata": {},
        "kwargs": {},
        "multitask_strategy": "enqueue",
        "created_at": at(0),
        "updated_at": at(0),
        "start_ms": 0,
    }
    return RunRow(**{**defaults, **fields})


def make_worker(**fields: Any) -> WorkerRow:
    defaults: dict[str, Any] = {
        "worker_id": new_id(),
        "host": "here",
        "pid": 1,
        "lease_until_ms": 1000,
    }
    return WorkerRow(**{**defaults, **fields})


def make_event(seq: int, data: bytes = b"{}") -> EventRow:
    return EventRow(seq, seq * 10, "values", data)


def make_end(**fields: Any) -> EndRow:
    defaults: dict[str, Any] = {
        "run_id": new_id(),
        "thread_id": "thread",
        "status": "success",
        "ended_ms": 1,
        "output": b"null",
    }
    return EndRow(**{**defaults, **fields})


def make_checkpoint(**fields: Any) -> CheckpointRow:
    defaults: dict[str, Any] = {
        "thread_id": "thread",
        "checkpoint_ns": "",
        "checkpoint_id": new_id(),
        "parent_checkpoint_id": None,
        "run_id": None,
        "type": "msgpack",
        "checkpoint": b"\x00body",
        "metadata": {},
    }
    return CheckpointRow(**{**defaults, **fields})


def make_blob(channel: str, version: str, blob: bytes = b"\x01value") -> BlobRow:
    return BlobRow(channel, version, "msgpack", blob)


def make_write(task_id: str, idx: int, **fields: Any) -> WriteRow:
    defaults: dict[str, Any] = {
        "task_path": "",
        "channel": "messages",
        "type": "msgpack",
        "blob": b"\x02write",
    }
    return WriteRow(task_id=task_id, idx=idx, **{**defaults, **fields})


def make_replay(**fields: Any) -> ReplayRow:
    defaults: dict[str, Any] = {
        "scope": "run",
        "key": new_id(),
        "fingerprint": "body",
        "answer": b"{}",
        "created_ms": 1,
    }
    return ReplayRow(**{**defaults, **fields})


def make_cron(**fields: Any) -> CronRow:
    defaults: dict[str, Any] = {
        "cron_id": new_id(),
        "assistant_id": "assistant",
        "thread_id": None,
        "user_id": "",
        "caller": {"identity": ""},
        "schedule": "0 9 * * *",
        "timezone": None,
        "end_ms": None,
        "payload": {},
        "metadata": {},
        "on_run_completed": "delete",
        "enabled": True,
        "next_run_ms": 1_000,
        "created_at": at(0),
        "updated_at": at(0),
    }
    return CronRow(**{**defaults, **fields})


def make_delivery(**fields: Any) -> DeliveryRow:
    defaults: dict[str, Any] = {
        "run_id": new_id(),
        "url": "https://hooks.example.com",
        "payload": b"{}",
        "created_ms": 1,
        "next_try_ms": 1,
    }
    return DeliveryRow(**{**defaults, **fields})
