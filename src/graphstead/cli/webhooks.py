"""`graphstead webhooks`: calls that were given up, from the data file itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from graphstead.ciphers import open_storage
from graphstead.cli.options import config_option, setting_option
from graphstead.cli.project import open_project
from graphstead.engine.clock import SystemClock, wire_time_of_ms
from graphstead.storage.base import Storage
from graphstead.storage.rows import DeliveryRow, Json

__all__ = ["command"]


@click.command("webhooks")
@config_option
@setting_option("data_dir", "--data")
@click.option("--limit", default=50, show_default=True, help="Print this many calls at most.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one call a line.")
@click.option("--resend", metavar="RUN_ID", help="Send the call of this run again, or 'all'.")
def command(config: Path, limit: int, as_json: bool, resend: str | None, **flags: Any) -> None:
    """List webhook calls that were given up and why, newest first; with --resend make them due.

    Workers that run make such calls within a second. Query strings may hold secrets and are not
    printed. Such calls are kept for 30 days after the run's end (GRAPHSTEAD_DEAD_WEBHOOK_DAYS).
    """
    project, settings = open_project(config, flags)
    storage = open_storage(settings, project)
    try:
        if resend is None:
            _list(storage, limit, as_json)
        else:
            _resend(storage, resend)
    finally:
        storage.close()


def _list(storage: Storage, limit: int, as_json: bool) -> None:
    rows = storage.read_blocking(lambda tx: tx.deliveries.dead(limit))
    for told in map(_told, rows):
        click.echo(json.dumps(told) if as_json else "  ".join(map(str, told.values())))
    if not rows and not as_json:
        click.echo("No call was given up.")


def _told(row: DeliveryRow) -> Json:
    return {
        "run_id": row.run_id,
        "ended_at": wire_time_of_ms(row.created_ms),
        "attempts": row.attempts,
        "url": row.url.partition("?")[0],
        "error": row.last_error,
    }


def _resend(storage: Storage, which: str) -> None:
    run_id, now_ms = None if which == "all" else which, SystemClock().now_ms()
    number = storage.write_blocking(lambda tx: tx.deliveries.revive(now_ms, run_id))
    click.echo(f"{number} made due again.")
