"""Let a debugger attach to the server process, where debugpy is installed."""

from __future__ import annotations

import importlib

import click

__all__ = ["listen"]


def listen(host: str, port: int, *, wait: bool) -> None:
    """Open the debug port; with `wait`, go on only when a debugger is attached."""
    try:
        debugpy = importlib.import_module("debugpy")
    except ModuleNotFoundError:
        raise click.UsageError("--debug-port needs debugpy: pip install debugpy") from None
    debugpy.listen((host, port))
    if wait:
        click.echo(f"Waiting for a debugger on {host}:{port}")
        debugpy.wait_for_client()
