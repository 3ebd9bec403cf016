"""The HTTP server of one process: uvicorn, taught to end open streams before it stops."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn

from graphstead.settings import Settings

WS_MESSAGE_BYTES = 16 * 1024 * 1024
WS_PING_S = 20.0

__all__ = ["DrainServer", "server_options"]


class DrainServer(uvicorn.Server):
    """Set the drain event first, so that streams end with their last frame and are not cut.

    Uvicorn waits for open responses before it runs the lifespan's end; an endless stream would
    hold it until the time limit. A signal ends the process with code 0, as a stop is no fault.
    """

    def __init__(
        self, config: uvicorn.Config, drain: asyncio.Event, on_started: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._drain = drain
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._drain.set()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


def server_options(settings: Settings) -> dict[str, Any]:
    """Return what every uvicorn of ours is configured with."""
    return {
        "loop": "asyncio" if sys.platform == "win32" else "uvloop",
        "http": "httptools",
        "ws": "websockets-sansio",
        "ws_max_size": WS_MESSAGE_BYTES,
        "ws_ping_interval": WS_PING_S,
        "ws_ping_timeout": WS_PING_S,
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": max(1, round(settings.drain_s)),
    }
