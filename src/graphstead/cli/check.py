"""`graphstead check`: would the server start with this project?"""

from __future__ import annotations

from pathlib import Path

import click

from graphstead.app import check_handlers
from graphstead.cli.options import config_option
from graphstead.cli.project import open_project
from graphstead.contract.check import check_document
from graphstead.contract.load import packaged
from graphstead.graphs import load_graphs
from graphstead.graphs.custom_app import load_custom_app
from graphstead.http_rules import cors_policy, mount_prefix
from graphstead.problems import StartupError

__all__ = ["command"]


@click.command("check")
@config_option
def command(config: Path) -> None:
    """Check everything a start would check, without touching the data folder or a port.

    Exit code 0 when the server would start, 3 with a list of faults when it would not.
    """
    project, settings = open_project(config, {})
    mount_prefix(settings, project)
    cors_policy(settings, project)
    graphs = load_graphs(project)
    load_custom_app(project)
    if faults := check_document(packaged()):
        raise StartupError(faults)
    operations = check_handlers()
    click.echo(f"{config}: {len(graphs.ids)} graphs load: {', '.join(sorted(graphs.ids))}")
    click.echo(f"contract: {operations} operations, all with their handlers")
