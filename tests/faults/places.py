"""Where a fleet keeps its data: a file, a schema of the test server, a server of its own."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import psycopg
from databases import PostgresPlace
from ports import free_port

CUT = "select count(pg_terminate_backend(pid)) from pg_stat_activity where pid <> pg_backend_pid()"


class Place(Protocol):
    """A database, and the variables that lead a process to it."""

    @property
    def env(self) -> dict[str, str]: ...

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Ask the database itself; `?` stands for a value."""

    def execute(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Change rows behind the servers' backs."""

    def writing_held_up(self) -> Any:
        """Keep everybody from writing runs for the duration of a block."""

    def lose_bells(self) -> None:
        """Take from the processes what they hear each other by; they may renew it."""


class SqlitePlace:
    """The file of a data folder."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.file = data_dir / "graphstead.sqlite3"
        self.env: dict[str, str] = {"GRAPHSTEAD_DATABASE_URI": ""}

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with closing(self._connect()) as connection:
            return connection.execute(sql, values).fetchall()

    def execute(self, sql: str, values: Sequence[Any] = ()) -> None:
        with closing(self._connect()) as connection:
            connection.execute(sql, values)

    @contextmanager
    def writing_held_up(self) -> Iterator[None]:
        with closing(self._connect()) as connection:
            connection.execute("begin immediate")
            yield
            connection.execute("rollback")

    def lose_bells(self) -> None:
        for bell in self.data_dir.glob("*.bells/*"):
            bell.unlink(missing_ok=True)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.file, isolation_level=None, timeout=30)


class ServerPlace:
    """A database of a Postgres server; `name` is what its connections are told by."""

    def __init__(self, uri: str, name: str) -> None:
        self.uri = uri
        self.name = name
        self.env = {"GRAPHSTEAD_DATABASE_URI": uri, "GRAPHSTEAD_DATABASE_CONNECTIONS": "7"}

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._connect() as connection:
            return connection.execute(sql.replace("?", "%s"), values).fetchall()

    def execute(self, sql: str, values: Sequence[Any] = ()) -> None:
        with self._connect() as connection:
            connection.execute(sql.replace("?", "%s"), values)

    @contextmanager
    def writing_held_up(self) -> Iterator[None]:
        with self._connect() as connection, connection.transaction(force_rollback=True):
            connection.execute("lock table runs in share mode")
            yield

    def cut(self) -> int:
        """Break every connection of the fleet; return how many it were."""
        [(number,)] = self.rows(f"{CUT} and application_name = ?", [self.name])
        return int(number)

    def lose_bells(self) -> None:
        listening = "(query ilike 'listen %%' or query ilike '%%pg_notify%%')"
        self.rows(f"{CUT} and application_name = ? and {listening}", [self.name])

    def _connect(self) -> psycopg.Connection[Any]:
        uri = f"{self.uri}{'&' if '?' in self.uri else '?'}application_name=onlooker"
        return psycopg.connect(uri, autocommit=True, connect_timeout=10)


class OwnPostgres:
    """A Postgres server of the test's own, so that crashing it harms no one."""

    def __init__(self, folder: Path, programs: Path | None = None) -> None:
        """Make one in this folder; `programs` has its binaries, else the system does."""
        self.port = free_port()
        self.uri = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self._folder = folder
        self._programs = programs
        self._data = folder / "db"
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")
        self._run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        self.start()

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off"
        options += f" -c unix_socket_directories={self._folder} -c max_connections=200"
        self._run("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self, mode: str) -> None:
        """End it: smart waits for clients, fast breaks them off, immediate is like a power cut."""
        self._run("pg_ctl", "-w", "-m", mode, "stop")

    def begin_smart_stop(self) -> None:
        """Let nobody in any more, and wait for nobody to go."""
        self._run("pg_ctl", "-W", "-m", "smart", "stop")

    def crash(self) -> None:
        """End it as a power cut would: it has to replay its log."""
        self.stop("immediate")

    def close(self) -> None:
        """Stop it for good, where it still runs."""
        with suppress(AssertionError):
            self.crash()

    def _run(self, name: str, *args: str) -> None:
        program = str(self._programs / name) if self._programs else binary(name)
        command = [program, "-D", str(self._data), *args]
        if os.getuid() == 0:
            user = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")
            command = [*user, *command]
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", check=False
        )
        assert done.returncode == 0, done.stderr.decode()


def binary(name: str) -> str:
    found = shutil.which(name)
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    assert found or installed, f"{name} of PostgreSQL is needed for this test"
    return found or str(installed[-1])


@contextmanager
def place_of_kind(kind: str, folder: Path) -> Iterator[SqlitePlace | ServerPlace]:
    """Give a place for a fleet in this folder: `sqlite`, or a schema of the test server."""
    if kind == "sqlite":
        yield SqlitePlace(folder / "data")
        return
    schema = PostgresPlace()
    yield ServerPlace(schema.uri, schema.schema)
    schema.leave()


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """Give a server of one's own, and end it."""
    # Not below pytest's folder, where the server's user may not go.
    with tempfile.TemporaryDirectory() as folder:
        own = OwnPostgres(Path(folder))
        try:
            yield own
        finally:
            own.close()
