"""The frames of a thread, one run after the other, each with its number on the thread.

Numbers are given when somebody follows: a run gets its place and its first number before its first
frame is shown, in a transaction, so that every process and every later reader counts alike. Within
a run a frame's number follows from the stored events. Threads nobody follows cost nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import GAP, Bell, EndRow, EventRow, NumberedRun
from graphstead.streaming.log import (
    HELPING_BYTES,
    POLL_S,
    READ_AT_ONCE,
    Helping,
    Patience,
    is_away,
    patiently,
)
from graphstead.streaming.protocol_filter import Wanted
from graphstead.streaming.protocol_frames import Frame, RunFrames

FRAMES_AFTER_GAP = 1 << 20
LIVE = frozenset({"pending", "running"})
Admits: TypeAlias = Callable[[Mapping[str, Any]], bool]


def room_of(seq: int) -> int:
    """Return more frames than a run's first `seq` events can be (as `protocol.abandon` does)."""
    return 1024 + 64 * seq


class ResumeGap(Exception):
    """Frames behind the number asked for are no longer kept; `first_seq` is the first that is."""

    def __init__(self, since: int, first_seq: int) -> None:
        self.since = since
        self.first_seq = first_seq
        super().__init__(
            f"Events after {since} are no longer kept; the first that can be had is {first_seq}. "
            "Subscribe again without 'since', and read the thread's state for what came before."
        )


@dataclass(frozen=True, slots=True)
class Numbered:
    """A frame and its number on the thread."""

    seq: int
    frame: Frame

    def encode(self) -> bytes:
        """Return the frame as JSON."""
        return self.frame.encode(self.seq)


@dataclass(frozen=True, slots=True)
class _Read:
    """What one look at a run found; `gone` tells that nothing is left of it."""

    rows: Sequence[EventRow]
    end: EndRow | None
    gone: bool


class ThreadFrames:
    """A walk along a thread's frames, from those behind `since` on.

    With `admits` it enters no run of a thread whose metadata does not meet that. With `at_once` it
    does not wait for events that cannot be had at present.
    """

    def __init__(
        self,
        storage: Storage,
        thread_id: str,
        since: int = 0,
        admits: Admits | None = None,
        *,
        at_once: bool = False,
    ) -> None:
        self._storage = storage
        self._thread_id = thread_id
        self._since = since
        self._admits = admits
        self._place = -1
        self._run: NumberedRun | None = None
        self._frames = RunFrames("", None)
        self._row_seq = 0
        self._helping = Helping()
        self._room_bytes = HELPING_BYTES
        self._patience = None if at_once else Patience()
        self.seq = 0

    @classmethod
    async def newest(cls, storage: Storage, thread_id: str) -> ThreadFrames:
        """Return a walk that begins with the run that was numbered last."""
        last = await storage.read(lambda tx: tx.numbers.last(thread_id))
        walk = cls(storage, thread_id)
        if last is not None:
            walk._place, walk.seq = last.place - 1, last.base
        return walk

    @property
    def run(self) -> NumberedRun | None:
        """Return the run the walk is in; None between two."""
        return self._run

    async def new(self) -> list[Numbered]:
        """Return frames not yet walked past; none where there are none at present.

        They are about a thousand at most, and hardly more bytes than `HELPING_BYTES`. Raises
        ResumeGap at the first call, and where events cannot be had for a while.
        """
        if self._place < 0:
            await self._storage.read(self._find_start)
        self._room_bytes = HELPING_BYTES
        found: list[Numbered] = []
        while not found or (len(found) < READ_AT_ONCE and self._room_bytes > 0):
            if self._run is None and not await self._next_run():
                break
            if not await self._read_on(found):
                break
        return found

    async def rest(self) -> list[Numbered]:
        """Return all there is at present."""
        found: list[Numbered] = []
        while batch := await self.new():
            found += batch
        return found

    def _find_start(self, tx: Tx) -> None:
        kept, last = tx.numbers.first_kept(self._thread_id), tx.numbers.last(self._thread_id)
        at = tx.numbers.behind(self._thread_id, self._since) if self._since else kept
        if at is not None and (kept is None or at.place < kept.place):
            after_all = last.base + (last.frames or 0) + 1 if last else 1
            raise ResumeGap(self._since, kept.base + 1 if kept else after_all)
        if at is not None:
            self._place, self.seq = at.place - 1, at.base
        elif last is not None:
            self._place, self.seq = last.place, last.base + (last.frames or 0)
        else:
            self._place = 0

    async def _next_run(self) -> bool:
        """Enter the next run of the thread; number it where nobody has."""
        if self._admits is not None and not await patiently(self._storage, self._is_admitted):
            return False
        after = partial(_numbered_after, self._thread_id, self._place)
        found = await patiently(self._storage, after)
        if found is None:
            if not await patiently(self._storage, partial(_is_new, self._thread_id)):
                return False
            await self._storage.write(partial(_number_next, self._thread_id))
            found = await patiently(self._storage, after)
        if found is None:
            return False
        self._run, self._place, self.seq, self._row_seq = found, found.place, found.base, 0
        self._frames = RunFrames(found.run_id, found.graph_id)
        return True

    def _is_admitted(self, tx: Tx) -> bool:
        thread = tx.threads.get(self._thread_id)
        return thread is not None and self._admits is not None and self._admits(thread.metadata)

    async def _read_on(self, found: list[Numbered]) -> bool:
        """Add the run's new frames; False where there is nothing more to find at present."""
        run = self._run
        assert run is not None
        limit = self._helping.rows
        seen = await patiently(self._storage, partial(_read, run.run_id, self._row_seq, limit))
        more = self._helping.was_full(seen.rows)
        there = self._patience.had(seen.rows) if self._patience else seen.rows
        self._room_bytes -= sum(len(row.data) for row in there)
        for row in there:
            self._row_seq = row.seq
            if row.event == GAP:
                await self._leap(run, row)
            else:
                self._add(self._frames.take(row), found)
        if len(there) < len(seen.rows):
            return False
        if more:
            return True
        if seen.end is not None:
            self._add(self._frames.end(seen.end), found)
            await self._close(run, self.seq - run.base)
        elif not seen.gone:
            return False
        self._run = None
        return True

    def _add(self, frames: Iterable[Frame], found: list[Numbered]) -> None:
        for frame in frames:
            self.seq += 1
            if self.seq > self._since:
                found.append(Numbered(self.seq, frame))

    async def _leap(self, run: NumberedRun, gap: EventRow) -> None:
        """Number on behind all numbers that lost events may have had, the same in every walk.

        Raises ResumeGap where the client has seen some of those, or the events may yet come back.
        """
        before = self.seq
        self.seq = max(self.seq, run.base + room_of(gap.seq))
        if is_away(gap) or before < self._since < self.seq:
            raise ResumeGap(max(self._since, before), self.seq + 1)
        if run.frames is None:
            frames = room_of(gap.seq) + FRAMES_AFTER_GAP
            await self._storage.write(lambda tx: tx.numbers.close(run.run_id, frames))

    async def _close(self, run: NumberedRun, frames: int) -> None:
        if run.frames is None:
            await self._storage.write(lambda tx: tx.numbers.close(run.run_id, frames))


