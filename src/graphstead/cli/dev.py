"""`graphstead dev`: one process that serves a project and reloads it on change."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from graphstead.children import follow_parent
from graphstead.cli.options import config_option, setting_option
from graphstead.cli.ports import bind
from graphstead.cli.starter import find_project
from graphstead.graphs.environment import GRAPHS_VARIABLE
from graphstead.problems import StartupError
from graphstead.settings import read_settings

__all__ = ["command"]

START_FLAG = "--start-number"


@click.command("dev")
@config_option
@setting_option("host", "--host")
@setting_option("port", "--port", "-p")
@setting_option("data_dir", "--data")
@click.option("--no-reload", is_flag=True, help="Do not watch the project's files.")
@click.option("--no-browser", is_flag=True, help="Do not open the docs page in a browser.")
@setting_option("n_jobs_per_worker", "--n-jobs-per-worker")
@setting_option("log_level", "--server-log-level")
@click.option("--studio-url", help="Open this Studio on the server instead of the docs page.")
@click.option(
    "--debug-port", type=int, help="Let a debugger attach on this port (needs debugpy installed)."
)
@click.option(
    "--wait-for-client", is_flag=True, help="With --debug-port: start once a debugger is there."
)
@click.option(
    "--ssl-certfile",
    type=click.Path(exists=True, dir_okay=False),
    help="Serve HTTPS with this certificate; needs --ssl-keyfile.",
)
@click.option(
    "--ssl-keyfile",
    type=click.Path(exists=True, dir_okay=False),
    help="The private key of --ssl-certfile.",
)
@setting_option("allow_blocking", "--allow-blocking/--no-allow-blocking")
@click.option("--tunnel", is_flag=True, help="Refused: graphstead opens no tunnel by itself.")
@click.option(START_FLAG, "start_number", type=int, hidden=True)
def command(config: Path, **flags: Any) -> None:
    """Serve the project in langgraph.json on http://127.0.0.1:8123.

    Data survives restarts and reloads: it lives in .graphstead/ beside langgraph.json. In an
    empty folder a small graph is written first. Runs that a reload interrupts are resumed from
    their last checkpoint.
    """
    _refuse_nonsense(flags)
    watched = flags["start_number"] is not None
    if watched:
        follow_parent()
    else:
        _refuse_taken_port(flags)
    named = os.environ.get(GRAPHS_VARIABLE)
    if not watched and not named and find_project(config):
        click.echo("Wrote agent.py and langgraph.json: a first graph to change at will.")
    if flags["no_reload"] or watched:
        # Imported here: the watching parent process needs neither graphs nor server.
        server = importlib.import_module("graphstead.cli.devserver")
        sys.exit(server.run(config, flags))
    sys.exit(_watch(config, flags))


def _refuse_nonsense(flags: dict[str, Any]) -> None:
    if flags["tunnel"]:
        raise click.UsageError(
            "--tunnel is not supported: start a tunnel of your own to the printed address"
        )
    if bool(flags["ssl_certfile"]) != bool(flags["ssl_keyfile"]):
        raise click.UsageError("--ssl-certfile and --ssl-keyfile need each other")
    if flags["wait_for_client"] and flags["debug_port"] is None:
        raise click.UsageError("--wait-for-client needs --debug-port")


def _refuse_taken_port(flags: dict[str, Any]) -> None:
    """Raise PortTaken before anything slow or lasting happens; port 0 is always free."""
    settings = read_settings(host=flags["host"], port=flags["port"])
    bind(settings.host, settings.port).close()


def _watch(config: Path, flags: dict[str, Any]) -> int:
    reload = importlib.import_module("graphstead.cli.reload")

    def command_line(number: int) -> list[str]:
        start = [START_FLAG, str(number)]
        return [sys.executable, "-m", "graphstead", "dev", *start, *sys.argv[2:]]

    return int(asyncio.run(reload.run_with_reload(command_line, _folders(config))))


def _folders(config: Path) -> list[Path]:
    """Return the project's folder and those of its local dependencies."""
    if not config.exists():  # the graphs are named by the environment
        return [Path.cwd()]
    try:
        named = json.loads(config.read_text()).get("dependencies", [])
    except (OSError, ValueError, AttributeError) as error:
        raise StartupError([f"{config} cannot be read: {error}"]) from None
    folder = config.resolve().parent
    local = [folder / name for name in named if isinstance(name, str) and name.startswith(".")]
    return list(dict.fromkeys([folder, *(path.resolve() for path in local if path.is_dir())]))
