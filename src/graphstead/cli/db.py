"""`graphstead db`: the database itself, SQLite or Postgres, without a server."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from graphstead.app import open_storage
from graphstead.cli.options import config_option, setting_option
from graphstead.cli.project import open_project
from graphstead.databases import schema_state
from graphstead.engine.clock import SystemClock
from graphstead.engine.pruning import prune

__all__ = ["command"]

OUTDATED = 1


@click.group("db")
def command() -> None:
    """Bring the database up to date, tell how it is, or empty it of what is past its time."""


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
    lines = [json.dumps(told)] if as_json else [f"{key:9}{value}" for key, value in told.items()]
    click.echo("\n".join(lines))
    sys.exit(0 if state.version >= state.newest else OUTDATED)


@command.command("prune")
@config_option
@setting_option("data_dir", "--data")
@setting_option("history_days", "--history-days")
def prune_now(config: Path, **flags: Any) -> None:
    """Apply every time to live now and trim old histories, as a running server does bit by bit."""
    project, settings = open_project(config, flags)
    storage = open_storage(settings, project)
    try:
        done = prune(
            storage,
            SystemClock(),
            history_days=settings.history_days,
            stream_ttl_s=settings.resumable_stream_ttl_s,
        )
    finally:
        storage.close()
    for what, number in asdict(done).items():
        click.echo(f"{number:8} {what.replace('_', ' ')}")
