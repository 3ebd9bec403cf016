"""The database file: whether it can be used, whether it is sound, what waits in it."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from graphstead.ciphers import older_keys
from graphstead.databases import pooled, redis_state, schema_state
from graphstead.doctor.findings import Finding, fail, ok, warn
from graphstead.problems import StartupError
from graphstead.settings import Settings
from graphstead.storage.sqlite.inspection import Inspection, inspect

__all__ = ["database"]

MIB = 1024 * 1024
CHECKED_BYTES = 2048 * MIB
LARGE_WAL_BYTES = 256 * MIB
LATE_S = 60


def _server(settings: Settings) -> Iterator[Finding]:
    """Ask the server for the age of the schema; its own tools tell all the rest."""
    try:
        state = schema_state(settings)
    except StartupError as error:
        yield fail("database", error.faults[0], "start the server, or correct DATABASE_URI")
        return
    text = f"{settings.database_name}, schema {state.version} of {state.newest}"
    if state.compat > state.newest:
        yield fail("database", text, "start the newer graphstead that wrote it")
    elif 0 < state.version < state.newest:
        yield warn("database", text, "graphstead db upgrade, or start a server: it does the same")
    else:
        yield ok("database", text)
    if state.version == state.newest:
        yield from _encryption(settings)


def _encryption(settings: Settings) -> Iterator[Finding]:
    """Tell which keys are needed besides the one that encrypts, if any."""
    try:
        older = older_keys(settings)
    except StartupError as error:
        yield fail("encryption", error.faults[0], "docs/encryption.md tells how keys are set")
        return
    if older:
        text = f"something may still be under {', '.join(older)}, besides LANGGRAPH_AES_KEY"
        yield warn("encryption", text, "graphstead db reseal, then drop what it says")
    elif settings.aes_key is not None:
        yield ok("encryption", "nothing is under a key besides LANGGRAPH_AES_KEY")


def _pooler(settings: Settings) -> Iterator[Finding]:
    """Look whether sessions that have to stay go over a pooler."""
    try:
        is_pooled, direct_is_pooled = pooled(settings)
    except StartupError as error:
        cure = "let DATABASE_URI and DATABASE_DIRECT_URI lead to one database and schema"
        yield fail("pooler", error.faults[0], cure)
        return
    if direct_is_pooled:
        text = "bells and liveness locks go over a pooler, which works where it lends by session"
        yield warn("pooler", text, "name the server itself in DATABASE_DIRECT_URI")
    elif is_pooled:
        yield ok("pooler", "transactions go over a pooler, sessions that stay beside it")


def _redis(settings: Settings) -> Iterator[Finding]:
    if settings.redis_uri is not None and settings.redis_name is None:
        text = "REDIS_URI has no effect here: an SQLite file needs no Redis"
        yield warn("redis", text, "unset it, or name a Postgres in DATABASE_URI")
        return
    try:
        state = redis_state(settings)
    except StartupError as error:
        cure = "start it, or correct REDIS_URI; until then Postgres carries events and bells"
        yield fail("redis", error.faults[0], cure)
        return
    if state is not None:
        yield ok("redis", state)


def database(settings: Settings, *, full: bool) -> Iterator[Finding]:
    """Look at the file; nothing is made, migrated or repaired."""
    yield from _redis(settings)
    if settings.postgres_uri is not None:
        server = [*_server(settings)]
        yield from server
        if all(one.level != "fail" for one in server):
            yield from _pooler(settings)
        return
    if settings.database_direct_uri is not None:
        text = "DATABASE_DIRECT_URI has no effect here: DATABASE_URI names no Postgres"
        yield warn("pooler", text, "unset it, or name a pooler in DATABASE_URI")
    path = settings.database_path
    yield _writable(path)
    if not path.exists():
        yield ok("database", f"{path} will be made at the first start")
        return
    check = full or path.stat().st_size <= CHECKED_BYTES
    try:
        found = inspect(path, check=check)
    except sqlite3.Error as error:
        yield fail("database", f"{path} cannot be read: {error}", "restore it from a backup")
        return
    if not found.is_ours:
        yield fail("database", f"{path} belongs to another program", "choose another with --data")
        return
    yield _schema(found)
    yield _soundness(found, path, checked=check)
    if found.version == found.newest_version and not found.damage:
        yield from _encryption(settings)
    yield _room(found)
    yield _queue(found)
    yield _webhooks(found)
    yield _clock(found)


def _writable(path: Path) -> Finding:
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if os.access(folder, os.W_OK | os.X_OK):
        return ok("data folder", f"{path.parent} can be written")
    return fail("data folder", f"{folder} cannot be written", "change its owner, or use --data")


def _schema(found: Inspection) -> Finding:
    last = ", ".join(f"{number} ({at[:10]})" for number, at in found.applied[-3:])
    text = f"schema version {found.version} of {found.newest_version}; last migrations: {last}"
    if found.compat > found.newest_version:
        return fail("schema", text, "start a newer graphstead, or choose another database")
    if found.version < found.newest_version:
        return warn("schema", text, "the next start brings it up; make a backup before")
    return ok("schema", text)


def _soundness(found: Inspection, path: Path, *, checked: bool) -> Finding:
    if not checked:
        return warn("integrity", "not checked, the file is large", "run doctor with --full")
    if found.damage:
        cure = f"stop the server and restore a backup, or try: sqlite3 {path} .recover"
        return fail("integrity", "; ".join(found.damage), cure)
    return ok("integrity", f"quick_check finds nothing, {found.size_bytes / MIB:.1f} MiB")


def _room(found: Inspection) -> Finding:
    text = f"log {found.wal_bytes / MIB:.1f} MiB, free pages {found.free_bytes / MIB:.1f} MiB"
    if found.wal_bytes > LARGE_WAL_BYTES:
        cure = "some program reads the file for long; close it, or stop the server once"
        return warn("file room", text, cure)
    return ok("file room", text)


def _queue(found: Inspection) -> Finding:
    waited_s = time.time() - (found.next_start_ms or time.time() * 1000) / 1000
    text = f"{found.running} running, {found.pending} pending"
    if waited_s > LATE_S:
        late = f"{text}; the oldest could have begun {waited_s:.0f} s ago"
        return warn("queue", late, "start a worker, or more of them; see graphstead runs")
    return ok("queue", text)


def _webhooks(found: Inspection) -> Finding:
    if found.dead_deliveries:
        text = f"{found.dead_deliveries} calls were given up"
        return warn("webhooks", text, "graphstead webhooks tells why and sends them again")
    return ok("webhooks", "no call was given up")


def _clock(found: Inspection) -> Finding:
    """Compare the clock with the newest times that were stored."""
    applied = [datetime.fromisoformat(at).timestamp() for _, at in found.applied]
    newest_s = max([*applied, (found.newest_end_ms or 0) / 1000])
    ahead_s = newest_s - time.time()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    if ahead_s > 1:
        text = f"it is {now}, but the database knows of a time {ahead_s:.0f} s later"
        return warn("clock", text, "set the clock; runs and crons go by it")
    return ok("clock", f"it is {now}")
