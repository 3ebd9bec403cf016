"""What storage remembers: rows, the filters that find them, and the bells that tell of them.

Wire timestamps are ISO 8601 UTC text with six decimals, so that text order is time order; engine
times are epoch milliseconds (`_ms`). JSON columns hold decoded values; blobs are opaque bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from graphstead.storage.rules import Condition

Json = dict[str, Any]
RunStatus = Literal["pending", "running", "success", "error", "timeout", "interrupted"]
ThreadStatus = Literal["idle", "busy", "interrupted", "error"]
CancelAction = Literal["interrupt", "rollback"]
Topic = Literal["ready", "events", "ended", "cancel", "thread", "crons", "deliveries", "sweep"]


class Bell(NamedTuple):
    """Name what changed; bells carry no data, a lost one costs at most one poll (1 s)."""

    topic: Topic
    key: str = ""


@dataclass(frozen=True, slots=True)
class AssistantRow:
    assistant_id: str
    graph_id: str
    name: str
    description: str | None
    config: Json
    context: Json
    metadata: Json
    version: int
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """One thread; `values`, `error`, `interrupts` mirror its newest checkpoint and last run."""

    thread_id: str
    status: ThreadStatus
    metadata: Json
    config: Json
    created_at: str
    updated_at: str
    state_updated_at: str
    values: Any = None
    error: Json | None = None
    interrupts: Json = field(default_factory=dict)
    ttl: Json | None = None
    expires_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ShownRow:
    """What a thread shows once a run of it has ended, unless another one keeps it busy.

    With `keeps_values` its values stay what they are.
    """

    thread_id: str
    status: ThreadStatus
    values: Any
    error: Json | None
    interrupts: Json
    updated_at: str
    keeps_values: bool = False


class Owned(NamedTuple):
    """A run that is still its owner's, and what it is asked to do."""

    cancel: CancelAction | None


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run. `gen` rises with every claim; a writer holding an older one is refused.

    `sealed_for` is the context that the row was found encrypted under. A run that was claimed knows
    `after_ms`, the time of what was told last on its thread, by the clock of whoever told it.
    """

    run_id: str
    thread_id: str
    assistant_id: str
    status: RunStatus
    metadata: Json
    kwargs: Json
    multitask_strategy: str
    created_at: str
    updated_at: str
    start_ms: int
    blocked: bool = False
    temporary: bool = False
    gen: int = 0
    attempt: int = 0
    worker: str | None = None
    cancel: CancelAction | None = None
    base_checkpoint_id: str | None = None
    sealed_for: Json | None = None
    after_ms: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class WorkerRow:
    worker_id: str
    host: str
    pid: int
    lease_until_ms: int


@dataclass(frozen=True, slots=True)
class EventRow:
    """One stream event of a run; `seq` starts at 1 and has no gaps; `data` is JSON text."""

    seq: int
    created_ms: int
    event: str
    data: bytes


# In place of events that are no longer there to be read; `seq` is that of the last of them.
GAP = "gap"


class Fresh(NamedTuple):
    """Events right behind those a follower has; `more` tells it to look again at once."""

    rows: Sequence[EventRow]
    more: bool = False


@dataclass(frozen=True, slots=True)
class EndRow:
    """How a run ended; outlives the row of a temporary run so that waiters can read it.

    `thread_status` is how the run itself left its thread, None where it did not touch it;
    `metadata` is that of a temporary run: no thread is left to tell whose it was.
    """

    run_id: str
    thread_id: str
    status: RunStatus
    ended_ms: int
    output: bytes
    thread_status: ThreadStatus | None = None
    metadata: Json | None = None


class EndedRun(NamedTuple):
    """When a run ended; without its output, which may be large."""

    run_id: str
    ended_ms: int


@dataclass(frozen=True, slots=True)
class NumberedRun:
    """A run whose protocol events have numbers on their thread: base + 1, base + 2 and so on.

    `place` counts the thread's numbered runs from 1. `frames` is how many events the run has,
    None as long as that is not settled.
    """

    run_id: str
    thread_id: str
    place: int
    graph_id: str | None
    base: int
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """One checkpoint without its channel values, which live once per version as blobs."""

    thread_id: str
    checkpoint_ns: str
    checkpoint_id: str
    parent_checkpoint_id: str | None
    run_id: str | None
    type: str
    checkpoint: bytes
    metadata: Json


@dataclass(frozen=True, slots=True)
class BlobRow:
    channel: str
    version: str
    type: str
    blob: bytes


@dataclass(frozen=True, slots=True)
class WriteRow:
    """One pending write of a task, addressed by (task_id, idx) under its checkpoint."""

    task_id: str
    task_path: str
    idx: int
    channel: str
    type: str
    blob: bytes


@dataclass(frozen=True, slots=True)
class Usage:
    """How many things of one kind a thread has stored, and how many bytes they take."""

    count: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ThreadUsage:
    """What a thread's checkpoints take; `values` is by channel, a count of stored versions."""

    checkpoints: Usage
    values: Mapping[str, Usage]
    writes: Usage


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """An answer remembered under an Idempotency-Key; `fingerprint` tells its request's body."""

    scope: str
    key: str
    fingerprint: str
    answer: bytes
    created_ms: int


