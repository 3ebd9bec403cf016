"""Delta channels: values that a checkpoint does not hold but its ancestors' writes rebuild.

Such a channel is found in `channel_values` only where it was snapshotted. What lies between
that ancestor and a checkpoint must be readable, and must survive pruning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from langgraph.checkpoint.base import DeltaChannelHistory, PendingWrite
from langgraph.checkpoint.serde.base import SerializerProtocol

from graphstead.engine.checkpoint_rows import Place, blob_versions, decode_writes
from graphstead.storage.base import Tx
from graphstead.storage.rows import BlobRow, CheckpointRow, WriteRow

__all__ = ["Ancestor", "history", "keep_latest", "read_ancestors"]

COUNTERS = "counters_since_delta_snapshot"


class Ancestor(NamedTuple):
    """One ancestor on the path to a snapshot, with what it knows of the channels sought."""

    inline: Mapping[str, Any]
    blobs: Sequence[BlobRow]
    writes: Sequence[WriteRow]


def read_ancestors(
    tx: Tx, serde: SerializerProtocol, place: Place, channels: Sequence[str]
) -> list[Ancestor]:
    """Read the ancestors of `place`, nearest first, until each channel has a stored value."""
    found: list[Ancestor] = []
    remaining = set(channels)
    target = tx.checkpoints.get(*place)
    for row in _parents(target, lambda parent: _get(tx, place, parent)):
        if not remaining:
            break
        inline, blobs = _values(tx, serde, row, remaining)
        writes = tx.checkpoints.writes(row.thread_id, row.checkpoint_ns, row.checkpoint_id)
        found.append(Ancestor(inline, blobs, [w for w in writes if w.channel in remaining]))
        remaining.difference_update(inline, (blob.channel for blob in blobs))
    return found


def history(
    serde: SerializerProtocol, ancestors: Sequence[Ancestor], channels: Sequence[str]
) -> dict[str, DeltaChannelHistory]:
    """Gather per channel its seed and the writes since, oldest first."""
    writes: dict[str, list[PendingWrite]] = {channel: [] for channel in channels}
    seeds: dict[str, Any] = {}
    for ancestor in reversed(ancestors):
        seeds.update(ancestor.inline)
        for blob in ancestor.blobs:
            seeds[blob.channel] = serde.loads_typed((blob.type, blob.blob))
        for write in decode_writes(serde, ancestor.writes):
            writes[write[1]].append(write)
    return {channel: _entry(channel, writes, seeds) for channel in channels}


def _entry(
    channel: str, writes: Mapping[str, list[PendingWrite]], seeds: Mapping[str, Any]
) -> DeltaChannelHistory:
    entry: DeltaChannelHistory = {"writes": writes[channel]}
    if channel in seeds:
        entry["seed"] = seeds[channel]
    return entry


def _get(tx: Tx, place: Place, checkpoint_id: str) -> CheckpointRow | None:
    return tx.checkpoints.get(place.thread_id, place.checkpoint_ns, checkpoint_id)


def _parents(
    row: CheckpointRow | None, get: Callable[[str], CheckpointRow | None]
) -> Iterator[CheckpointRow]:
    """Yield a row's ancestors, nearest first; a loop of parents ends at its first repeat."""
    walked = set[str]()
    while row is not None and row.parent_checkpoint_id and row.checkpoint_id not in walked:
        walked.add(row.checkpoint_id)
        row = get(row.parent_checkpoint_id)
        if row is not None and row.checkpoint_id not in walked:
            yield row


def _values(
    tx: Tx, serde: SerializerProtocol, row: CheckpointRow, channels: set[str]
) -> tuple[dict[str, Any], Sequence[BlobRow]]:
    frame = serde.loads_typed((row.type, row.checkpoint))
    values = frame["channel_values"]
    inline = {name: values[name] for name in channels if name in values}
    versions = blob_versions(frame, channels)
    if not versions:
        return inline, ()
    return inline, tx.checkpoints.blobs(row.thread_id, row.checkpoint_ns, versions)


def keep_latest(tx: Tx, serde: SerializerProtocol, thread_id: str) -> None:
    """Keep each namespace's newest checkpoint and the ancestors its delta channels need."""
    rows = tx.checkpoints.list(thread_id, None)
    newest: dict[str, CheckpointRow] = {}
    for row in rows:
        held = newest.get(row.checkpoint_ns)
        if held is None or row.checkpoint_id > held.checkpoint_id:
            newest[row.checkpoint_ns] = row
    if any(row.metadata.get(COUNTERS) for row in newest.values()):
        _rewrite(tx, serde, thread_id, _needed(tx, serde, rows, newest))
    else:
        tx.checkpoints.prune([thread_id], "keep_latest")


def _needed(
    tx: Tx,
    serde: SerializerProtocol,
    rows: Sequence[CheckpointRow],
    newest: Mapping[str, CheckpointRow],
) -> list[CheckpointRow]:
    by_id = {(row.checkpoint_ns, row.checkpoint_id): row for row in rows}
    kept: list[CheckpointRow] = []
    for checkpoint_ns, row in newest.items():
        kept.append(row)
        remaining = set(row.metadata.get(COUNTERS) or ())
        for parent in _parents(row, lambda key, ns=checkpoint_ns: by_id.get((ns, key))):  # type: ignore[misc]
            if not remaining:
                break
            kept.append(parent)
            inline, blobs = _values(tx, serde, parent, remaining)
            remaining.difference_update(inline, (blob.channel for blob in blobs))
    return kept


def _rewrite(
    tx: Tx, serde: SerializerProtocol, thread_id: str, rows: Sequence[CheckpointRow]
) -> None:
    """Leave the thread with these checkpoints alone."""
    parts = [(row, *_parts(tx, serde, row)) for row in rows]
    tx.checkpoints.delete_thread(thread_id)
    for row, versions, blobs, writes in parts:
        tx.checkpoints.put(row, blobs, versions=versions)
        tx.checkpoints.put_writes(
            row.thread_id, row.checkpoint_ns, row.checkpoint_id, writes, replace=True
        )


def _parts(
    tx: Tx, serde: SerializerProtocol, row: CheckpointRow
) -> tuple[dict[str, str], Sequence[BlobRow], Sequence[WriteRow]]:
    versions = blob_versions(serde.loads_typed((row.type, row.checkpoint)))
    blobs = tx.checkpoints.blobs(row.thread_id, row.checkpoint_ns, versions) if versions else ()
    writes = tx.checkpoints.writes(row.thread_id, row.checkpoint_ns, row.checkpoint_id)
    return dict(versions), blobs, writes
