"""Checkpoints as rows and back: what is stored inline, what once per version as a blob.

Numbers, booleans, None and short text travel inside the checkpoint's row; every other channel
value is a blob of its own, written when its version changes and shared by all later steps.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import orjson
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    PendingWrite,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.types import ERROR

from graphstead.engine.wire import dumps
from graphstead.storage.base import Tx
from graphstead.storage.rows import BlobRow, CheckpointRow, WriteRow

__all__ = [
    "Place",
    "StoredCheckpoint",
    "blob_versions",
    "decode_tuple",
    "encode_put",
    "encode_writes",
    "lasting",
    "read_stored",
]

Writes = Sequence[tuple[str, Any]]

SHORT_TEXT = 128
INLINE_TYPES = frozenset({bool, int, float, type(None)})
# Names the channels whose values are blobs, so that a reader asks for those alone.
BLOB_CHANNELS = "blob_channels"


class Place(NamedTuple):
    """Where a checkpoint is: its thread, its namespace (empty for the root graph), its id."""

    thread_id: str
    checkpoint_ns: str
    checkpoint_id: str | None

    @classmethod
    def of(cls, config: RunnableConfig) -> Place:
        conf = config["configurable"]
        return cls(
            str(conf["thread_id"]), conf.get("checkpoint_ns") or "", conf.get("checkpoint_id")
        )

    def config(self) -> RunnableConfig:
        return {"configurable": self._asdict()}


class StoredCheckpoint(NamedTuple):
    """A checkpoint as one read found it; nothing but its frame is decoded yet."""

    row: CheckpointRow
    frame: dict[str, Any]
    blobs: Sequence[BlobRow]
    writes: Sequence[WriteRow]


def encode_put(
    serde: SerializerProtocol,
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    new_versions: ChannelVersions,
) -> tuple[CheckpointRow, list[BlobRow], dict[str, str]]:
    """Encode a checkpoint, those of its blobs that are new, and the versions of all its blobs."""
    place = Place.of(config)
    frame, blobs = _split(serde, checkpoint, new_versions)
    kind, body = serde.dumps_typed(frame)
    told = _json_metadata(get_checkpoint_metadata(config, metadata))
    row = CheckpointRow(
        thread_id=place.thread_id,
        checkpoint_ns=place.checkpoint_ns,
        checkpoint_id=checkpoint["id"],
        parent_checkpoint_id=place.checkpoint_id,
        run_id=told.get("run_id"),
        type=kind,
        checkpoint=body,
        metadata=told,
    )
    return row, blobs, dict(blob_versions(frame))


def _split(
    serde: SerializerProtocol, checkpoint: Checkpoint, new_versions: ChannelVersions
) -> tuple[dict[str, Any], list[BlobRow]]:
    inline: dict[str, Any] = {}
    stored: list[str] = []
    blobs: list[BlobRow] = []
    for channel, value in checkpoint["channel_values"].items():
        if type(value) in INLINE_TYPES or (type(value) is str and len(value) <= SHORT_TEXT):
            inline[channel] = value
            continue
        stored.append(channel)
        version = new_versions.get(channel)
        if version is not None:
            blobs.append(BlobRow(channel, str(version), *serde.dumps_typed(value)))
    frame = {**checkpoint, "channel_values": inline, BLOB_CHANNELS: stored}
    return frame, blobs


def _json_metadata(metadata: CheckpointMetadata) -> dict[str, Any]:
    """Return metadata that a JSON column can hold (most already is)."""
    told = cast(dict[str, Any], metadata)
    if all(map(_is_plain, told.values())):
        return told
    return cast(dict[str, Any], orjson.loads(dumps(told)))


def _is_plain(value: Any) -> bool:
    if type(value) is str:
        return value.isascii()
    return type(value) in INLINE_TYPES or value == {}


def lasting(writes: Writes) -> Writes:
    """Return what may be kept of a task's writes: of one that was cut off, no output.

    LangGraph takes a task with any output for finished, so that what was cut off between its
    output and its decision what is next would end the graph there.
    """
    if any(isinstance(value, CancelledError) for channel, value in writes if channel == ERROR):
        return [(channel, value) for channel, value in writes if channel in WRITES_IDX_MAP]
    return writes


def encode_writes(
    serde: SerializerProtocol, writes: Writes, task_id: str, task_path: str
) -> tuple[list[WriteRow], list[WriteRow]]:
    """Encode a task's writes as (those that are kept once stored, those that replace)."""
    kept: list[WriteRow] = []
    replacing: list[WriteRow] = []
    for position, (channel, value) in enumerate(writes):
        special = WRITES_IDX_MAP.get(channel)
        idx = position if special is None else special
        row = WriteRow(task_id, task_path, idx, channel, *serde.dumps_typed(value))
        (kept if special is None else replacing).append(row)
    return kept, replacing


