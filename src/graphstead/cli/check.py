"""`graphstead check`: would the server start with this project?"""

from __future__ import annotations

from pathlib import Path

import click

from graphstead.app import check_contract
from graphstead.cli.options import config_option
from graphstead.cli.project import open_project
from graphstead.graphs import load_graphs

__all__ = ["command"]


@click.command("check")
@config_option
def command(config: Path) -> None:
    """Check everything a start would check, without touching the data folder or a port.

    Exit code 0 when the server would start, 3 with a list of faults when it would not.
    """
    project, _ = open_project(config, {})
    graphs = load_graphs(project)
    operations = check_contract()
    click.echo(f"{config}: {len(graphs.ids)} graphs load: {', '.join(sorted(graphs.ids))}")
    click.echo(f"contract: {operations} operations, all with their handlers")
