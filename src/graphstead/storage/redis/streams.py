"""The streams themselves: one key per run, that carries its events and its fence alike.

An entry `<seq>-0` is an event. An entry `<seq>-<gen>` behind it is a fence: from there on only that
generation adds. What is absent, evicted or flushed is absent as a whole; a fence never outlives
its events, and scripts refuse to go on where either is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, NamedTuple

from graphstead.storage.redis.bells import RedisBells
from graphstead.storage.redis.line import Line, RedisAway
from graphstead.storage.rows import Bell, EventRow

__all__ = ["Read", "Streams", "Tail"]

# An open stream that nobody adds to goes after a week; its run's end sets a nearer time.
OPEN_MS = 7 * 86_400_000
# Fences, one per attempt, may stand between events.
MORE = 64
AT_ONCE = 1000
OK = b"ok"


@dataclass(slots=True)
class Tail:
    """The end of a stream that this process adds to: what Redis has said to have."""

    gen: int
    acked: int
    is_open: bool = True


class Read(NamedTuple):
    """Events in order; `more` behind them in Redis; `closed`: and none will follow there."""

    rows: Sequence[EventRow]
    more: bool = False
    closed: bool = False


class Streams:
    """The runs' streams of one database, and the tails that this process adds to."""

    def __init__(
        self, writes: Line, reads: Line, bells: RedisBells, prefix: str, kept_ms: int
    ) -> None:
        self._writes = writes
        self._reads = reads
        self._bells = bells
        self._prefix = prefix
        self._kept_ms = kept_ms
        self._scripts = {
            name: files("graphstead.storage.redis").joinpath("lua", f"{name}.lua").read_text()
            for name in ("append", "close", "fence")
        }
        self.tails: dict[str, Tail] = {}

    def key(self, run_id: str) -> str:
        """Return the run's key; its braces keep a run's keys on one node of a cluster."""
        return f"{self._prefix}:events:{{{run_id}}}"

    @property
    def is_reachable(self) -> bool:
        """Tell whether Redis answers at present."""
        return self._bells.is_heard and not (self._writes.is_away or self._reads.is_away)

    async def append(
        self, run_id: str, tail: Tail, rows: Sequence[EventRow], bells: Iterable[Bell]
    ) -> bool:
        """Add events behind the tail and ring; False where Redis does not have them for certain."""
        told = self._bells.message(bells)
        head = (tail.gen, rows[0].seq, OPEN_MS, self._bells.channel, told)
        flat = [part for row in rows for part in (row.created_ms, row.event, row.data)]
        try:
            answer = await self._writes.ask(self._script("append", run_id, *head, *flat))
        except RedisAway:
            return False
        if answer != OK:
            return False
        tail.acked = rows[-1].seq
        self._bells.ring_here(bells)
        return True

    def begin(self, run_id: str, gen: int, base: int | None) -> int | None:
        """Let this generation alone add; return the last seq, None where Redis cannot tell it.

        With `base` a stream that is not there begins behind it.
        """
        first = "" if base is None else base
        return self._seq(self._script("fence", run_id, gen, first, OPEN_MS))

    def fence(self, run_id: str, gen: int) -> int | None:
        """The same for an owner that is still to come."""
        return self.begin(run_id, gen, None)

    def close(self, run_id: str) -> int | None:
        """Let nobody add any more; return the last seq, None where Redis cannot tell it."""
        return self._seq(self._script("close", run_id, "", self._bells.channel, ""))

    def end(self, run_ids: Iterable[str]) -> None:
        """Close the streams of runs that have ended, let them go in time, and wake followers."""
        for run_id in run_ids:
            bells = [Bell("events", run_id)]
            args = (self._kept_ms, self._bells.channel, self._bells.message(bells))
            self._send(self._script("close", run_id, *args))

    def delete(self, run_ids: Iterable[str]) -> None:
        """Delete streams."""
        keys = [self.key(run_id) for run_id in run_ids]
        if keys:
            self._send(lambda pipe: pipe.unlink(*keys))

    def read(self, run_id: str, after_seq: int, limit: int) -> Read:
        """Return events behind a seq. Raises RedisAway."""
        return _read(self._reads.ask_blocking(self._range(run_id, after_seq, limit)), limit)

    async def follow(self, run_id: str, after_seq: int, limit: int) -> Read:
        """The same for event loops; nothing where Redis is away."""
        try:
            return _read(await self._reads.ask(self._range(run_id, after_seq, limit)), limit)
        except RedisAway:
            return Read(())

    def last_seq(self, run_id: str) -> int:
        """Return the stream's last seq, 0 where there is none. Raises RedisAway."""
        key = self.key(run_id)
        newest = self._reads.ask_blocking(lambda pipe: pipe.xrevrange(key, count=1))
        return _seq_of(newest[0][0]) if newest else 0

    def run_ids(self) -> Iterator[str]:
        """Yield the runs that have a stream, some perhaps twice. Raises RedisAway."""
        head = self.key("").removesuffix("}")
        pattern = re.sub(r"([*?\[\]\\^-])", r"\\\1", head) + "*"
        cursor = 0
        while True:
            cursor, keys = self._reads.ask_blocking(_scan(cursor, pattern))
            yield from (key.decode().removeprefix(head).removesuffix("}") for key in keys)
            if not cursor:
                return

    def _range(self, run_id: str, after_seq: int, limit: int) -> Any:
        key = self.key(run_id)
        return lambda pipe: pipe.xrange(key, f"{after_seq}-1", "+", limit + MORE)

    def _script(self, name: str, run_id: str, *args: Any) -> Any:
        # The text each time: a server that was started anew does not know it by its hash.
        text, key = self._scripts[name], self.key(run_id)
        return lambda pipe: pipe.eval(text, 1, key, *args)

    def _seq(self, command: Any) -> int | None:
        try:
            answer = self._writes.ask_blocking(command)
        except RedisAway:
            return None
        return int(answer) if answer.isdigit() else None

    def _send(self, command: Any) -> None:
        try:
            self._writes.send(command)
        except RedisAway:
            return  # its time to live does it later


def _scan(cursor: int, pattern: str) -> Any:
    return lambda pipe: pipe.scan(cursor, match=pattern, count=AT_ONCE)


def _read(entries: Sequence[tuple[bytes, dict[bytes, bytes]]], limit: int) -> Read:
    rows = [
        EventRow(_seq_of(entry_id), int(one[b"t"]), one[b"e"].decode(), one[b"d"])
        for entry_id, one in entries
        if b"e" in one
    ]
    more = len(entries) >= limit + MORE or len(rows) > limit
    return Read(rows[:limit], more, closed=bool(entries) and b"c" in entries[-1][1])


def _seq_of(entry_id: bytes) -> int:
    return int(entry_id.partition(b"-")[0])
