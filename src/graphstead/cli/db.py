"""`graphstead db`: the database itself, SQLite or Postgres, without a server."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from graphstead.ciphers import older_keys, open_storage
from graphstead.cli.options import config_option, setting_option
from graphstead.cli.project import open_project
from graphstead.cli.resealing import counted, progress, resealed, rotating
from graphstead.databases import copy_file, redis_state, schema_state
from graphstead.engine.clock import SystemClock
from graphstead.problems import StartupError
from graphstead.settings import Settings

__all__ = ["command"]

OUTDATED = 1
UNDONE = 1


@click.group("db")
def command() -> None:
    """Bring the database up to date, tell how it is, copy it, or empty it of what is past."""


@command.command("upgrade")
@config_option
@setting_option("data_dir", "--data")
def upgrade(config: Path, **flags: Any) -> None:
    """Bring the schema up to date; servers do so too when they start.

    Servers of the release before may go on meanwhile: what they need is taken away a release
    later. A schema that is too new for this release is refused.
    """
    project, settings = open_project(config, flags)
    before = schema_state(settings)
    open_storage(settings, project).close()
    click.echo(f"{settings.database_name}: schema {before.version} -> {before.newest}")


@command.command("status")
@config_option
@setting_option("data_dir", "--data")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(config: Path, as_json: bool, **flags: Any) -> None:
    """Tell which database it is, how old its schema, and what it has to do.

    Changes nothing. Exit code 1: the schema is older than this release, `db upgrade` is due.
    """
    project, settings = open_project(config, flags)
    state = schema_state(settings)
    told: dict[str, Any] = {"database": settings.database_name, **state._asdict()}
    if state.version == state.newest:
        storage = open_storage(settings, project)
        told["pending"], told["running"] = storage.read_blocking(lambda tx: tx.runs.counts())
        told["workers"] = len(storage.read_blocking(lambda tx: tx.workers.list()))
        storage.close()
        told |= _older_keys(settings)
    told |= _redis(settings)
    lines = [json.dumps(told)] if as_json else [f"{key:11}{value}" for key, value in told.items()]
    click.echo("\n".join(lines))
    sys.exit(0 if state.version >= state.newest else OUTDATED)


def _older_keys(settings: Settings) -> dict[str, Any]:
    """Name the keys that something may still be under, besides the one that encrypts."""
    older = older_keys(settings)
    return {"older_keys": ", ".join(older)} if older else {}


def _redis(settings: Settings) -> dict[str, Any]:
    """Return where Redis is and how, where one is used."""
    try:
        state = redis_state(settings)
    except StartupError as error:
        return {"redis": error.faults[0]}
    return {} if state is None else {"redis": state}


@command.command("reseal")
@config_option
@setting_option("data_dir", "--data")
@click.option("--count", is_flag=True, help="Only count what is under older keys.")
def reseal(config: Path, count: bool, **flags: Any) -> None:
    """Put everything that an older key encrypts under LANGGRAPH_AES_KEY.

    Servers go on meanwhile; started again after an end of any kind, it goes on where it was. Exit
    code 1: something is, or may be, under an older key still.
    """
    _, settings = open_project(config, flags)
    with rotating(settings, progress()) as rotation:
        done = counted(rotation) if count else resealed(rotation)
    sys.exit(0 if done else UNDONE)


@command.command("backup")
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@config_option
@setting_option("data_dir", "--data")
def backup(target: Path, config: Path, **flags: Any) -> None:
    """Copy the SQLite file to TARGET as it is now, while servers go on.

    To restore it, stop the servers and put it in place of graphstead.sqlite3, without any
    -wal and -shm beside it. A Postgres database is backed up by pg_dump.
    """
    _, settings = open_project(config, flags)
    if target.exists():
        raise click.UsageError(f"{target} would be overwritten: name another file")
    copy_file(settings, target)
    click.echo(f"{settings.database_name} -> {target}: {target.stat().st_size} bytes")


@command.command("prune")
@config_option
@setting_option("data_dir", "--data")
@setting_option("history_days", "--history-days")
def prune_now(config: Path, **flags: Any) -> None:
    """Apply every time to live now and trim old histories, as a running server does bit by bit."""
    # Imported here: the other commands need no checkpoints, and so no LangGraph.
    from graphstead.engine.pruning import prune

    project, settings = open_project(config, flags)
    storage = open_storage(settings, project)
    try:
        done = prune(
            storage,
            SystemClock(),
            history_days=settings.history_days,
            stream_ttl_s=settings.resumable_stream_ttl_s,
            dead_webhook_days=settings.dead_webhook_days,
        )
    finally:
        storage.close()
    for what, number in asdict(done).items():
        click.echo(f"{number:8} {what.replace('_', ' ')}")
