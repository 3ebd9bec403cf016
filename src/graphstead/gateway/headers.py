"""Which headers go on, and which this hop adds or keeps for itself."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from starlette.types import Scope

from graphstead.contract.auth import Caller
from graphstead.contract.exchange import Exchange
from graphstead.gateway.encodings import readable_encodings
from graphstead.gateway.settings import GatewaySettings, Target

__all__ = ["answer_headers", "request_headers"]

RawHeaders = list[tuple[bytes, bytes]]
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
REPLACED = frozenset({b"x-forwarded-host", b"x-forwarded-proto", b"x-request-id", b"expect"})
PLACES = frozenset({b"location", b"content-location"})
FORWARDED_FOR = b"x-forwarded-for"


def request_headers(
    scope: Scope, exchange: Exchange, settings: GatewaySettings, caller: Caller
) -> RawHeaders:
    """Return the headers of the request that goes on."""
    given = list(scope["headers"])
    dropped = _own(given) | REPLACED | {name for name, _ in settings.upstream_headers}
    if settings.drops_keys:
        dropped |= {_credential(given)}
    if settings.identity_header:
        dropped |= {settings.identity_header.encode()}
    kept = [
        (name, readable_encodings(value) if name == b"accept-encoding" else value)
        for name, value in given
        if name not in dropped and name not in (b"host", FORWARDED_FOR)
    ]
    host = _first(given, b"host") or settings.target.authority.encode()
    sent_host = host if settings.preserve_host else settings.target.authority.encode()
    told = [
        (b"x-forwarded-for", _forwarded_for(scope, given)),
        (b"x-forwarded-host", host),
        (b"x-forwarded-proto", scope.get("scheme", "http").replace("ws", "http").encode()),
        (b"x-request-id", exchange.request_id.encode()),
    ]
    if settings.identity_header and not caller.is_anonymous:
        told.append((settings.identity_header.encode(), quote(caller.identity, "@+").encode()))
    return [(b"host", sent_host), *kept, *told, *settings.upstream_headers]


def answer_headers(raw: Iterable[tuple[bytes, bytes]], target: Target) -> RawHeaders:
    """Return the headers of an answer in lower case, its places told from the gateway's root."""
    given = [(name.lower(), value) for name, value in raw]
    dropped = _own(given)
    return [
        (name, _placed(value, target) if name in PLACES else value)
        for name, value in given
        if name not in dropped
    ]


def _own(headers: RawHeaders) -> frozenset[bytes]:
    """Return the names that belong to one connection, those that it names itself included."""
    named = b",".join(value for name, value in headers if name == b"connection")
    return HOP_BY_HOP | {name.strip().lower() for name in named.split(b",") if name.strip()}


def _first(headers: RawHeaders, name: bytes) -> bytes | None:
    return next((value for found, value in headers if found == name), None)


def _credential(headers: RawHeaders) -> bytes:
    """Return where the key of the gateway was: a second credential is for the server behind it."""
    return b"x-api-key" if _first(headers, b"x-api-key") else b"authorization"


def _forwarded_for(scope: Scope, given: RawHeaders) -> bytes:
    chain = [value for name, value in given if name == FORWARDED_FOR]
    client = scope.get("client")
    return b", ".join([*chain, (client[0] if client else "unknown").encode()])


def _placed(value: bytes, target: Target) -> bytes:
    """Take the server's own address and prefix off a place, as clients only know the gateway's."""
    text = value.decode("latin-1")
    origin = target.url.removesuffix(target.prefix)
    if text.startswith(f"{origin}/"):
        text = text.removeprefix(origin)
    if target.prefix and (text == target.prefix or text.startswith(f"{target.prefix}/")):
        text = text.removeprefix(target.prefix) or "/"
    return text.encode("latin-1")
