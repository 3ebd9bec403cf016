"""A saver of a few lines over one SQLite file, synchronous, with all that a server may ask for."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    CheckpointTuple,
    get_checkpoint_metadata,
)

SCHEMA = """
create table if not exists points (
    thread text, ns text, id text, parent text, run text, type text, body blob, meta blob,
    primary key (thread, ns, id)
);
create table if not exists writes (
    thread text, ns text, id text, task text, idx int, channel text, type text, body blob,
    primary key (thread, ns, id, task, idx)
);
"""


class FileSaver(BaseCheckpointSaver[str]):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.db.executescript(SCHEMA)

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.lock:
            return self.db.execute(sql, values).fetchall()

    def get_next_version(self, current: Any, channel: None) -> str:
        return f"{int(current or 0) + 1:08}"

    def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        conf = config["configurable"]
        place = (conf["thread_id"], conf.get("checkpoint_ns", ""), checkpoint["id"])
        kind, body = self.serde.dumps_typed(checkpoint)
        told = get_checkpoint_metadata(config, metadata)
        _, meta = self.serde.dumps_typed(told)
        parent, run = conf.get("checkpoint_id"), told.get("run_id")
        self.ask(
            "insert or replace into points values (?, ?, ?, ?, ?, ?, ?, ?)",
            *(*place, parent, run, kind, body, meta),
        )
        return {"configurable": dict(zip(PLACE, place, strict=True))}

    def put_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        conf = config["configurable"]
        place = (conf["thread_id"], conf.get("checkpoint_ns", ""), conf["checkpoint_id"])
        for n, (channel, value) in enumerate(writes):
            kind, body = self.serde.dumps_typed(value)
            idx = WRITES_IDX_MAP.get(channel, n)
            self.ask(
                "insert or replace into writes values (?, ?, ?, ?, ?, ?, ?, ?)",
                *(*place, task_id, idx, channel, kind, body),
            )

    def get_tuple(self, config: Any) -> CheckpointTuple | None:
        return next(self.list(config, limit=1), None)

    def list(
        self, config: Any, *, filter: Any = None, before: Any = None, limit: int | None = None
    ) -> Iterator[CheckpointTuple]:
        conf = config["configurable"]
        until = (before or {}).get("configurable", {}).get("checkpoint_id") or "~"
        rows = self.ask(
            "select * from points where thread = ? and ns = ? and id < ? and id = coalesce(?, id)"
            " order by id desc",
            *(conf["thread_id"], conf.get("checkpoint_ns", ""), until, conf.get("checkpoint_id")),
        )
        for row in rows[:limit]:
            yield self.shown(row)

    def shown(self, row: tuple[Any, ...]) -> CheckpointTuple:
        thread, ns, point, parent, _, kind, body, meta = row
        at = {"thread_id": thread, "checkpoint_ns": ns}
        writes = self.ask(
            "select task, channel, type, body from writes where thread = ? and ns = ? and id = ?"
            " order by task, idx",
            *(thread, ns, point),
        )
        return CheckpointTuple(
            {"configurable": {**at, "checkpoint_id": point}},
            self.serde.loads_typed((kind, body)),
            self.serde.loads_typed(("msgpack", meta)),
            {"configurable": {**at, "checkpoint_id": parent}} if parent else None,
            [(t, channel, self.serde.loads_typed((k, b))) for t, channel, k, b in writes],
        )

    def delete_thread(self, thread_id: str) -> None:
        self.ask("delete from points where thread = ?", thread_id)
        self.ask("delete from writes where thread = ?", thread_id)

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        for run_id in run_ids:
            self.ask("delete from points where run = ?", run_id)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        for table in ("points", "writes"):
            for row in self.ask(f"select * from {table} where thread = ?", source_thread_id):
                marks = ", ".join("?" * len(row))
                self.ask(f"insert into {table} values ({marks})", target_thread_id, *row[1:])

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        for thread_id in thread_ids:
            self.ask(
                "delete from points where thread = ? and (ns, id) not in"
                " (select ns, max(id) from points where thread = ? group by ns)",
                *(thread_id, thread_id),
            )


PLACE = ("thread_id", "checkpoint_ns", "checkpoint_id")


@contextmanager
def saver() -> Iterator[FileSaver]:
    made = FileSaver(os.environ["FILE_SAVER"])
    yield made
    made.db.close()
    with open(os.environ["FILE_SAVER"] + ".closed", "w"):
        pass
