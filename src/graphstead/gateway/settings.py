"""What one gateway does: which server it stands before, how strictly, for whom."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from graphstead.conformance.checking import Profile
from graphstead.problems import StartupError

__all__ = ["GatewaySettings", "Mode", "Target", "read_headers", "target_of"]

Mode: TypeAlias = Literal["report", "enforce"]
RawHeaders: TypeAlias = tuple[tuple[bytes, bytes], ...]
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """The server behind the gateway; `prefix` is the path below which it serves."""

    scheme: str
    host: str
    port: int
    prefix: str = ""

    @property
    def authority(self) -> str:
        """Return host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Return its address, without a trailing slash."""
        return f"{self.scheme}://{self.authority}{self.prefix}"


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Fixed at the start. Sizes in bytes; `page_key` opens the gateway's own pages."""

    target: Target
    mode: Mode = "report"
    profile: Profile = "core"
    reject_unknown: bool = False
    allow_paths: tuple[str, ...] = ()
    upstream_headers: RawHeaders = ()
    identity_header: str | None = None
    preserve_host: bool = False
    drops_keys: bool = False
    max_body_bytes: int = 20 * 1024 * 1024
    max_event_bytes: int = 8 * 1024 * 1024
    timeout_s: float = 3600.0
    connect_s: float = 5.0
    page_key: str | None = None


def target_of(url: str) -> Target:
    """Read the address of a server. Raises StartupError."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in PORTS or not parts.hostname or port == -1 or parts.query:
        raise StartupError([f"--upstream: expected http://host:port or https://…, found {url!r}"])
    if parts.username or parts.password:
        raise StartupError(["--upstream: no credentials in the address; use --upstream-header"])
    prefix = parts.path.rstrip("/")
    return Target(parts.scheme, parts.hostname, port or PORTS[parts.scheme], prefix)


def read_headers(given: Iterable[str], environment: Mapping[str, str] = os.environ) -> RawHeaders:
    """Read `name: value` pairs; `name: $VARIABLE` takes the value from the environment.

    Raises StartupError, which never shows a value.
    """
    return tuple(_header(one, environment) for one in given)


def _header(given: str, environment: Mapping[str, str]) -> tuple[bytes, bytes]:
    name, colon, value = (part.strip() for part in given.partition(":"))
    if not colon or not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise StartupError(["--upstream-header: expected 'name: value'"])
    if value.startswith("$"):
        found = environment.get(value[1:])
        if not found:
            raise StartupError([f"--upstream-header: {name}: {value[1:]} is not set"])
        value = found
    if not value.isascii() or not value.isprintable():
        raise StartupError([f"--upstream-header: {name}: the value is no printable ASCII"])
    return name.lower().encode(), value.encode()
