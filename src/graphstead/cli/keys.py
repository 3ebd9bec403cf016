"""`graphstead keys`: make, list and end the keys of GRAPHSTEAD_AUTH=keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from graphstead.ciphers import open_storage
from graphstead.cli.options import config_option, setting_option
from graphstead.cli.project import open_project
from graphstead.databases import open_clear
from graphstead.engine.clock import SystemClock, wire_time_of_ms
from graphstead.engine.keys import ApiKeys
from graphstead.logs import configure_logging
from graphstead.settings import read_settings
from graphstead.storage.base import Storage
from graphstead.storage.rows import ApiKeyRow, Json

__all__ = ["command"]

COLUMNS = ("key", "identity", "name", "permissions", "created", "expires", "last used", "state")
DAYS = click.FloatRange(min=0, min_open=True)


@click.group("keys")
def command() -> None:
    """Make, list and end keys of this server; GRAPHSTEAD_AUTH=keys asks callers for one.

    They lie in the database, hashed, and can be made and ended while the server runs.
    """


@command.command("create")
@config_option
@setting_option("data_dir", "--data")
@click.option("--identity", required=True, help="Whom the key stands for; rows belong to it.")
@click.option("--name", default="", help="What it is for, to tell keys of one identity apart.")
@click.option("--permissions", default="", help="Separated by commas; 'admin' sees every row.")
@click.option("--expires-days", type=DAYS, help="Days until the key ends by itself.")
def create(
    config: Path,
    identity: str,
    name: str,
    permissions: str,
    expires_days: float | None,
    **flags: Any,
) -> None:
    """Make a key and print it: this once, it is not stored."""
    granted = [part.strip() for part in permissions.split(",") if part.strip()]
    if not identity.strip():
        raise click.BadParameter("expected text", param_hint="--identity")
    with _keys(config, flags) as keys:
        made = keys.create(identity, name=name, permissions=granted, expires_days=expires_days)
    click.echo(made.token)


@command.command("list")
@config_option
@setting_option("data_dir", "--data")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one key a line.")
def list_keys(config: Path, as_json: bool, **flags: Any) -> None:
    """List keys, newest first; of each its beginning alone."""
    with _keys(config, flags) as keys:
        rows = [_told(row) for row in keys.list()]
    for line in map(json.dumps, rows) if as_json else _table(rows):
        click.echo(line)


@command.command("revoke")
@config_option
@setting_option("data_dir", "--data")
@click.argument("key")
def revoke(config: Path, key: str, **flags: Any) -> None:
    """End a key, named by its beginning (gsk_1a2b3c4d) or in full; servers obey within a second."""
    with _keys(config, flags) as keys:
        if not keys.revoke(key):
            raise click.ClickException(f"there is no such key, or it has ended already: {key[:12]}")
    click.echo("It has ended.")


@contextmanager
def _keys(config: Path, flags: dict[str, Any]) -> Iterator[ApiKeys]:
    storage = _storage(config, flags)
    try:
        yield ApiKeys(storage, SystemClock())
    finally:
        storage.close()


def _storage(config: Path, flags: dict[str, Any]) -> Storage:
    """Open the project's database, or one in a data folder that belongs to no project."""
    if flags["data_dir"] is None or config.exists():
        project, settings = open_project(config, flags)
        return open_storage(settings, project)
    settings = read_settings(**flags)
    configure_logging(settings)
    return open_clear(settings)


def _told(row: ApiKeyRow) -> Json:
    return {
        "key": f"gsk_{row.key_id}",
        "identity": row.identity,
        "name": row.name,
        "permissions": list(row.permissions),
        "created": wire_time_of_ms(row.created_ms),
        "expires": _time(row.expires_ms),
        "last_used": _time(row.last_used_ms),
        "state": _state(row),
    }


def _state(row: ApiKeyRow) -> str:
    if row.revoked_ms is not None:
        return "revoked"
    expired = row.expires_ms is not None and row.expires_ms <= SystemClock().now_ms()
    return "expired" if expired else "active"


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else wire_time_of_ms(at_ms)


def _table(rows: list[Json]) -> list[str]:
    if not rows:
        return ["There is no key yet: graphstead keys create --identity NAME"]
    cells = [COLUMNS, *(tuple(_cell(value) for value in row.values()) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value) or "-"
    text = str(value or "-")
    return text[:19] if text[10:11] == "T" else text
