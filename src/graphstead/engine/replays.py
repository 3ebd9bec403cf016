"""Doing an act once: the answer to a request with an Idempotency-Key is remembered with the act.

The same key with the same body gets the first answer again; with another body it is a conflict.
Key, act and answer share one transaction, so a crash leaves all of them or none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import orjson

from graphstead.engine.clock import Clock
from graphstead.problems import Conflict
from graphstead.storage.base import Tx
from graphstead.storage.rows import Json, ReplayRow

T = TypeVar("T")
KEPT_MS = 24 * 3600 * 1000
REPLAYED = {"idempotent-replayed": "true"}


class Once:
    """One request's key, or none: `act` runs the work, or returns what it returned before."""

    def __init__(self, scope: str, key: str | None, body: Any, clock: Clock) -> None:
        self._scope = scope
        self._key = key
        self._fingerprint = fingerprint(body) if key else ""
        self._clock = clock
        self.replayed = False

    def act(
        self,
        tx: Tx,
        work: Callable[[Tx], T],
        encode: Callable[[T], Any],
        decode: Callable[[Any], T],
    ) -> T:
        """Return the work's result; `encode` and `decode` take it to JSON and back.

        Raises Conflict where the key was used with another body.
        """
        if self._key is None:
            return work(tx)
        seen = tx.replays.get(self._scope, self._key)
        if seen is not None:
            return decode(self._replay(seen))
        result = work(tx)
        tx.replays.keep(self._row(self._key, encode(result)))
        return result

    def answer(self, tx: Tx, work: Callable[[Tx], Json]) -> Json:
        """The same for work whose result is the JSON that clients get."""
        return self.act(tx, work, _as_it_is, _as_it_is)

    def _replay(self, seen: ReplayRow) -> Any:
        if seen.fingerprint != self._fingerprint:
            raise Conflict(
                f"Idempotency-Key '{seen.key}' was used before with another body; "
                "send the same body, or another key"
            )
        self.replayed = True
        return orjson.loads(seen.answer)

    def _row(self, key: str, answer: Any) -> ReplayRow:
        return ReplayRow(
            scope=self._scope,
            key=key,
            fingerprint=self._fingerprint,
            answer=orjson.dumps(answer),
            created_ms=self._clock.now_ms(),
        )

    @property
    def headers(self) -> dict[str, str]:
        """Return the header that marks a repeated answer."""
        return REPLAYED if self.replayed else {}


def _as_it_is(body: Json) -> Json:
    return body


def fingerprint(body: Any) -> str:
    """Return what equal bodies share, whatever the order of their members."""
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
