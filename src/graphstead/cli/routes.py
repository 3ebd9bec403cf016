"""`graphstead routes`: every operation of the contract, and whether this version does it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from graphstead.contract.load import packaged
from graphstead.derive.catalogue import entries

__all__ = ["command"]

COLUMNS = ("method", "path", "operation", "support")


@click.command("routes")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(as_json: bool) -> None:
    """List every operation of the contract.

    Support is `full`, or `planned`: described by the contract, answered 501 by this version.
    """
    rows = list(_rows())
    if as_json:
        click.echo(json.dumps([dict(zip(COLUMNS, row, strict=True)) for row in rows], indent=1))
        return
    widths = [max(len(row[column]) for row in [*rows, COLUMNS]) for column in range(len(COLUMNS))]
    for row in [COLUMNS, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())
    full = sum(row[3] == "full" for row in rows)
    click.echo(f"{len(rows)} operations: {full} full, {len(rows) - full} planned")


def _rows() -> Iterator[tuple[str, str, str, str]]:
    for entry in entries(packaged()):
        yield entry.method.upper(), entry.path, entry.operation_id, entry.support
