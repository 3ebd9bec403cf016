"""The HTTP server of one process: uvicorn, taught to end open streams before it stops."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from graphstead.children import STARTUP_FAULT
from graphstead.listening import Drain, admit_connections, drop_connections
from graphstead.settings import Settings

WS_MESSAGE_BYTES = 16 * 1024 * 1024
WS_PING_S = 20.0
LAST_REQUESTS_S, LAST_TURNS = 0.2, 5
BROKEN_OFF = "ASGI callable returned without completing response."

__all__ = ["DrainServer", "serve", "server_options"]


class DrainServer(uvicorn.Server):
    """Set the drain event first, so that streams end behind a whole frame.

    Uvicorn waits for open responses before it runs the lifespan's end; an endless stream would
    hold it until the time limit. A signal ends the process with code 0, as a stop is no fault.
    """

    def __init__(
        self, config: uvicorn.Config, drain: Drain, on_started: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._drain = drain
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()

    async def on_tick(self, counter: int) -> bool:
        # Uvicorn goes by the wall clock: set back, it would let gunicorn's master take the process
        # for dead until the clock is where it was.
        if self.last_notified > time.time():
            self.last_notified = 0.0
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._take_in_the_last()
        # What is broken off from here on is so that clients take it up elsewhere: no fault.
        logging.getLogger("uvicorn.error").addFilter(_is_news)
        self._drain.set()
        await super().shutdown(sockets)

    async def _take_in_the_last(self) -> None:
        """Let in nobody any more, and whoever was let in ask; see `listening`."""
        self._drain.closing = True
        listening = [one for server in self.servers for one in server.sockets]
        if drop_connections(listening):
            await asyncio.sleep(LAST_REQUESTS_S)
            # A process that was kept waiting finds requests there which it has not read yet.
            for _ in range(LAST_TURNS):
                await asyncio.sleep(0)
            admit_connections(listening)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


def _is_news(record: logging.LogRecord) -> bool:
    return record.msg != BROKEN_OFF


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
        "timeout_keep_alive": settings.keep_alive_s,
        "timeout_graceful_shutdown": max(1, round(settings.drain_s)),
    }


def serve(
    app: ASGIApp,
    settings: Settings,
    sock: socket.socket,
    drain: Drain,
    on_started: Callable[[], None],
    **own: Any,
) -> int:
    """Serve on a bound socket until a signal; return the exit code. `own` are uvicorn's options."""
    options = uvicorn.Config(app, **server_options(settings), **own)
    server = DrainServer(options, drain, on_started)
    server.run(sockets=[sock])
    return 0 if server.started else STARTUP_FAULT
