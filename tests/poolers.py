"""A PgBouncer of the tests' own, which lends sessions of the test server by transaction."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from databases import SERVER
from ports import free_port
from psycopg.conninfo import conninfo_to_dict
from servers import ROOT, until_true

CONFIG = ROOT / "deploy" / "pooler" / "pgbouncer.ini"
# Whoever is root gives that up; what it reads and writes lies in a folder of this account.
ACCOUNT = "nobody"


class Pooler:
    """PgBouncer with the file of `deploy/pooler`, before every database of one server."""

    def __init__(self, server: str = SERVER, **changed: str) -> None:
        self.port = free_port()
        self._server = server
        self._folder = Path(tempfile.mkdtemp(prefix="pooler-"))
        self.log_path = self._folder / "log"
        (self._folder / "pgbouncer.ini").write_text(self._config(changed))
        self._start()

    def uri(self, database: str) -> str:
        """Return where a database of the server is, by way of the pooler."""
        return f"postgresql://127.0.0.1:{self.port}/{database}"

    def restart(self) -> None:
        """Break all connections off, and listen again."""
        self._stop()
        self._start()

    def close(self) -> None:
        self._stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _config(self, changed: dict[str, str]) -> str:
        """Return the file with the server, the port and the callers of the tests."""
        own = {"listen_port": str(self.port), "auth_type": "any", "auth_file": "", **changed}
        own |= {"logfile": "", "unix_socket_dir": ""}
        settings, found = [], CONFIG.read_text().splitlines()
        for line in found:
            name = line.partition(" = ")[0]
            if name == "graphstead":
                line = f"* = {self._target()}"
            settings.append(f"{name} = {own.pop(name)}" if name in own else line)
        return "\n".join(settings + [f"{name} = {value}" for name, value in own.items()])

    def _target(self) -> str:
        parts = conninfo_to_dict(self._server)
        wanted = ("host", "port", "user", "password")
        known = {name: parts[name] for name in wanted if name in parts}
        return " ".join(f"{name}={value}" for name, value in known.items())

    def _start(self) -> None:
        program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            pytest.fail("PgBouncer is needed for this test (scripts/pooler)", pytrace=False)
        command = [program, str(self._folder / "pgbouncer.ini")]
        if os.getuid() == 0:
            shutil.chown(self._folder, ACCOUNT)
            command[1:1] = ["--user", ACCOUNT]
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until_true(self._answers)

    def _stop(self) -> None:
        # Told to end, newer ones would wait for their clients.
        self._process.kill()
        self._process.wait(30)

    def _answers(self) -> bool:
        assert self._process.poll() is None, self.log_path.read_text()
        return "process up" in self.log_path.read_text()


class PooledDatabase:
    """A database of its own: a pooler passes on no `options`, so a schema cannot be asked for."""

    def __init__(self, pooler: Pooler, server: str = SERVER) -> None:
        self.name = f"test_{uuid4().hex[:12]}"
        self._server = server
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"create database {self.name}")
            # Crashes are other tests' business.
            connection.execute(f"alter database {self.name} set synchronous_commit = off")
        self.direct_uri = urlsplit(server)._replace(path=f"/{self.name}").geturl()
        self.uri = f"{pooler.uri(self.name)}?application_name={self.name}"

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.direct_uri, autocommit=True, connect_timeout=10)

    def leave(self) -> None:
        """Empty it for whoever comes next."""
        with self.connect() as connection:
            found = connection.execute(
                "select tablename from pg_tables"
                " where schemaname = 'public' and tablename <> 'schema_version'"
            ).fetchall()
            connection.execute("; ".join(f"delete from {table}" for (table,) in found) or "select")

    def drop(self) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(f"drop database if exists {self.name} with (force)")


@cache
def shared_pooler() -> Pooler:
    """Return the pooler of this session of tests."""
    pooler = Pooler()
    atexit.register(pooler.close)
    return pooler


@cache
def shared_database() -> PooledDatabase:
    """Return a database over that pooler; whoever uses it empties it."""
    database = PooledDatabase(shared_pooler())
    atexit.register(database.drop)
    return database
