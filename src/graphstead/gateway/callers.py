"""Who may pass: keys of a database of ours, or whomever the project's own code recognises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from graphstead.authentication import KeyCallers, project_callers
from graphstead.contract.auth import Authenticate
from graphstead.databases import open_clear
from graphstead.engine.clock import SystemClock
from graphstead.engine.keys import ApiKeys
from graphstead.graphs import Project
from graphstead.graphs.auth import load_auth
from graphstead.problems import StartupError
from graphstead.settings import Settings

__all__ = ["AuthKind", "Callers", "callers_of"]

AuthKind: TypeAlias = Literal["keys", "project"]


@dataclass(frozen=True, slots=True)
class Callers:
    """What recognises callers, and what closes it."""

    authenticate: Authenticate
    close: Callable[[], None]


def callers_of(kind: AuthKind, settings: Settings, project: Project | None) -> Callers:
    """Return what recognises callers. Raises StartupError."""
    if kind == "keys":
        # Keys are kept as hashes, never sealed: no project is needed to read them.
        storage = open_clear(settings)
        return Callers(KeyCallers(ApiKeys(storage, SystemClock())), storage.close)
    assert project is not None, "a project is read where its code is asked"
    auth = load_auth(project)
    if auth is None or not auth.authenticates:
        if auth is not None:
            auth.close()
        raise StartupError(
            [f"--auth project: {project.path} has no auth with an @auth.authenticate"]
        )
    return Callers(project_callers(auth, settings), auth.close)
