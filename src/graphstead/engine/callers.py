"""Who asks: the identity that the contract layer's auth hook found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, under which request id, the key that makes it happen once, and the headers."""

    caller: Caller
    request_id: str
    idempotency_key: str | None = None
    headers: Sequence[tuple[bytes, bytes]] = ()


def user_of(caller: Caller) -> dict[str, Any] | None:
    """Return the user object graphs see as `langgraph_auth_user`, None for the anonymous caller."""
    if not caller.identity:
        return None
    return {
        **caller.extras,
        "identity": caller.identity,
        "display_name": caller.display_name,
        "permissions": list(caller.permissions),
        "is_authenticated": True,
    }
