"""`graphstead doctor`: what is well, what is not, and what to do about it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from graphstead.cli.options import config_option, setting_option
from graphstead.doctor import Finding, look

__all__ = ["command"]

COLORS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command("doctor")
@config_option
@setting_option("host", "--host")
@setting_option("port", "--port", "-p")
@setting_option("data_dir", "--data")
@click.option("--full", is_flag=True, help="Check the pages of a large database too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one finding a line.")
def command(config: Path, full: bool, as_json: bool, **flags: Any) -> None:
    """Look at project, graphs, database and machine; change nothing.

    One line a finding: ok, warn or fail, and below it what to do. Exit code 1 when anything
    fails. The database is read while a server runs.
    """
    failed = 0
    for finding in look(config, flags, full=full):
        failed += finding.level == "fail"
        click.echo(json.dumps(asdict(finding)) if as_json else _line(finding))
    sys.exit(1 if failed else 0)


def _line(finding: Finding) -> str:
    level = click.style(f"{finding.level:<4}", fg=COLORS[finding.level])
    cure = f"\n      → {finding.cure}" if finding.cure else ""
    return f"{level}  {finding.check}: {finding.text}{cure}"
