"""`graphstead runs`: what runs and what waits, and why; read from the data file itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from graphstead.ciphers import open_storage
from graphstead.cli.options import config_option, setting_option
from graphstead.cli.project import open_project
from graphstead.engine.clock import SystemClock
from graphstead.engine.explain import explain
from graphstead.storage.base import Tx
from graphstead.storage.rows import Json

__all__ = ["command"]

COLUMNS = ("run_id", "thread_id", "status", "attempt", "worker", "why")


@click.command("runs")
@config_option
@setting_option("data_dir", "--data")
@click.option("--limit", default=50, show_default=True, help="Print this many runs at most.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one run a line.")
def command(config: Path, limit: int, as_json: bool, **flags: Any) -> None:
    """List runs that are running or waiting, and why they wait.

    A run waits for its time (delayed), for another run of its thread, or for a free slot of a
    worker. The data file is read while the server runs; nothing is changed.
    """
    project, settings = open_project(config, flags)
    storage = open_storage(settings, project)
    try:
        rows = storage.read_blocking(lambda tx: _rows(tx, limit))
    finally:
        storage.close()
    for line in _lines(rows, as_json):
        click.echo(line)


def _rows(tx: Tx, limit: int) -> list[Json]:
    now_ms = SystemClock().now_ms()
    runs = tx.runs.by_status(("running", "pending"), limit)
    return [
        {
            "run_id": run.run_id,
            "thread_id": run.thread_id,
            "status": run.status,
            **explain(tx, run, now_ms),
        }
        for run in runs
    ]


def _lines(rows: list[Json], as_json: bool) -> list[str]:
    if as_json:
        return [json.dumps(row) for row in rows]
    if not rows:
        return ["Nothing runs and nothing waits."]
    cells = [COLUMNS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]


def _cells(row: Json) -> tuple[str, ...]:
    return (
        row["run_id"],
        row["thread_id"],
        row["status"],
        str(row["attempt"]),
        (row["worker"] or "")[:13],
        _why(row),
    )


def _why(row: Json) -> str:
    if row["cancelling"]:
        return f"is being cancelled ({row['cancelling']})"
    waiting = row["waiting"] or {}
    about = waiting.get("until") or waiting.get("run_id") or ""
    return f"{waiting.get('reason', '')} {about}".strip()
