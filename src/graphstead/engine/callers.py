"""Who asks: the identity that the contract layer's auth hook found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Caller(Protocol):
    """An authenticated identity, or the anonymous one (identity ``""``)."""

    @property
    def identity(self) -> str: ...

    @property
    def display_name(self) -> str: ...

    @property
    def permissions(self) -> tuple[str, ...]: ...

    @property
    def extras(self) -> Mapping[str, Any]: ...


class Asked(Protocol):
    """A request: who asks, under which id, the key that makes it happen once, its headers.

    `base_url` is this server as the client addressed it, without a slash at the end.
    """

    @property
    def caller(self) -> Caller: ...

    @property
    def request_id(self) -> str: ...

    @property
    def idempotency_key(self) -> str | None: ...

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]: ...

    @property
    def base_url(self) -> str: ...


def user_of(caller: Caller) -> dict[str, Any] | None:
    """Return the user object graphs see as `langgraph_auth_user`, None for the anonymous caller."""
    if not caller.identity:
        return None
    return {
        "is_authenticated": True,
        **caller.extras,
        "identity": caller.identity,
        "display_name": caller.display_name,
        "permissions": list(caller.permissions),
    }