def _numbered_after(thread_id: str, place: int, tx: Tx) -> NumberedRun | None:
    found = tx.numbers.after(thread_id, place, 1)
    return found[0] if found else None


def _is_new(thread_id: str, tx: Tx) -> bool:
    """Tell whether a run waits for its number."""
    return _candidate(thread_id, tx) is not None


def _candidate(thread_id: str, tx: Tx) -> NumberedRun | None:
    last = tx.numbers.last(thread_id)
    if last is not None and last.frames is None:
        return None
    ended, running = tx.numbers.next_ended(thread_id), tx.runs.running(thread_id)
    run_id = ended.run_id if ended else running.run_id if running else None
    if run_id is None or (last is not None and last.run_id == run_id):
        return None
    run = tx.runs.get(run_id)
    graph_id = run.kwargs["config"]["configurable"]["graph_id"] if run else None
    if last is None:
        return NumberedRun(run_id, thread_id, 1, graph_id, 0)
    return NumberedRun(run_id, thread_id, last.place + 1, graph_id, last.base + (last.frames or 0))


def _number_next(thread_id: str, tx: Tx) -> None:
    found = _candidate(thread_id, tx)
    if found is not None:
        tx.numbers.add(found)


def _read(run_id: str, after_seq: int, limit: int, tx: Tx) -> _Read:
    rows = tx.events.after(run_id, after_seq, limit)
    end, run = tx.events.ended(run_id), tx.runs.get(run_id)
    return _Read(rows, end, gone=end is None and (run is None or run.status not in LIVE))


async def follow_frames(
    storage: Storage, thread_id: str, wanted: Wanted, admits: Admits | None = None
) -> AsyncIterator[list[Numbered]]:
    """Yield what a subscriber wants of a thread, what is kept and then what comes.

    Ends with the thread; an empty list comes at least once per second. Raises ResumeGap.
    """
    listener = storage.doorbells.listen(Bell("thread", thread_id))
    walk = ThreadFrames(storage, thread_id, wanted.since, admits)
    try:
        existed = await _is_there(storage, thread_id)
        while True:
            found = await walk.new()
            yield [one for one in found if wanted.takes(one.frame)]
            if found:
                continue
            exists = await _is_there(storage, thread_id)
            if existed and not exists:
                return
            existed = exists
            await listener.wait(POLL_S)
    finally:
        listener.close()


async def _is_there(storage: Storage, thread_id: str) -> bool:
    return await patiently(storage, lambda tx: tx.threads.get(thread_id)) is not None
