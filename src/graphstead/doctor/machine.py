"""The machine: versions, extras, room on the disk, the port."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import click
import httpx

from graphstead import __version__
from graphstead.cli.ports import bind
from graphstead.contract.schemas import distrusted_engine
from graphstead.doctor.findings import Finding, fail, ok, warn
from graphstead.problems import StartupError
from graphstead.settings import Settings
from graphstead.tracing import ASKED_BY

__all__ = ["disk", "extras", "port", "versions"]

GIB = 1024**3
LOW_BYTES, TOO_LOW_BYTES = GIB, 64 * 1024**2
PACKAGES = ("langgraph", "langchain-core", "langgraph-sdk")
ANSWER_S = 5.0
CURE_OF_ENGINE = (
    "pip install 'jsonschema-rs>=0.60.1', in an environment without langgraph-cli[inmem],"
    " which wants an older one"
)


def versions() -> Iterator[Finding]:
    """Name what runs."""
    told = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    python = platform.python_version()
    text = f"graphstead {__version__}, Python {python}, SQLite {sqlite3.sqlite_version}, {told}"
    yield ok("versions", text)
    if release := distrusted_engine():
        text = f"jsonschema-rs {release} judges some bodies wrongly: plain jsonschema does it here"
        yield warn("versions", f"{text}, 0.5 ms and more each", CURE_OF_ENGINE)


def extras(settings: Settings | None) -> Iterator[Finding]:
    """Tell which optional parts are installed, and which are asked for and missing."""
    there = _has("opentelemetry.sdk") and _has("opentelemetry.exporter.otlp.proto.http")
    asked = any(os.environ.get(name) for name in ASKED_BY)
    asked = bool(settings.otel) if settings and settings.otel is not None else asked
    if asked and not there:
        text = "OpenTelemetry is asked for and not installed"
        yield warn("extras", text, "pip install 'graphstead[otel]'")
        return
    parts = {"otel": there, "debugpy": _has("debugpy"), "psycopg": _has("psycopg")}
    told = ", ".join(f"{name} {'yes' if part else 'no'}" for name, part in parts.items())
    yield ok("extras", told)


def disk(settings: Settings) -> Iterator[Finding]:
    """Tell how much room is left for the database."""
    if settings.postgres_uri is not None:
        return
    folder = settings.database_path.resolve().parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    text = f"{free / GIB:.1f} GiB free for {folder}"
    if free < TOO_LOW_BYTES:
        yield fail("disk", text, "make room: a full disk refuses every write")
    elif free < LOW_BYTES:
        yield warn("disk", text, "make room, or lower GRAPHSTEAD_HISTORY_DAYS")
    else:
        yield ok("disk", text)


def port(settings: Settings) -> Iterator[Finding]:
    """Tell whether the port is free, or who has it."""
    try:
        bind(settings.host, settings.port).close()
    except click.ClickException as error:
        yield _taken(settings, error.message)
    except StartupError as error:
        yield from (fail("port", fault, "choose another --host") for fault in error.faults)
    else:
        yield ok("port", f"{settings.host}:{settings.port} is free")


def _taken(settings: Settings, message: str) -> Finding:
    try:
        told = httpx.get(f"http://127.0.0.1:{settings.port}/info", timeout=ANSWER_S).json()
        served = told["capabilities"]["contract"] and told["version"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return fail("port", message, "stop that process, or choose another --port")
    return ok("port", f"{settings.port} is served by graphstead {served}")


def _has(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
