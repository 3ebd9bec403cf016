"""The numbers of a thread's events, by run."""

from __future__ import annotations

from dataclasses import asdict

from graphstead.storage.rows import EndRow, NumberedRun
from graphstead.storage.statements import Row, Statements


class StoredNumbers:
    """Implements `base.Numbers`."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Statements) -> None:
        self._sql = sql

    def add(self, row: NumberedRun) -> None:
        self._sql.execute("protocol.add", **asdict(row))

    def last(self, thread_id: str) -> NumberedRun | None:
        return _numbered(self._sql.row("protocol.last", thread_id=thread_id))

    def after(self, thread_id: str, place: int, limit: int) -> list[NumberedRun]:
        rows = self._sql.rows("protocol.after", thread_id=thread_id, place=place, limit=limit)
        return [NumberedRun(*row) for row in rows]

    def behind(self, thread_id: str, seq: int) -> NumberedRun | None:
        return _numbered(self._sql.row("protocol.behind", thread_id=thread_id, seq=seq))

    def first_kept(self, thread_id: str) -> NumberedRun | None:
        return _numbered(self._sql.row("protocol.first_kept", thread_id=thread_id))

    def next_ended(self, thread_id: str) -> EndRow | None:
        row = self._sql.row("protocol.next_ended", thread_id=thread_id)
        return EndRow(*row) if row else None

    def close(self, run_id: str, frames: int) -> None:
        self._sql.execute("protocol.close", run_id=run_id, frames=frames)

    def forget(self, thread_id: str) -> None:
        self._sql.execute("protocol.forget", thread_id=thread_id)


def _numbered(row: Row | None) -> NumberedRun | None:
    return NumberedRun(*row) if row else None
