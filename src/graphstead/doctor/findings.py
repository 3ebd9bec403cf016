"""One thing that was looked at, how it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Level", "fail", "ok", "warn"]

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`cure` is empty where nothing has to be done."""

    check: str
    level: Level
    text: str
    cure: str = ""


def ok(check: str, text: str) -> Finding:
    """Return a finding that is as it should be."""
    return Finding(check, "ok", text)


def warn(check: str, text: str, cure: str) -> Finding:
    """Return a finding that a server can live with."""
    return Finding(check, "warn", text, cure)


def fail(check: str, text: str, cure: str) -> Finding:
    """Return a finding that keeps the server from its work."""
    return Finding(check, "fail", text, cure)
