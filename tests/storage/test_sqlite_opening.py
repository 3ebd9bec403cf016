from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from storage.rows import make_thread

import graphstead
from graphstead.storage.errors import (
    DatabaseRefused,
    DirectoryNotWritable,
    ForeignDatabase,
    NotADatabase,
    SchemaTooNew,
)
from graphstead.storage.rows import ThreadFilter
from graphstead.storage.sqlite import open_sqlite
from graphstead.storage.sqlite.opening import APPLICATION_ID, migrations

NEWEST = migrations()[-1].version


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.sqlite"


@pytest.fixture
def shared_directory() -> Iterator[Path]:
    """A directory that every user of this machine can look into."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    made.chmod(0o755)
    shutil.rmtree(made)


def make(path: Path) -> None:
    open_sqlite(path).close()


def edit(path: Path, sql: str, *values: object) -> None:
    connection = sqlite3.connect(path)
    connection.execute(sql, values)
    connection.commit()
    connection.close()


def test_missing_directories_are_made(tmp_path: Path) -> None:
    make(tmp_path / "a" / "b" / "rows.sqlite")
    assert (tmp_path / "a" / "b" / "rows.sqlite").exists()


def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.touch()
    storage = open_sqlite(path)
    assert storage.write_blocking(lambda tx: tx.threads.insert(make_thread()))
    storage.close()


def test_every_commit_is_synced_into_a_write_ahead_log(path: Path) -> None:
    storage = open_sqlite(path)

    def pragma(name: str) -> object:
        return storage.write_blocking(
            lambda tx: tx.connection.execute(f"pragma {name}").fetchone()[0]  # type: ignore[attr-defined]
        )

    assert (pragma("journal_mode"), pragma("synchronous")) == ("wal", 2)
    assert pragma("auto_vacuum") == 2
    storage.close()


def test_deleted_rows_give_their_room_back(path: Path) -> None:
    storage = open_sqlite(path)
    row = make_thread(values={"text": "x" * 1_000_000})
    storage.write_blocking(lambda tx: tx.threads.insert(row))
    storage.write_blocking(lambda tx: tx.threads.delete(row.thread_id))
    assert storage.vacuum(100) == 100
    assert 100 < storage.vacuum(10_000) < 200
    assert storage.vacuum(10_000) == 0
    storage.close()
    assert path.stat().st_size < 500_000


def test_a_newer_schema_is_refused_and_names_both_versions(path: Path) -> None:
    make(path)
    edit(path, "insert into schema_version values (?, ?, ?)", NEWEST + 2, NEWEST + 1, "now")
    with pytest.raises(SchemaTooNew, match=f"version {NEWEST + 2}.*up to version {NEWEST}") as e:
        open_sqlite(path)
    assert (e.value.found, e.value.supported) == (NEWEST + 2, NEWEST)


def test_a_newer_schema_that_is_compatible_is_used(path: Path) -> None:
    make(path)
    edit(path, "insert into schema_version values (?, ?, ?)", NEWEST + 1, NEWEST, "now")
    storage = open_sqlite(path)
    assert storage.write_blocking(lambda tx: tx.threads.insert(make_thread()))
    storage.close()


def test_migrations_are_numbered_without_gaps_and_never_ask_for_the_future() -> None:
    steps = migrations()
    assert [step.version for step in steps] == list(range(1, len(steps) + 1))
    assert all(1 <= step.compat <= step.version for step in steps)


def test_opening_again_applies_no_migration_twice(path: Path) -> None:
    make(path)
    make(path)
    connection = sqlite3.connect(path)
    versions = connection.execute("select version from schema_version").fetchall()
    connection.close()
    assert versions == [(step.version,) for step in migrations()]


@pytest.mark.parametrize("content", [b"no database" * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_of_another_kind_is_refused_untouched(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(NotADatabase, match=r"rows\.sqlite"):
        open_sqlite(path)
    assert path.read_bytes() == content


def test_a_damaged_database_is_refused(path: Path) -> None:
    make(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))
    with pytest.raises(NotADatabase, match="damaged"):
        open_sqlite(path)


def test_a_database_of_another_application_is_refused_untouched(path: Path) -> None:
    edit(path, "create table bookmarks (url text)")
    with pytest.raises(ForeignDatabase, match="another application"):
        open_sqlite(path)
    connection = sqlite3.connect(path)
    assert connection.execute("pragma journal_mode").fetchone()[0] == "delete"
    connection.close()


def test_a_directory_in_place_of_the_database_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(DatabaseRefused, match=r"rows\.sqlite"):
        open_sqlite(path)


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DirectoryNotWritable, match="cannot be made"):
        open_sqlite(tmp_path / "file" / "rows.sqlite")


@pytest.mark.parametrize("exists", [False, True])
def test_a_read_only_directory_is_refused(shared_directory: Path, exists: bool) -> None:
    path = shared_directory / "rows.sqlite"
    if exists:
        make(path)
    shared_directory.chmod(0o555)
    assert refusal_without_privileges(path) == "DirectoryNotWritable"


def test_a_read_only_file_is_refused(shared_directory: Path) -> None:
    path = shared_directory / "rows.sqlite"
    make(path)
    for file in shared_directory.iterdir():
        file.chmod(0o777 if file.is_dir() else 0o666)
    path.chmod(0o444)
    shared_directory.chmod(0o777)
    assert refusal_without_privileges(path) == "DirectoryNotWritable"


def refusal_without_privileges(path: Path) -> str:
    """Open the database as a user whom file modes bind; return the name of what is raised."""
    program = (
        "import os, sys; from pathlib import Path\n"
        "from graphstead.storage.sqlite import open_sqlite\n"
        "from graphstead.storage.errors import DatabaseRefused\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "try: open_sqlite(Path(sys.argv[1]))\n"
        "except DatabaseRefused as refusal: print(type(refusal).__name__)\n"
    )
    sources = Path(graphstead.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env={**os.environ, "PYTHONPATH": str(sources)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.strip() or done.stderr


def test_threads_of_an_older_schema_are_found_and_counted(path: Path) -> None:
    with closing(sqlite3.connect(path)) as older:
        for step in migrations()[:2]:
            older.executescript(f"pragma application_id = {APPLICATION_ID};\n{step.sql}")
            older.execute("insert into schema_version values (?, ?, '')", (step.version, 1))
        for number in range(5):
            metadata = f'{{"customer": {number % 2}, "deep": {{"a": 1}}}}'
            older.execute(
                "insert into threads (thread_id, status, metadata, config, created_at, updated_at,"
                " state_updated_at, interrupts) values (?, 'idle', ?, '{}', '', '', '', '{}')",
                (str(number), metadata),
            )
        older.commit()
    with closing(open_sqlite(path)) as storage:
        for match, number in ({"customer": 0}, 3), ({"deep": {"a": 1}}, 5), ({}, 5):
            thread_filter = ThreadFilter(metadata=match)
            counted = storage.read_blocking(
                lambda tx, sought=thread_filter: tx.threads.count(sought)  # type: ignore[misc]
            )
            assert counted == number
