"""`graphstead serve`: API processes under gunicorn, and processes that run the graphs."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import click

from graphstead.cli.greeting import greeting, server_url
from graphstead.cli.options import config_option, setting_option
from graphstead.cli.ports import bind
from graphstead.cli.project import open_project
from graphstead.cli.supervise import supervise
from graphstead.http_rules import mount_prefix
from graphstead.settings import environment

__all__ = ["command"]


@click.command("serve")
@config_option
@setting_option("host", "--host")
@setting_option("port", "--port", "-p")
@setting_option("data_dir", "--data")
@setting_option("api_workers", "--api-workers")
@setting_option("run_workers", "--run-workers")
@setting_option("n_jobs_per_worker", "--n-jobs-per-worker")
@setting_option("log_level", "--server-log-level")
@setting_option("log_json", "--log-json/--no-log-json")
def command(config: Path, **flags: Any) -> None:
    """Serve the project in langgraph.json until SIGTERM or Ctrl-C.

    The API runs under gunicorn, graphs run in worker processes of their own, and all of them
    are started again when they die. On SIGTERM streams break off behind a whole event
    within a second, and runs get the shutdown grace; whatever is left is resumed at the next start.

    With --run-workers 0 only the API is served; start `graphstead worker` elsewhere on this
    machine with the same data folder.
    """
    project, settings = open_project(config, flags)
    bind(settings.host, settings.port).close()
    os.environ.update(environment(settings))
    url = server_url(settings.host, settings.port) + mount_prefix(settings, project)

    def greet() -> None:
        click.echo(greeting(url, settings, list(project.graphs)))

    sys.exit(asyncio.run(supervise(settings, project.path, greet)))
