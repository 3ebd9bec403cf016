"""`graphstead worker`: a process that runs graphs, and over HTTP tells of itself at most."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from pathlib import Path
from typing import Any

import click

from graphstead.app import open_engine
from graphstead.children import READY_FD, announce_ready, follow_parent, stop_event
from graphstead.cli.options import config_option, setting_option
from graphstead.cli.project import open_project
from graphstead.engine import Engine

__all__ = ["command"]


@click.command("worker")
@config_option
@setting_option("host", "--host")
@setting_option("worker_port", "--port")
@setting_option("data_dir", "--data")
@setting_option("n_jobs_per_worker", "--n-jobs-per-worker")
@setting_option("log_level", "--server-log-level")
@setting_option("log_json", "--log-json/--no-log-json")
def command(config: Path, **flags: Any) -> None:
    """Take runs from the database and carry them out until SIGTERM or Ctrl-C.

    `graphstead serve` starts workers by itself; start more, on the same machine and with the
    same data folder, when graphs need more processors. A worker that dies loses nothing: its
    runs are resumed from their last checkpoint by the others.

    With --port it answers /ok, /info and /metrics there, for probes and Prometheus.
    """
    is_child = bool(os.environ.get(READY_FD))
    if is_child:
        follow_parent()
    project, settings = open_project(config, flags)
    if settings.worker_port is not None and not is_child:
        # Imported here: without a port a worker needs no HTTP server.
        telling = importlib.import_module("graphstead.cli.telling")
        sys.exit(telling.run(settings, project, settings.worker_port))
    asyncio.run(_work(open_engine(settings, project, run_worker=True)))


async def _work(engine: Engine) -> None:
    stop = stop_event()
    await engine.start()
    try:
        announce_ready()
        await stop.wait()
    finally:
        await engine.stop()