@dataclass(frozen=True, slots=True)
class StoreRow:
    """One item of the store; `namespace` has its labels joined by dots, which no label has."""

    namespace: str
    key: str
    value: Json
    created_at: str
    updated_at: str
    ttl_minutes: float | None = None
    expires_ms: int | None = None


@dataclass(frozen=True, slots=True)
class StoreMatch:
    """Items alive at `now_ms`, in `prefix` or below, that meet `filter` (`conditions.meets`)."""

    now_ms: int
    prefix: str = ""
    filter: Json | None = None


@dataclass(frozen=True, slots=True)
class CronRow:
    """A schedule and the run it makes; `next_run_ms` is None when no date is to come.

    `caller` is who made it, and for whom its runs are made.
    """

    cron_id: str
    assistant_id: str
    thread_id: str | None
    user_id: str
    caller: Json
    schedule: str
    timezone: str | None
    end_ms: int | None
    payload: Json
    metadata: Json
    on_run_completed: str | None
    enabled: bool
    next_run_ms: int | None
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A webhook call that is owed for the end of a run; without `next_try_ms` it is given up."""

    run_id: str
    url: str
    payload: bytes
    created_ms: int
    next_try_ms: int | None
    attempts: int = 0
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class SealRow:
    """A cipher that encrypts this database since a wire time; `proof` is what it made of a text."""

    cipher: str
    proof: bytes
    since: str


@dataclass(frozen=True, slots=True)
class SealedPlace:
    """Where an encrypted value is stored: `table`.`column`, in the row with this `key`."""

    table: str
    column: str
    key: Mapping[str, Any]


class Resealed(NamedTuple):
    """Another stored form for the one that is in a column of the row with this key."""

    column: str
    key: Mapping[str, Any]
    old: str | bytes
    new: str | bytes


@dataclass(frozen=True, slots=True)
class Page:
    """A bounded slice of a sorted list; `sort_by` is one of the columns the caller declares."""

    limit: int = 10
    offset: int = 0
    sort_by: str = "created_at"
    descending: bool = True


@dataclass(frozen=True, slots=True)
class AssistantFilter:
    """All given parts must hold; `access` is what the caller's rule demands of metadata."""

    graph_id: str | None = None
    name: str | None = None
    metadata: Json | None = None
    access: Condition | None = None


@dataclass(frozen=True, slots=True)
class ThreadFilter:
    """All given parts must hold; `metadata` and `values` match by containment.

    `access` is what the caller's rule demands of metadata.
    """

    metadata: Json | None = None
    values: Json | None = None
    status: ThreadStatus | None = None
    thread_ids: Sequence[str] | None = None
    access: Condition | None = None


@dataclass(frozen=True, slots=True)
class CronFilter:
    """All given parts must hold; `metadata` matches by containment.

    `access` is what the caller's rule demands of a cron's metadata, `thread_access` of that of its
    thread, where it has one.
    """

    assistant_id: str | None = None
    thread_id: str | None = None
    enabled: bool | None = None
    metadata: Json | None = None
    access: Condition | None = None
    thread_access: Condition | None = None


@dataclass(frozen=True, slots=True)
class ApiKeyRow:
    """A key of this server; of its secret part only the SHA-256 is known."""

    key_id: str
    secret_hash: bytes
    identity: str
    name: str
    permissions: tuple[str, ...]
    created_ms: int
    expires_ms: int | None = None
    revoked_ms: int | None = None
    last_used_ms: int | None = None
