"""One log line per request, written when its answer has been sent."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphstead.logs import get_logger

if TYPE_CHECKING:
    # Beside it lies what imports LangGraph, which the gateway does without.
    from graphstead.graphs.headers import HeaderRule

__all__ = ["RequestLog"]

UNLOGGED = ("/ok", "/metrics")
RUN_ID = re.compile(r"/runs/([0-9a-f-]{36})")
THREAD_ID = re.compile(r"/threads/([0-9a-f-]{36})")
log = get_logger("graphstead.requests")


class RequestLog:
    """Log method, path, status, latency, thread, run and request id; 4xx as warning, 5xx as error.

    Neither query nor bodies are logged, and of the headers those alone that `headers` lets pass:
    they may hold secrets.
    """

    def __init__(
        self, app: ASGIApp, headers: HeaderRule | None = None, base_path: str = ""
    ) -> None:
        self.app = app
        self._headers = headers
        self._unlogged = frozenset({*UNLOGGED, *(base_path + path for path in UNLOGGED)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._unlogged:
            await self.app(scope, receive, send)
            return
        started_s = time.perf_counter()
        answer: dict[str, Any] = {"status": 500, **_ids(scope["path"])}

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer["status"] = message["status"]
                answer.update(_ids_of_answer(message.get("headers", ())))
            await send(message)

        try:
            await self.app(scope, receive, note)
        finally:
            latency_ms = round((time.perf_counter() - started_s) * 1000, 1)
            if self._headers is not None:
                answer["headers"] = self._headers.pick(scope["headers"])
            _write(scope["method"], scope["path"], latency_ms, answer)


def _ids(path: str) -> dict[str, str]:
    """Return thread and run that a path names."""
    pairs = (("thread_id", THREAD_ID.search(path)), ("run_id", RUN_ID.search(path)))
    return {name: match[1] for name, match in pairs if match}


def _ids_of_answer(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        if lower == b"x-request-id":
            found["request_id"] = value.decode("latin-1")
        elif lower == b"content-location":
            found.update(_ids(value.decode("latin-1")))
    return found


def _write(method: str, path: str, latency_ms: float, answer: dict[str, Any]) -> None:
    status = answer["status"]
    level = log.info if status < 400 else log.warning if status < 500 else log.error
    level("request", method=method, path=path, latency_ms=latency_ms, **answer)
