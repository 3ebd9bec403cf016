"""What a check is, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from graphstead.conformance.exchange import Exchange

if TYPE_CHECKING:
    from graphstead.conformance.actor import Actor

__all__ = [
    "Check",
    "Failed",
    "NotApplicable",
    "Profile",
    "Result",
    "Verdict",
    "Wanted",
    "check",
    "expect",
    "same",
]

Profile: TypeAlias = Literal["core", "full"]
Act: TypeAlias = "Callable[[Actor], None]"
Wanted: TypeAlias = Callable[[str, str], bool]
SHOWN = 160


class Verdict(StrEnum):
    """What a check came to."""

    PASS = "pass"
    FAIL = "fail"
    NOT_APPLICABLE = "not applicable"


class Failed(Exception):
    """The server does not behave as the check expects; the text says how."""


class NotApplicable(Exception):
    """The check says nothing about this server; the text says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict of one check, with the exchanges that show it."""

    group: str
    name: str
    sentence: str
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    evidence: tuple[Exchange, ...] = ()
    seconds: float = 0.0

    @property
    def check_id(self) -> str:
        """Name the check uniquely; what `--only` is matched with."""
        return f"{self.group}/{self.name}"


@dataclass(frozen=True, slots=True)
class Check:
    """A function that calls a server and raises where it does not do what the sentence says."""

    group: str
    name: str
    sentence: str
    profile: Profile
    roles: tuple[str, ...]
    act: Act

    @property
    def check_id(self) -> str:
        return f"{self.group}/{self.name}"


def check(
    group: str, *roles: str, profile: Profile = "core", sentence: str = ""
) -> Callable[[Act], Check]:
    """Make a check of a function: its docstring is the sentence, `roles` the graphs it needs."""

    def made(act: Act) -> Check:
        told = " ".join((sentence or act.__doc__ or "").split())
        name = act.__name__.strip("_").replace("_", " ")
        return Check(group, name, told, profile, roles, act)

    return made


def expect(holds: object, reason: str) -> None:
    """Raise Failed with the reason unless `holds`."""
    if not holds:
        raise Failed(reason)


def same(found: Any, wanted: Any, what: str) -> None:
    """Raise Failed naming both values unless they are equal."""
    if found != wanted:
        raise Failed(f"{what}: {_cut(found)} where {_cut(wanted)} was expected")


def _cut(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
