"""`graphstead db` on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from databases import PostgresPlace
from servers import EXAMPLES, Server

from graphstead.cli import main
from graphstead.settings import read_settings

Run = Callable[..., Result]
# Whatever database the other tests use.
SQLITE = {"GRAPHSTEAD_DATABASE_URI": ""}


@pytest.fixture(params=["postgres", "sqlite"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'rows.sqlite3'}"
        return
    place = PostgresPlace()
    with place.connect() as connection:
        connection.execute(f"drop schema {place.schema} cascade; create schema {place.schema}")
    yield place.uri
    place.leave()


@pytest.fixture
def db(uri: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("GRAPHSTEAD_DATABASE_URI", uri)

    def run(*args: str) -> Result:
        return CliRunner().invoke(main, ["db", *args, "--config", str(EXAMPLES)])

    return run


def test_a_new_database_is_upgraded_once_and_status_tells_before_and_after(db: Run) -> None:
    before = db("status", "--json")
    assert before.exit_code == 1
    assert json.loads(before.output)["version"] == 0
    upgraded = db("upgrade")
    assert upgraded.exit_code == 0 and "schema 0 -> " in upgraded.output
    after = db("status", "--json")
    assert after.exit_code == 0
    told = json.loads(after.output)
    assert told["version"] == told["newest"]
    assert (told["pending"], told["running"], told["workers"]) == (0, 0, 0)
    assert f"schema {told['newest']} -> {told['newest']}" in db("upgrade").output


def test_pruning_tells_what_it_gave_up(db: Run) -> None:
    told = db("prune", "--history-days", "1")
    assert told.exit_code == 0, told.output
    assert told.output.split("\n")[0].split() == ["0", "expired", "threads"]


def test_a_backup_that_is_made_while_a_server_writes_holds_what_was_acknowledged(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    writing = make_server(data_dir=tmp_path / "first", env=SQLITE)
    threads = [writing.post("/threads", {}).json()["thread_id"] for _ in range(3)]
    kept = tmp_path / "kept.sqlite3"
    where = ["--data", str(writing.data_dir), "--config", str(EXAMPLES)]
    told = CliRunner().invoke(main, ["db", "backup", str(kept), *where])
    assert told.exit_code == 0, told.output
    assert f"{kept.stat().st_size} bytes" in told.output
    again = CliRunner().invoke(main, ["db", "backup", str(kept), *where])
    assert again.exit_code == 2 and "name another file" in again.output

    (tmp_path / "second").mkdir()
    kept.rename(tmp_path / "second" / "graphstead.sqlite3")
    restored = make_server(data_dir=tmp_path / "second", env=SQLITE)
    assert all(restored.get(f"/threads/{one}").status_code == 200 for one in threads)
    assert [path.name for path in tmp_path.glob("*.partial")] == []


def test_what_cannot_be_copied_as_a_file_is_told_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.sqlite3"
    where = ["--data", str(tmp_path / "none"), "--config", str(EXAMPLES)]
    told = CliRunner().invoke(main, ["db", "backup", str(kept), *where])
    assert told.exit_code == 3 and "unable to open" in told.output
    monkeypatch.setenv("DATABASE_URI", "postgresql://me:secret@127.0.0.1:1/db")
    told = CliRunner().invoke(main, ["db", "backup", str(kept), *where])
    assert told.exit_code == 3 and "pg_dump" in told.output and "secret" not in told.output
    assert not kept.exists()


def test_a_server_that_is_away_is_a_start_up_fault_without_a_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GRAPHSTEAD_DATABASE_URI", "postgresql://me:secret@127.0.0.1:1/db")
    for what in ("status", "upgrade", "prune"):
        told = CliRunner().invoke(main, ["db", what, "--config", str(EXAMPLES)])
        assert told.exit_code == 3
        assert "postgresql://127.0.0.1:1/db cannot be used" in told.output
        assert "secret" not in told.output


def test_the_name_of_a_database_has_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "DATABASE_URI", "postgres://me:secret@db.example:6543/graphs?sslmode=require"
    )
    settings = read_settings()
    assert settings.database_name == "postgresql://db.example:6543/graphs"
    assert settings.postgres_uri is not None
