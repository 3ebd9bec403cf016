"""The command group: finds subcommands, prints start-up faults as a list."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from graphstead import __version__
from graphstead.problems import StartupError

__all__ = ["main"]

STARTUP_FAULT = 3
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
COMMANDS = {
    "dev": "Serve a project on this machine, reloading on change.",
    "serve": "Serve a project for good: API processes and run workers.",
    "worker": "Run graphs for an API that is served elsewhere.",
    "check": "Check project, graphs, settings and contract; serve nothing.",
    "db": "Upgrade, inspect or prune the database.",
    "doctor": "Look for what is wrong, and say what to do about it.",
    "dockerfile": "Write a Dockerfile for the project, on request with a compose file.",
    "import": "Copy assistants, threads, crons and items from another Agent Server.",
    "keys": "Make, list and end keys that callers show to this server.",
    "runs": "List what runs and what waits, and why.",
    "webhooks": "List webhook calls that were given up, or send them again.",
    "spec": "Print the contract, or name what changed between two.",
    "conform": "Check any Agent Server: contract, refusals, behaviour.",
    "gateway": "Stand before any Agent Server: check what passes, who calls, how often.",
    "routes": "List every operation and whether it is supported.",
}
# `import` is no name for a module.
MODULES = {"import": "importing"}


class Commands(click.Group):
    """Import a subcommand's module only when it is needed: `dev` must start at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(
            f"graphstead.cli.{MODULES.get(cmd_name, cmd_name)}"
        ).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except StartupError as error:
            click.echo("graphstead cannot start:", err=True)
            for fault in error.faults:
                click.echo(f"  - {fault}", err=True)
            sys.exit(STARTUP_FAULT)


@click.group(cls=Commands, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="graphstead")
def main() -> None:
    """Run LangGraph graphs durably behind the Agent Server API.

    \b
    graphstead dev       in a folder with langgraph.json: serve it, reload on change
    graphstead dev       in an empty folder: write a small graph and serve it
    graphstead serve     the same for production: API processes and run workers

    Exit codes: 0 stopped as asked, 1 the port is taken, 2 bad usage, 3 a start-up fault (the
    project, the contract, a setting or the database), listed on stderr.
    """
