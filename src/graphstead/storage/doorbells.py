"""Doorbells that reach this process and the others on its host."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from graphstead.storage.base import Listener
from graphstead.storage.bells import LocalBells
from graphstead.storage.peers import Peers
from graphstead.storage.rows import Bell


class HostDoorbells:
    """Implements `base.Doorbells` for the processes that share `directory`."""

    prompts = False

    def __init__(self, directory: Path) -> None:
        self._local = LocalBells()
        self._peers = Peers(directory, self._local.ring)

    def listen(self, *bells: Bell) -> Listener:
        return self._local.listen(*bells)

    def call(self, bell: Bell, callback: Callable[[], None]) -> Callable[[], None]:
        return self._local.call(bell, callback)

    def ring(self, bell: Bell) -> None:
        self.ring_all((bell,))

    def ring_all(self, bells: Iterable[Bell]) -> None:
        """Ring several bells, each of them once."""
        distinct = dict.fromkeys(bells)
        self._local.ring(distinct)
        self._peers.ring(distinct)

    def close(self) -> None:
        """Stop hearing the other processes."""
        self._peers.close()
