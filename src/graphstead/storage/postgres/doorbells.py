"""Doorbells that reach this process and every other one of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from graphstead.storage.base import Listener
from graphstead.storage.bells import LocalBells
from graphstead.storage.postgres.session import Session
from graphstead.storage.rows import Bell


class PostgresDoorbells:
    """Implements `base.Doorbells` over the process's session, or whatever else rings `others`."""

    def __init__(self, direct_uri: str, schema: str, *, prompts: bool = False) -> None:
        self.prompts = prompts
        self.local = LocalBells()
        self.session = Session(direct_uri, schema, self.local.ring)
        self.others: Callable[[Iterable[Bell]], None] = self.session.ring

    def listen(self, *bells: Bell) -> Listener:
        return self.local.listen(*bells)

    def call(self, bell: Bell, callback: Callable[[], None]) -> Callable[[], None]:
        return self.local.call(bell, callback)

    def ring(self, bell: Bell) -> None:
        self.ring_all((bell,))

    def ring_all(self, bells: Iterable[Bell]) -> None:
        """Ring several bells, each of them once."""
        distinct = dict.fromkeys(bells)
        self.local.ring(distinct)
        self.others(distinct)
