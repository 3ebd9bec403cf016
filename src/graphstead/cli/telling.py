"""A worker with a port: it runs graphs, and tells of itself by the contract's own operations."""

from __future__ import annotations

import click

from graphstead.app import create_app
from graphstead.cli.greeting import server_url
from graphstead.cli.ports import bind
from graphstead.graphs import Project
from graphstead.http_rules import mount_prefix
from graphstead.serving import serve
from graphstead.settings import Settings

__all__ = ["run"]


def run(settings: Settings, project: Project, port: int) -> int:
    """Work until a signal; return the exit code. Nothing listens before all is loaded."""
    sock = bind(settings.host, port)
    app = create_app(settings, project, run_worker=True, of_itself=True)
    url = server_url(settings.host, sock.getsockname()[1], secure=False)
    url += mount_prefix(settings, project)

    def greet() -> None:
        click.echo(f"This worker tells of itself on {url}/ok, /info and /metrics")

    return serve(app, settings, sock, app.drain, greet)
