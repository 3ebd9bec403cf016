"""Who speaks, and how: protocol versions, what each of them demands, what a client takes.

Versions up to 2025-11-25 begin with `initialize`; from 2026-07-28 on each request says all of it.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graphstead.engine.callers import Asked
from graphstead.engine.mcp.messages import (
    HEADER_MISMATCH,
    INVALID_REQUEST,
    UNSUPPORTED_PROTOCOL_VERSION,
    invalid_params,
)
from graphstead.engine.run_streams import Gone
from graphstead.problems import Forbidden, RpcFault

HANDSHAKE_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN_VERSIONS = ("2026-07-28",)
UNNAMED_VERSION = "2025-03-26"
BATCH_VERSION = "2025-03-26"
VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
NAME_OF_METHOD = {"tools/call": "name", "resources/read": "uri"}
JSON_TYPES = frozenset({"application/json", "application/*", "*/*"})
EVENT_TYPES = frozenset({"text/event-stream", "text/*", "*/*"})


@dataclass(frozen=True, slots=True)
class Said:
    """One request: the message or messages in its body, and its MCP headers."""

    body: Any
    version: str | None = None
    method: str | None = None
    name: str | None = None
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class Speaker:
    """A client as far as one request shows it."""

    version: str
    session_id: str | None
    takes_json: bool
    takes_events: bool
    asked: Asked
    gone: Gone

    @property
    def modern(self) -> bool:
        """Tell whether each request stands for itself."""
        return self.version in MODERN_VERSIONS

    @property
    def may_batch(self) -> bool:
        """Tell whether several messages may come at once."""
        return self.version == BATCH_VERSION


def speaker_of(said: Said, asked: Asked, gone: Gone, admits: Callable[[str], bool]) -> Speaker:
    """Read a request's headers.

    Raises Forbidden for a page of another origin, RpcFault for a version that is not spoken here
    and for a client that takes neither JSON nor events.
    """
    _check_origin(asked, admits)
    version = said.version or UNNAMED_VERSION
    if version not in HANDSHAKE_VERSIONS + MODERN_VERSIONS:
        raise _unsupported(version)
    accepted = _accepted(asked)
    speaker = Speaker(
        version=version,
        session_id=said.session_id,
        takes_json=not accepted.isdisjoint(JSON_TYPES),
        takes_events=not accepted.isdisjoint(EVENT_TYPES),
        asked=asked,
        gone=gone,
    )
    if not speaker.takes_json and not speaker.takes_events:
        raise RpcFault(
            "Accept must admit application/json or text/event-stream", rpc_code=INVALID_REQUEST
        )
    return speaker


def check_envelope(said: Said, message: Mapping[str, Any]) -> None:
    """Check what a request of a modern version says of itself, twice. Raises RpcFault."""
    params = message.get("params") or {}
    meta = meta_of(params)
    missing = [key for key in (VERSION_KEY, CAPABILITIES_KEY) if key not in meta]
    if missing:
        raise invalid_params(f"params._meta must have {' and '.join(missing)}")
    if said.version != meta[VERSION_KEY]:
        raise _mismatch("MCP-Protocol-Version", f"params._meta['{VERSION_KEY}']")
    if said.method != message["method"]:
        raise _mismatch("Mcp-Method", "method")
    named = NAME_OF_METHOD.get(message["method"])
    if named and params.get(named) is not None and decoded(said.name) != params[named]:
        raise _mismatch("Mcp-Name", f"params.{named}")


def decoded(header: str | None) -> str | None:
    """Decode the header form of a text that no header can carry as it is; None if it is broken."""
    if header is None or not (header.startswith("=?base64?") and header.endswith("?=")):
        return header
    try:
        return b64decode(header[9:-2], validate=True).decode()
    except ValueError:
        return None


def meta_of(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `_meta` of a message's params. Raises RpcFault."""
    meta = params.get("_meta") or {}
    if not isinstance(meta, Mapping):
        raise invalid_params("params._meta must be an object")
    return meta


def elicits(speaker: Speaker, params: Mapping[str, Any]) -> bool:
    """Tell whether the client can put questions to its user."""
    capabilities = meta_of(params).get(CAPABILITIES_KEY)
    return speaker.modern and isinstance(capabilities, Mapping) and "elicitation" in capabilities


def _accepted(asked: Asked) -> frozenset[str]:
    sent = [value.decode("latin-1") for name, value in asked.headers if name == b"accept"]
    parts = ",".join(sent or ["*/*"]).split(",")
    return frozenset(part.partition(";")[0].strip().lower() for part in parts)


def _check_origin(asked: Asked, admits: Callable[[str], bool]) -> None:
    """Refuse pages that may not call this server: their browser would send the request anyway."""
    for name, value in asked.headers:
        if name == b"origin" and not admits(value.decode("latin-1")):
            raise Forbidden("Pages of this origin may not call this server")


def _unsupported(version: str) -> RpcFault:
    supported = [*HANDSHAKE_VERSIONS, *MODERN_VERSIONS]
    return RpcFault(
        f"Unsupported protocol version: '{version}'",
        rpc_code=UNSUPPORTED_PROTOCOL_VERSION,
        data={"supported": supported, "requested": version},
    )


def _mismatch(header: str, place: str) -> RpcFault:
    return RpcFault(f"The header {header} differs from {place}", rpc_code=HEADER_MISMATCH)
