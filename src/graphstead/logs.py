"""Log lines: one structured line each, as text for people or as JSON for machines.

Owns the set-up of structlog and of the standard library's loggers, which both end in the same
two renderers. Knows nothing of requests; `request_log` does.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

from graphstead.settings import Settings

__all__ = ["configure_logging", "get_logger"]

# Chatty at info, and what they say there we say ourselves.
QUIET = (
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
    "gunicorn",
    "httpx",
    "procrastinate",
    "httpcore",
    "watchfiles",
)
COLORS = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "1;31"}

EventDict = MutableMapping[str, Any]


def get_logger(name: str) -> Any:
    """Return a structlog logger that stamps its lines with `source=name`."""
    return structlog.get_logger(source=name)


def configure_logging(settings: Settings) -> None:
    """Send every logger of this process to stderr in the form the settings ask for."""
    level = logging.getLevelNamesMapping()[settings.log_level]
    color = settings.log_color and sys.stderr.isatty()
    structlog.configure(
        processors=[
            # Ids of the request that is served, or of the run that is carried out.
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            render_json if settings.log_json else ConsoleRenderer(color=color),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [_Forward()]
    root.setLevel(level)
    for name in QUIET:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(max(level, logging.WARNING))


class _Forward(logging.Handler):
    """Hand the standard library's records to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        extra = {"exc_info": record.exc_info} if record.exc_info else {}
        get_logger(record.name).log(record.levelno, record.getMessage(), **extra)


def render_json(logger: Any, method: str, event: EventDict) -> str:
    """Return one line of JSON; what JSON cannot hold is written as text."""
    event["timestamp"] = _timestamp("%Y-%m-%dT%H:%M:%S")
    event.update(_exception(event))
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


class ConsoleRenderer:
    """Write `time level event key=value …`, a traceback below where there is one."""

    def __init__(self, *, color: bool) -> None:
        self._color = color

    def __call__(self, logger: Any, method: str, event: EventDict) -> str:
        level, text = event.pop("level", method), event.pop("event", "")
        event.pop("source", None)
        trouble = _exception(event).get("exception")
        shown = f"\x1b[{COLORS.get(level, '0')}m{level:<8}\x1b[0m" if self._color else f"{level:<8}"
        pairs = "".join(f" {key}={value}" for key, value in event.items() if value is not None)
        line = f"{time.strftime('%H:%M:%S')} {shown} {text}{pairs}"
        return f"{line}\n{trouble}" if trouble else line


def _exception(event: EventDict) -> dict[str, str]:
    """Take `exc_info` out of the event and return it as text under `exception`."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    elif isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if not info or info[1] is None:
        return {}
    return {"exception": "".join(traceback.format_exception(*info)).rstrip()}


def _timestamp(pattern: str) -> str:
    now = time.time()
    return f"{time.strftime(pattern, time.gmtime(now))}.{int(now % 1 * 1000):03d}Z"
