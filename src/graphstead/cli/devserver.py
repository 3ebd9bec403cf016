"""The serving half of `graphstead dev`: one process with the API, a worker and the graphs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from graphstead.app import ServedApp, create_app
from graphstead.cli import debugger
from graphstead.cli.greeting import example_input, greeting, open_page, server_url, studio_page
from graphstead.cli.ports import bind
from graphstead.cli.project import open_project
from graphstead.graphs import GraphSet
from graphstead.graphs.schemas import describe
from graphstead.http_rules import mount_prefix
from graphstead.serving import serve
from graphstead.settings import Settings

__all__ = ["run"]

GRACE_S = 5.0
SETTING_FLAGS = ("host", "port", "data_dir", "n_jobs_per_worker", "log_level", "allow_blocking")


def run(config: Path, flags: Mapping[str, Any]) -> int:
    """Serve until a signal; return the exit code. Nothing listens before all is loaded."""
    given = {name: flags[name] for name in SETTING_FLAGS}
    project, settings = open_project(
        config, given, {"shutdown_grace_s": GRACE_S, "studio_auth": True}
    )
    if flags["debug_port"] is not None:
        debugger.listen(settings.host, flags["debug_port"], wait=flags["wait_for_client"])
    app = create_app(settings, project, run_worker=True)
    sock = bind(settings.host, settings.port)
    tls = {name: flags[name] for name in ("ssl_certfile", "ssl_keyfile")}
    url = server_url(settings.host, sock.getsockname()[1], secure=bool(tls["ssl_certfile"]))
    url += mount_prefix(settings, project)

    def greet() -> None:
        _greet(url, settings, app, flags)

    return serve(app, settings, sock, app.drain, greet, **tls)


def _greet(url: str, settings: Settings, app: ServedApp, flags: Mapping[str, Any]) -> None:
    """Print where things are at the first start, one line after a reload."""
    if flags["start_number"]:
        click.echo(f"Serving again on {url}")
        return
    click.echo(greeting(url, settings, app.graphs.ids, _example(app.graphs)))
    if not flags["no_browser"]:
        studio = flags["studio_url"]
        open_page(studio_page(studio, url) if studio else f"{url}/docs")


def _example(graphs: GraphSet) -> Any:
    """Return an input for the first graph; None when only a factory could tell."""
    graph = graphs.compiled(graphs.ids[0])
    if graph is None:
        return None
    return example_input(describe(graph)["input_schema"] or {})
