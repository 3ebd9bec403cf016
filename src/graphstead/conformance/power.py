"""End a server the hard way and start it again, by the commands its owner gave."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from graphstead.conformance.checking import Failed, NotApplicable

if TYPE_CHECKING:
    from graphstead.conformance.actor import Actor

__all__ = ["Commands", "Power"]

UP_S = 60.0
ANSWERS = ("/ok", "/info", "/health")


@dataclass(frozen=True, slots=True)
class Commands:
    """Shell commands: `kill` ends the server at once, `restart` starts it (and ends it before)."""

    kill: str | None = None
    restart: str | None = None


@dataclass(frozen=True, slots=True)
class Power:
    """Switch one server off and on again."""

    actor: Actor
    commands: Commands

    @classmethod
    def of(cls, actor: Actor) -> Power:
        """Raise NotApplicable where no command was given."""
        if actor.commands.restart is None:
            raise NotApplicable("not told how to restart the server: see --kill and --restart")
        return cls(actor, actor.commands)

    def off_and_on(self) -> None:
        """Kill the server, start it again, and return when it answers. Raises Failed if not."""
        if self.commands.kill is not None:
            subprocess.run(self.commands.kill, shell=True, timeout=UP_S, check=False)
            self.actor.until(lambda: not self._answers(), "the server still answers", UP_S)
        assert self.commands.restart is not None
        with _detached(self.commands.restart) as starting:
            if self.commands.kill is None:
                starting.wait(UP_S)
            self.actor.until(self._answers, "the server does not come back", UP_S)

    def _answers(self) -> bool:
        for path in ANSWERS:
            with contextlib.suppress(httpx.HTTPError):
                if self.actor.client.target.http.get(path).is_success:
                    return True
        return False


@contextlib.contextmanager
def _detached(command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command in a session of its own, which goes on after us."""
    try:
        yield subprocess.Popen(
            command,
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"the server could not be restarted: {error}") from error
