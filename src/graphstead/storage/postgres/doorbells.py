"""Doorbells that reach this process and every other one of the database."""

from __future__ import annotations

from collections.abc import Iterable

from graphstead.storage.base import Listener
from graphstead.storage.bells import LocalBells
from graphstead.storage.postgres.session import Session
from graphstead.storage.rows import Bell


class PostgresDoorbells:
    """Implements `base.Doorbells` over the process's session."""

    def __init__(self, uri: str, schema: str) -> None:
        self.local = LocalBells()
        self.session = Session(uri, schema, self.local.ring)

    def listen(self, *bells: Bell) -> Listener:
        return self.local.listen(*bells)

    def ring(self, bell: Bell) -> None:
        self.ring_all((bell,))

    def ring_all(self, bells: Iterable[Bell]) -> None:
        """Ring several bells, each of them once."""
        distinct = dict.fromkeys(bells)
        self.local.ring(distinct)
        self.session.ring(distinct)
