"""Checkpoints, their channel blobs (once per version) and pending writes."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import Any

from graphstead.storage.rows import BlobRow, CheckpointRow, Json, ThreadUsage, Usage, WriteRow
from graphstead.storage.statements import (
    Row,
    Statements,
    from_json,
    to_json,
    to_json_or_null,
)

_UNBOUNDED = 2**63 - 1


class StoredCheckpoints:
    """Implements `base.Checkpoints`."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Statements) -> None:
        self._sql = sql

    def put(
        self,
        row: CheckpointRow,
        blobs: Sequence[BlobRow],
        *,
        versions: Mapping[str, str] | None = None,
    ) -> None:
        """Store a checkpoint and its new blobs.

        `versions` names every (channel, version) it needs; without it no older blob of its
        namespace can be given up by `prune` and `delete_runs`.
        """
        place = {
            "thread_id": row.thread_id,
            "checkpoint_ns": row.checkpoint_ns,
            "checkpoint_id": row.checkpoint_id,
        }
        self._sql.execute(
            "checkpoints.put",
            **place,
            parent_checkpoint_id=row.parent_checkpoint_id,
            run_id=row.run_id,
            type=row.type,
            checkpoint=row.checkpoint,
            metadata=to_json(row.metadata),
            versions=to_json_or_null(versions),
        )
        self._sql.execute_many("checkpoints.put_blob", [place | _blob_values(b) for b in blobs])

    def put_writes(
        self,
        thread_id: str,
        checkpoint_ns: str,
        checkpoint_id: str,
        rows: Sequence[WriteRow],
        *,
        replace: bool,
        undo_of: str | None = None,
    ) -> None:
        place = {
            "thread_id": thread_id,
            "checkpoint_ns": checkpoint_ns,
            "checkpoint_id": checkpoint_id,
        }
        if undo_of is not None:
            of_run = place | {"run_id": undo_of}
            keys = [of_run | {"task_id": row.task_id, "idx": row.idx} for row in rows]
            self._sql.execute_many("checkpoints.remember_write", keys)
        name = "checkpoints.put_write" if replace else "checkpoints.add_write"
        self._sql.execute_many(name, [place | _write_values(row) for row in rows])

    def get(
        self, thread_id: str, checkpoint_ns: str, checkpoint_id: str | None
    ) -> CheckpointRow | None:
        if checkpoint_id is None:
            row = self._sql.row(
                "checkpoints.newest", thread_id=thread_id, checkpoint_ns=checkpoint_ns
            )
        else:
            row = self._sql.row(
                "checkpoints.get",
                thread_id=thread_id,
                checkpoint_ns=checkpoint_ns,
                checkpoint_id=checkpoint_id,
            )
        return _checkpoint(row) if row else None

    def blobs(
        self, thread_id: str, checkpoint_ns: str, versions: Sequence[tuple[str, str]]
    ) -> builtins.list[BlobRow]:
        rows = self._sql.rows(
            "checkpoints.blobs",
            thread_id=thread_id,
            checkpoint_ns=checkpoint_ns,
            pairs=to_json(list(versions)),
        )
        return [BlobRow(*row) for row in rows]

    def writes(
        self, thread_id: str, checkpoint_ns: str, checkpoint_id: str
    ) -> builtins.list[WriteRow]:
        rows = self._sql.rows(
            "checkpoints.writes",
            thread_id=thread_id,
            checkpoint_ns=checkpoint_ns,
            checkpoint_id=checkpoint_id,
        )
        return [WriteRow(*row) for row in rows]

    def list(
        self,
        thread_id: str | None,
        checkpoint_ns: str | None,
        *,
        checkpoint_id: str | None = None,
        before: str | None = None,
        metadata: Json | None = None,
        limit: int | None = None,
    ) -> builtins.list[CheckpointRow]:
        given = {
            "thread_id": thread_id,
            "checkpoint_ns": checkpoint_ns,
            "checkpoint_id": checkpoint_id,
            "before": before,
            "metadata": to_json(metadata) if metadata else None,
        }
        values: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        conditions = tuple(f"checkpoints.where_{key}" for key in values)
        values["limit"] = _UNBOUNDED if limit is None else limit
        rows = self._sql.rows_of(self._sql.composed("checkpoints.list", conditions), values)
        return [_checkpoint(row) for row in rows]

    def delete_thread(self, thread_id: str) -> None:
        self._sql.execute("checkpoints.delete_thread", thread_id=thread_id)
        self._sql.execute("checkpoints.delete_thread_blobs", thread_id=thread_id)
        self._sql.execute("checkpoints.delete_thread_writes", thread_id=thread_id)

    def delete_namespaces(self, thread_id: str, namespaces: Sequence[str]) -> None:
        for checkpoint_ns in namespaces:
            place = {"thread_id": thread_id, "checkpoint_ns": checkpoint_ns}
            for name in ("namespace", "namespace_blobs", "namespace_writes"):
                self._sql.execute(f"checkpoints.delete_{name}", **place)

    def delete_runs(self, run_ids: Sequence[str]) -> None:
        touched: set[tuple[str, str]] = set()
        for run_id in run_ids:
            touched.update(self._sql.rows("checkpoints.namespaces_of_run", run_id=run_id))
            self._sql.execute("checkpoints.delete_run_writes", run_id=run_id)
            self._sql.execute("checkpoints.delete_run", run_id=run_id)
        for thread_id, checkpoint_ns in touched:
            self._delete_unneeded_blobs(thread_id, checkpoint_ns)

    def undo_writes(self, run_id: str) -> None:
        for name in ("take_back_writes", "put_writes_back", "forget_replaced"):
            self._sql.execute(f"checkpoints.{name}", run_id=run_id)

    def purge_replaced(self, limit: int) -> int:
        return self._sql.execute("checkpoints.purge_replaced", limit=limit)

    def copy_thread(self, thread_id: str, target_thread_id: str) -> None:
        for name in ("checkpoints.copy", "checkpoints.copy_blobs", "checkpoints.copy_writes"):
            self._sql.execute(name, thread_id=thread_id, target_thread_id=target_thread_id)

    def prune(self, thread_ids: Sequence[str], strategy: str) -> None:
        if strategy not in ("keep_latest", "delete"):
            raise ValueError(f"Unknown prune strategy {strategy!r}")
        for thread_id in thread_ids:
            if strategy == "delete":
                self.delete_thread(thread_id)
            else:
                self._keep_latest(thread_id)

    def size(self, thread_id: str) -> int:
        return int(self._sql.value("checkpoints.size", thread_id=thread_id))

    def usage(self, thread_id: str) -> ThreadUsage:
        rows = self._sql.rows("checkpoints.usage", thread_id=thread_id)
        found = {(kind, channel): Usage(count, size) for kind, channel, count, size in rows}
        return ThreadUsage(
            checkpoints=found.pop(("checkpoints", "")),
            writes=found.pop(("writes", "")),
            values={channel: usage for (_, channel), usage in found.items()},
        )

    def _keep_latest(self, thread_id: str) -> None:
        for checkpoint_ns, checkpoint_id in self._sql.rows(
            "checkpoints.heads", thread_id=thread_id
        ):
            for name in ("checkpoints.delete_others", "checkpoints.delete_other_writes"):
                self._sql.execute(
                    name,
                    thread_id=thread_id,
                    checkpoint_ns=checkpoint_ns,
                    checkpoint_id=checkpoint_id,
                )
            self._delete_unneeded_blobs(thread_id, checkpoint_ns)

    def _delete_unneeded_blobs(self, thread_id: str, checkpoint_ns: str) -> None:
        place = {"thread_id": thread_id, "checkpoint_ns": checkpoint_ns}
        unknown = self._sql.value("checkpoints.versions_unknown", **place)
        which = "younger" if unknown else "unneeded"
        self._sql.execute(f"checkpoints.delete_{which}_blobs", **place)


def _checkpoint(row: Row) -> CheckpointRow:
    thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, run_id, type_, *rest = row
    checkpoint, metadata = rest
    return CheckpointRow(
        thread_id,
        checkpoint_ns,
        checkpoint_id,
        parent_checkpoint_id,
        run_id,
        type_,
        checkpoint,
        from_json(metadata),
    )


def _blob_values(row: BlobRow) -> dict[str, Any]:
    return {"channel": row.channel, "version": row.version, "type": row.type, "blob": row.blob}


def _write_values(row: WriteRow) -> dict[str, Any]:
    return {
        "task_id": row.task_id,
        "task_path": row.task_path,
        "idx": row.idx,
        "channel": row.channel,
        "type": row.type,
        "blob": row.blob,
    }
