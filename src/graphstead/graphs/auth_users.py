"""Callers between the project's code and the engine: what it answers, and what its rules see."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from langgraph_sdk.auth.types import StudioUser

__all__ = ["STUDIO", "Identified", "User", "UserFault", "identified", "told_user"]

STUDIO = "StudioUser"
OWN = ("identity", "display_name", "permissions")


class UserFault(Exception):
    """The project's authenticator answered something that names nobody."""


@dataclass(frozen=True, slots=True)
class Identified:
    """Who calls. `extras` is what else is known and can be told in JSON; `source` the answer."""

    identity: str
    display_name: str = ""
    permissions: tuple[str, ...] = ()
    extras: Mapping[str, Any] = field(default_factory=dict)
    source: Any = field(default=None, compare=False)


def identified(answer: Any) -> Identified:
    """Read an identity: text, an object or mapping with `identity`, or (permissions, one of them).

    Raises UserFault.
    """
    permissions: Any = None
    if isinstance(answer, tuple | list) and len(answer) == 2:
        permissions, answer = answer
    if isinstance(answer, str):
        return Identified(_text(answer), answer, _texts(permissions))
    members = dict(answer) if isinstance(answer, Mapping) else _members(answer)
    identity = _text(members.get("identity"))
    given = members.get("permissions") if permissions is None else permissions
    extras = {name: value for name, value in members.items() if name not in OWN}
    if not isinstance(answer, StudioUser):
        extras = {k: v for k, v in extras.items() if (k, v) != ("kind", STUDIO)}
    return Identified(
        identity,
        str(members.get("display_name") or identity),
        _texts(given),
        {name: value for name, value in extras.items() if _is_json(value)},
        None if isinstance(answer, Mapping) else answer,
    )


def _members(answer: Any) -> dict[str, Any]:
    """Return the public members of an object that has an identity."""
    if answer is None or not hasattr(answer, "identity"):
        raise UserFault(
            f"expected text, or something with an identity, found {type(answer).__name__}"
        )
    found: dict[str, Any] = {}
    if hasattr(answer, "model_dump"):
        found = answer.model_dump()
    elif dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        found = dataclasses.asdict(answer)
    elif hasattr(answer, "__dict__"):
        found = {name: value for name, value in vars(answer).items() if name[:1] != "_"}
    own = {name: getattr(answer, name) for name in OWN if hasattr(answer, name)}
    return {**found, **own}


def _text(identity: Any) -> str:
    if not isinstance(identity, str) or not identity:
        raise UserFault(f"expected an identity that is text and not empty, found {identity!r}")
    return identity


def _texts(permissions: Any) -> tuple[str, ...]:
    if permissions is None:
        return ()
    if isinstance(permissions, str) or not all(isinstance(one, str) for one in permissions):
        raise UserFault(f"expected a list of permissions, found {permissions!r}")
    return tuple(permissions)


def _is_json(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


def told_user(told: Any) -> User | None:
    """Return the user that a run remembers as `langgraph_auth_user`, None without one."""
    return User(identified(told)) if isinstance(told, Mapping) else None


class User:
    """The caller as rules and graphs see it: members by attribute and by key."""

    def __init__(self, caller: Any) -> None:
        self._caller = caller

    @property
    def identity(self) -> str:
        return str(self._caller.identity)

    @property
    def display_name(self) -> str:
        return str(self._caller.display_name or self._caller.identity)

    @property
    def permissions(self) -> list[str]:
        return list(self._caller.permissions)

    @property
    def is_authenticated(self) -> bool:
        return bool(self._caller.extras.get("is_authenticated", True))

    def dict(self) -> dict[str, Any]:
        """Return all members."""
        own = {name: getattr(self, name) for name in (*OWN, "is_authenticated")}
        return {**self._caller.extras, **own}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        source = getattr(self._caller, "source", None)
        if source is not None and hasattr(source, name):
            return getattr(source, name)
        try:
            return self._caller.extras[name]
        except KeyError:
            raise AttributeError(f"The user has no {name!r}") from None

    def __getitem__(self, name: str) -> Any:
        try:
            return self.dict()[name]
        except KeyError:
            if hasattr(self, name):
                return getattr(self, name)
            raise

    def __contains__(self, name: str) -> bool:
        return name in self.dict()

    def __iter__(self) -> Iterator[str]:
        return iter(self.dict())

    def __repr__(self) -> str:
        return f"User({self.identity!r})"
