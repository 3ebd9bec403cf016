"""`http` of langgraph.json: the project's own app, the prefix, CORS, switches, headers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphstead.graphs.headers import HeaderRule, logging_rule

__all__ = ["HTTP_KEYS", "CorsConfig", "HttpConfig", "read_cors", "read_http", "read_prefix"]

Fault = Callable[[str, str], None]
PARTS = ("assistants", "threads", "runs", "store", "meta", "webhooks", "ui", "mcp", "a2a")
SWITCHES = {f"disable_{part}": part for part in PARTS}
CORS_KEYS: Mapping[str, type] = {
    "allow_origins": list,
    "allow_origin_regex": str,
    "allow_methods": list,
    "allow_headers": list,
    "allow_credentials": bool,
    "expose_headers": list,
    "max_age": int,
}
ORDERS = ("middleware_first", "auth_first")
HTTP_KEYS = frozenset(
    {
        "app",
        "configurable_headers",
        "cors",
        "enable_custom_route_auth",
        "logging_headers",
        "middleware_order",
        "mount_prefix",
        *SWITCHES,
    }
)
PREFIX = re.compile(r"(/[\w.~-]+)*")
PREFIX_FORM = "expected a path such as '/api'"


@dataclass(frozen=True, slots=True)
class CorsConfig:
    """What was written about CORS; None is what was not."""

    allow_origins: tuple[str, ...] = ()
    allow_origin_regex: str | None = None
    allow_methods: tuple[str, ...] | None = None
    allow_headers: tuple[str, ...] | None = None
    allow_credentials: bool = False
    expose_headers: tuple[str, ...] | None = None
    max_age: int = 600


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """What the project asks of the HTTP server. `app` is `./file.py:variable` or a module's."""

    app: str | None = None
    mount_prefix: str = ""
    cors: CorsConfig | None = None
    disabled: frozenset[str] = frozenset()
    custom_route_auth: bool = False
    auth_first: bool = False
    logged_headers: HeaderRule | None = field(default=None)


def read_http(given: Mapping[str, Any], fault: Fault) -> HttpConfig:
    """Read the object; what is wrong with it goes to `fault` as (key, what was expected)."""
    order = given.get("middleware_order") or ORDERS[0]
    if order not in ORDERS:
        fault("http.middleware_order", f"expected {' or '.join(ORDERS)}, found {order!r}")
    for key in ("configurable_headers", "logging_headers"):
        _check_headers(f"http.{key}", given.get(key), fault)
    logged = given.get("logging_headers")
    return HttpConfig(
        app=_app(given.get("app"), fault),
        mount_prefix=read_prefix(given.get("mount_prefix"), "http.mount_prefix", fault),
        cors=read_cors(given.get("cors"), "http.cors", fault),
        disabled=frozenset(_disabled(given, fault)),
        custom_route_auth=_flag(given, "enable_custom_route_auth", fault),
        auth_first=order == "auth_first",
        logged_headers=logging_rule(logged) if isinstance(logged, dict) else None,
    )


def _app(given: Any, fault: Fault) -> str | None:
    if given is None:
        return None
    module, _, variable = str(given).rpartition(":")
    if isinstance(given, str) and module and variable.isidentifier():
        return given
    fault("http.app", f"expected './file.py:variable' or 'module:variable', found {given!r}")
    return None


def read_prefix(given: Any, key: str, fault: Fault) -> str:
    """Return the prefix without a slash at its end, empty for none."""
    if given is None:
        return ""
    if isinstance(given, str) and PREFIX.fullmatch(given.rstrip("/")):
        return given.rstrip("/")
    fault(key, f"{PREFIX_FORM}, found {given!r}")
    return ""


def read_cors(given: Any, key: str, fault: Fault) -> CorsConfig | None:
    """Read CORS rules; what is wrong with them goes to `fault`."""
    if given is None:
        return None
    if not isinstance(given, dict):
        fault(key, f"expected an object, found {given!r}")
        return None
    known = {name: value for name, value in given.items() if value is not None}
    faulty = [name for name in known if not _fits_cors(f"{key}.{name}", name, known[name], fault)]
    sound = {name: _frozen(known[name]) for name in known if name not in faulty}
    if sound.get("allow_credentials") and "*" in sound.get("allow_origins", ()):
        fault(f"{key}.allow_credentials", "browsers send none to '*': name the origins")
    return CorsConfig(**sound)


def _fits_cors(key: str, name: str, value: Any, fault: Fault) -> bool:
    kind = CORS_KEYS.get(name)
    if kind is None:
        fault(key, f"unknown; expected one of {', '.join(CORS_KEYS)}")
    elif not _is_of(kind, value):
        fault(key, f"expected {'a list of texts' if kind is list else kind.__name__}")
    elif name == "allow_origin_regex" and not _compiles(value):
        fault(key, f"expected a regular expression, found {value!r}")
    else:
        return True
    return False


def _is_of(kind: type, value: Any) -> bool:
    if isinstance(value, list):
        return kind is list and _texts(value)
    return type(value) is kind


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _disabled(given: Mapping[str, Any], fault: Fault) -> Iterator[str]:
    for key, part in SWITCHES.items():
        if _flag(given, key, fault):
            yield part


def _flag(given: Mapping[str, Any], key: str, fault: Fault) -> bool:
    value = given.get(key)
    if value is not None and not isinstance(value, bool):
        fault(f"http.{key}", f"expected true or false, found {value!r}")
    return value is True


def _check_headers(key: str, given: Any, fault: Fault) -> None:
    if given is None:
        return
    if not isinstance(given, dict):
        fault(key, f"expected an object with includes and excludes, found {given!r}")
        return
    for name in ("includes", "excludes"):
        patterns = given.get(name)
        if patterns is not None and not (isinstance(patterns, list) and _texts(patterns)):
            fault(f"{key}.{name}", f"expected a list of names, found {patterns!r}")


def _texts(values: list[Any]) -> bool:
    return all(isinstance(one, str) for one in values)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
