"""Look at a database file without changing it: its schema, its health, what waits in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from graphstead.storage.sqlite.opening import APPLICATION_ID, migrations
from graphstead.storage.sqlite.statements import QUERIES

__all__ = ["Inspection", "inspect"]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file says of itself; `damage` is empty where it is sound or was not checked."""

    is_ours: bool
    version: int
    compat: int
    newest_version: int
    applied: Sequence[tuple[int, str]]
    damage: tuple[str, ...]
    size_bytes: int
    wal_bytes: int
    free_bytes: int
    pending: int
    running: int
    next_start_ms: int | None
    newest_end_ms: int | None
    dead_deliveries: int


def inspect(path: Path, *, check: bool) -> Inspection:
    """Read the file at `path`; with `check` also whether its pages are sound.

    Raises sqlite3.Error where it cannot be read.
    """
    wal = path.with_name(f"{path.name}-wal")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=3)) as file:
        ours = file.execute("pragma application_id").fetchone()[0] == APPLICATION_ID
        applied = _applied(file) if ours else []
        version, compat = (applied[-1][0], applied[-1][2]) if applied else (0, 0)
        pending, running, start_ms, end_ms, dead = (
            _waiting(file) if applied else (0, 0, None, None, 0)
        )
        return Inspection(
            is_ours=ours,
            version=version,
            compat=compat,
            newest_version=migrations()[-1].version,
            applied=[(number, at) for number, at, _ in applied],
            damage=_damage(file) if check else (),
            size_bytes=path.stat().st_size,
            wal_bytes=wal.stat().st_size if wal.exists() else 0,
            free_bytes=_pragma(file, "freelist_count") * _pragma(file, "page_size"),
            pending=pending,
            running=running,
            next_start_ms=start_ms,
            newest_end_ms=end_ms,
            dead_deliveries=dead,
        )


def _applied(file: sqlite3.Connection) -> list[tuple[int, str, int]]:
    rows = "select version, applied_at, compat_version from schema_version order by version"
    return file.execute(rows).fetchall()


def _waiting(file: sqlite3.Connection) -> tuple[int, int, int | None, int | None, int]:
    pending, running = file.execute(QUERIES["runs.counts"].sql).fetchone()
    (start_ms,) = file.execute(QUERIES["runs.next_start_ms"].sql).fetchone()
    (end_ms,) = file.execute("select max(ended_ms) from ends").fetchone()
    return pending, running, start_ms, end_ms, _dead(file)


def _dead(file: sqlite3.Connection) -> int:
    """Count what was given up; a file of an early version has no such table."""
    known = file.execute("select 1 from sqlite_master where name = 'deliveries'").fetchone()
    return file.execute(QUERIES["deliveries.count_dead"].sql).fetchone()[0] if known else 0


def _damage(file: sqlite3.Connection) -> tuple[str, ...]:
    found = [row[0] for row in file.execute("pragma quick_check(5)")]
    return () if found == ["ok"] else tuple(found)


def _pragma(file: sqlite3.Connection, name: str) -> int:
    return int(file.execute(f"pragma {name}").fetchone()[0])
