"""How Python values become JSON for clients: stream events, thread values, run output.

`dumps` follows the serialization table of the reference server (measured on 0.16.7) and
differs in two places, both without loss: text that spells ``\\u0000`` with a real backslash
is left alone, and a time of day with an offset is written in ISO form.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import ipaddress
import re
import zoneinfo
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, TypedDict

import orjson
from langgraph import errors
from langgraph.types import Send

__all__ = ["MASKED_MESSAGE", "ErrorBody", "dumps", "error_body"]

MASKED_MESSAGE = "An internal error occurred"
OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
ESCAPED_NUL = rb"\u0000"
REAL_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")

# Their messages are written for the graph's author, so clients may read them.
OPEN_ERRORS: tuple[type[BaseException], ...] = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RuntimeError,
    TimeoutError,
    errors.GraphBubbleUp,
    errors.InvalidUpdateError,
    errors.EmptyInputError,
    errors.TaskNotFound,
    # Younger than the oldest LangGraph that is taken.
    *(
        getattr(errors, name)
        for name in ("NodeCancelledError", "NodeTimeoutError", "UnknownInterruptError")
        if hasattr(errors, name)
    ),
)


class ErrorBody(TypedDict):
    """The wire form of an exception: its class name and what may be told about it."""

    error: str
    message: str


def dumps(value: Any) -> bytes:
    """Encode any value a graph can produce as JSON.

    Values without a JSON form become null. Raises TypeError for integers beyond 64 bits,
    for dict keys that are no scalars and for circular structures.
    """
    try:
        data = orjson.dumps(value, _default, OPTIONS)
    except TypeError as exc:
        data = _dumps_repaired(value, str(exc))
    if ESCAPED_NUL in data:
        return REAL_NUL.sub(rb"\1\\ufffd", data)
    return data


def error_body(exc: BaseException) -> ErrorBody:
    """Describe an exception for clients, with a fixed message where it may hold secrets.

    A group of one counts as the exception inside it.
    """
    while isinstance(exc, BaseExceptionGroup) and len(exc.exceptions) == 1:
        exc = exc.exceptions[0]
    return {"error": type(exc).__name__, "message": _message(exc)}


def _message(exc: BaseException) -> str:
    if isinstance(exc, OPEN_ERRORS) or _is_http_exception(exc):
        return str(exc)
    return MASKED_MESSAGE


def _is_http_exception(exc: BaseException) -> bool:
    # By name: the web framework's class and the SDK's have no common base.
    return any(base.__name__ == "HTTPException" for base in type(exc).__mro__)


def _dumps_repaired(value: Any, fault: str) -> bytes:
    """Encode again after mending what orjson refuses but JSON can express."""
    if "surrogates" not in fault and "tzinfo" not in fault:
        raise TypeError(fault)
    try:
        return orjson.dumps(_plain(value), _default, OPTIONS)
    except orjson.JSONEncodeError as exc:
        raise TypeError(str(exc)) from exc


def _decimal(value: Decimal) -> int | float | None:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        return None
    return int(value) if exponent >= 0 else float(value)


def _base64(value: bytes | bytearray | memoryview) -> str:
    return base64.b64encode(value).decode("ascii")


def _send(value: Send) -> dict[str, Any]:
    return {"node": value.node, "args": value.arg}


ENCODERS: dict[type, Callable[[Any], Any]] = {
    bytes: _base64,
    bytearray: _base64,
    memoryview: _base64,
    set: list,
    frozenset: list,
    deque: list,
    Decimal: _decimal,
    dt.timedelta: dt.timedelta.total_seconds,
    dt.timezone: str,
    zoneinfo.ZoneInfo: str,
    re.Pattern: lambda value: value.pattern,
    Send: _send,
    ipaddress.IPv4Address: str,
    ipaddress.IPv6Address: str,
    ipaddress.IPv4Network: str,
    ipaddress.IPv6Network: str,
    ipaddress.IPv4Interface: str,
    ipaddress.IPv6Interface: str,
}
BASES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (BaseException, error_body),
    (PurePath, str),
    (dt.time, dt.time.isoformat),
    *ENCODERS.items(),
    (tuple, list),
    (float, float),
)
METHODS = ("model_dump", "_asdict", "dict")


def _default(value: Any) -> Any:
    """Give orjson something it knows in place of `value`, null where nothing fits."""
    encode = ENCODERS.get(type(value))
    if encode is not None:
        return encode(value)
    if isinstance(value, type):
        return None
    for name in METHODS:
        method = getattr(value, name, None)
        if callable(method):
            return method()
    for base, encode in BASES:
        if isinstance(value, base):
            return encode(value)
    return None


def _plain(value: Any) -> Any:
    """Copy `value` as plain dicts and lists whose text is valid Unicode."""
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, dict):
        return {_plain_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list) or type(value) is tuple:
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(getattr(value, name)) for name in _public_fields(value)}
    if isinstance(value, dt.time):
        return value.isoformat()
    found = _default(value)
    # datetimes, UUIDs and arrays have no stand-in: orjson writes them itself.
    return value if found is None else _plain(found)


def _plain_key(key: Any) -> Any:
    return _plain(key) if isinstance(key, str | Enum | dt.time) else key


def _public_fields(value: Any) -> list[str]:
    fields = [field.name for field in dataclasses.fields(value)]
    return [name for name in fields if not name.startswith("_") and hasattr(value, name)]
