"""One log line per request, written when its answer has been sent."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphstead.logs import get_logger

__all__ = ["RequestLog"]

UNLOGGED = frozenset({"/ok", "/metrics"})
RUN_ID = re.compile(rb"/runs/([0-9a-f-]{36})")
log = get_logger("graphstead.requests")


class RequestLog:
    """Log method, path, status, latency, run and request id; 4xx as warning, 5xx as error.

    Neither query nor headers nor bodies are logged: they may hold secrets.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNLOGGED:
            await self.app(scope, receive, send)
            return
        started_s = time.perf_counter()
        answer: dict[str, Any] = {"status": 500}

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer["status"] = message["status"]
                answer.update(_ids(message.get("headers", ())))
            await send(message)

        try:
            await self.app(scope, receive, note)
        finally:
            latency_ms = round((time.perf_counter() - started_s) * 1000, 1)
            _write(scope["method"], scope["path"], latency_ms, answer)


def _ids(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        if lower == b"x-request-id":
            found["request_id"] = value.decode("latin-1")
        elif lower in (b"content-location", b"location") and (run := RUN_ID.search(value)):
            found["run_id"] = run.group(1).decode("latin-1")
    return found


def _write(method: str, path: str, latency_ms: float, answer: dict[str, Any]) -> None:
    status = answer["status"]
    level = log.info if status < 400 else log.warning if status < 500 else log.error
    level("request", method=method, path=path, latency_ms=latency_ms, **answer)