def read_stored(
    tx: Tx,
    serde: SerializerProtocol,
    row: CheckpointRow,
    seen: dict[tuple[str, str, str, str], BlobRow] | None = None,
) -> StoredCheckpoint:
    """Read what belongs to a checkpoint's row; `seen` shares blobs between rows of a list."""
    frame = serde.loads_typed((row.type, row.checkpoint))
    versions = blob_versions(frame)
    blobs = _blobs(tx, row, versions, {} if seen is None else seen)
    writes = tx.checkpoints.writes(row.thread_id, row.checkpoint_ns, row.checkpoint_id)
    return StoredCheckpoint(row, frame, blobs, writes)


def blob_versions(
    frame: Mapping[str, Any], channels: Iterable[str] | None = None
) -> list[tuple[str, str]]:
    """List (channel, version) of the frame's values that are blobs, of `channels` alone."""
    versions = frame["channel_versions"]
    stored = frame[BLOB_CHANNELS]
    wanted = stored if channels is None else [name for name in channels if name in stored]
    return [(name, str(versions[name])) for name in wanted if name in versions]


def _blobs(
    tx: Tx,
    row: CheckpointRow,
    versions: Sequence[tuple[str, str]],
    seen: dict[tuple[str, str, str, str], BlobRow],
) -> list[BlobRow]:
    thread_id, checkpoint_ns = row.thread_id, row.checkpoint_ns
    missing = [pair for pair in versions if (thread_id, checkpoint_ns, *pair) not in seen]
    if missing:
        for blob in tx.checkpoints.blobs(thread_id, checkpoint_ns, missing):
            seen[thread_id, checkpoint_ns, blob.channel, blob.version] = blob
    keys = ((thread_id, checkpoint_ns, *pair) for pair in versions)
    return [seen[key] for key in keys if key in seen]


def decode_tuple(serde: SerializerProtocol, stored: StoredCheckpoint) -> CheckpointTuple:
    """Rebuild what LangGraph put; pending writes keep the order of the rows."""
    row, frame = stored.row, stored.frame
    frame.pop(BLOB_CHANNELS)
    values = frame["channel_values"]
    for blob in stored.blobs:
        values[blob.channel] = serde.loads_typed((blob.type, blob.blob))
    place = Place(row.thread_id, row.checkpoint_ns, row.checkpoint_id)
    parent = row.parent_checkpoint_id
    return CheckpointTuple(
        config=place.config(),
        checkpoint=cast(Checkpoint, frame),
        metadata=cast(CheckpointMetadata, row.metadata),
        parent_config=place._replace(checkpoint_id=parent).config() if parent else None,
        pending_writes=decode_writes(serde, stored.writes),
    )


def decode_writes(serde: SerializerProtocol, rows: Iterable[WriteRow]) -> list[PendingWrite]:
    """Decode writes as (task_id, channel, value), in the order of the rows."""
    return [(row.task_id, row.channel, serde.loads_typed((row.type, row.blob))) for row in rows]
