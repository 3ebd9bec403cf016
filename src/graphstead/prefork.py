"""The API processes of `graphstead serve`: a gunicorn master and its draining workers.

`python -m graphstead.prefork CONFIG` is started by `serve` and reads its settings from the
environment. The application is built in each worker, after the fork, as it holds threads and
database connections; what it imports is shared with the master.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from uvicorn_worker import UvicornWorker

from graphstead.app import ServedApp, check_handlers, create_app
from graphstead.children import announce_ready, follow_parent
from graphstead.graphs import load_project
from graphstead.logs import configure_logging, get_logger
from graphstead.problems import StartupError
from graphstead.serving import DrainServer, server_options
from graphstead.settings import Settings, read_settings

__all__ = ["AgentWorker", "ApiApplication", "RootLogger", "main"]

log = get_logger("graphstead.prefork")


class RootLogger(Logger):
    """Leave gunicorn's lines to the process's own log set-up; there is no access log."""

    def setup(self, cfg: Config) -> None:
        self.cfg = cfg
        self.error_log.handlers, self.error_log.propagate = [], True
        self.error_log.setLevel(logging.WARNING)
        self.access_log.handlers = []

    def reopen_files(self) -> None:
        """There are none."""


class AgentWorker(UvicornWorker):  # type: ignore[misc]  # ships no types
    """A gunicorn worker whose server drains streams, on SIGTERM and on --max-requests alike."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("uvicorn.error", "uvicorn.access"):
            logging.getLogger(name).propagate = True

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = DrainServer(self.config, self.wsgi.drain, announce_ready)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)


class ApiApplication(BaseApplication):
    """What gunicorn is to run, configured from our settings instead of its own files."""

    def __init__(self, settings: Settings, config: Path) -> None:
        self.settings = settings
        self.config_path = config
        super().__init__()

    def load_config(self) -> None:
        settings = self.settings
        AgentWorker.CONFIG_KWARGS = server_options(settings)
        options = {
            "bind": f"{settings.host}:{settings.port}",
            "workers": settings.api_workers,
            "worker_class": AgentWorker,
            "logger_class": RootLogger,
            "graceful_timeout": round(settings.drain_s) + 2,
            "timeout": 30,
            "post_fork": follow_master,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> ServedApp:
        with faults_listed():
            return create_app(self.settings, load_project(self.config_path), run_worker=False)


def follow_master(arbiter: Arbiter, worker: AgentWorker) -> None:
    follow_parent()


@contextmanager
def faults_listed() -> Iterator[None]:
    """End the process with the start-up faults as log lines, no traceback."""
    try:
        yield
    except StartupError as error:
        for fault in error.faults:
            log.error("cannot start", fault=fault)
        sys.exit(Arbiter.WORKER_BOOT_ERROR)


def main() -> None:
    follow_parent()
    settings = read_settings()
    configure_logging(settings)
    with faults_listed():
        check_handlers()
    ApiApplication(settings, Path(sys.argv[1])).run()


if __name__ == "__main__":
    main()
