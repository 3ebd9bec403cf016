"""Following runs: their output once they end, their events as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Protocol

import orjson

from graphstead.engine import lookups
from graphstead.engine.access import Access, Grant
from graphstead.engine.callers import Asked
from graphstead.engine.clock import Clock
from graphstead.engine.run_stops import RunStops
from graphstead.engine.transitions import BY_USER, FINAL, REMOVED
from graphstead.problems import RunNotFound, ThreadNotFound
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import EndRow, RunRow, ThreadRow
from graphstead.streaming import sse
from graphstead.streaming.log import await_end, follow
from graphstead.streaming.thread_log import cursor_of, follow_thread


class Gone(Protocol):
    """Tells whether the client has left."""

    def is_set(self) -> bool: ...


class RunStreams:
    """Waiting for runs, joining them, streaming them."""

    def __init__(
        self,
        storage: Storage,
        stops: RunStops,
        clock: Clock,
        heartbeat_s: float,
        access: Access,
    ) -> None:
        self._storage = storage
        self._access = access
        self._clock = clock
        self._stops = stops
        self._heartbeat_s = heartbeat_s

    async def output(
        self, run: RunRow, *, cancel_on_leave: bool = False, gone: Gone | None = None
    ) -> bytes:
        """Wait for the run's end and return its output as JSON."""
        try:
            ended = await await_end(self._storage, run.run_id)
            return ended.output if ended else await self._thread_output(run.thread_id)
        finally:
            if cancel_on_leave and gone is not None and gone.is_set():
                await self._stops.interrupt(run.run_id)

    async def find_end(
        self, thread_id: str | None, run_id: str, asked: Asked, *, cancels: bool = False
    ) -> RunRow | EndRow:
        """Get a run, or how it ended where a temporary run is already deleted.

        With `cancels` the caller shall also be allowed to stop it. Raises RunNotFound, also for a
        run of another thread or one taken away before its end.
        """
        grants = await self._may_follow(asked, thread_id, run_id, cancels=cancels)

        def found(tx: Tx) -> RunRow | EndRow:
            run = tx.runs.get(run_id)
            row = run if run is not None else tx.events.ended(run_id)
            if row is None or (thread_id is not None and row.thread_id != thread_id):
                raise RunNotFound(run_id)
            if isinstance(row, EndRow) and row.output == REMOVED:
                raise RunNotFound(run_id)
            if not all(lookups.may_touch(tx, row, grant) for grant in grants):
                raise RunNotFound(run_id)
            return row

        return await self._storage.read(found)

    async def _may_follow(
        self, asked: Asked, thread_id: str | None, run_id: str, *, cancels: bool
    ) -> list[Grant]:
        about = {"thread_id": thread_id, "run_id": run_id}
        grants = [await self._access.ask(asked.caller, "threads", "read", **about)]
        if cancels:
            act = "interrupt"
            grants.append(
                await self._access.ask(asked.caller, "threads", "update", **about, action=act)
            )
        return grants

    async def join(self, found: RunRow | EndRow) -> bytes:
        """Return the output of a run: of a live one at its end, of a finished one at once.

        A finished run answers with the present state of its thread (measured on 0.16.7).
        """
        if isinstance(found, EndRow):
            return found.output
        if found.status not in FINAL:
            return await self.output(found)
        return await self._thread_output(found.thread_id)

    async def _thread_output(self, thread_id: str) -> bytes:
        thread = await self._storage.read(lambda tx: tx.threads.get(thread_id))
        return orjson.dumps(_shown(thread))

    def stream(self, run: RunRow, *, gone: Gone, cancel_on_leave: bool) -> AsyncIterator[bytes]:
        """Yield a new run's events from its first on."""
        frames = self._frames(run.run_id, 0, with_id=run.kwargs["resumable"], keep=sse.keep_all)
        return self._leaving(frames, run.run_id, gone, cancel_on_leave)

    async def join_stream(
        self,
        found: RunRow | EndRow,
        *,
        last_event_id: str | None,
        modes: Sequence[str],
        gone: Gone,
        cancel_on_leave: bool,
    ) -> AsyncIterator[bytes]:
        """Yield a run's events: those to come, or with an id all after it where it is resumable."""
        live = isinstance(found, RunRow)
        resumable = found.kwargs["resumable"] if isinstance(found, RunRow) else bool(last_event_id)
        run_id = found.run_id
        if last_event_id is not None and resumable:
            after = sse.seq_of(last_event_id)
        else:
            after = await self._storage.read(lambda tx: tx.events.last_seq(run_id))
        keep = sse.keep_modes(modes) if modes else sse.keep_all
        frames = self._frames(run_id, after, with_id=resumable, keep=keep)
        return self._leaving(frames, run_id, gone, cancel_on_leave and live)

    async def thread(
        self, thread_id: str, asked: Asked, *, last_event_id: str | None, modes: Iterable[str]
    ) -> AsyncIterator[bytes]:
        """Yield what happens on a thread, run after run; never ends but with the thread.

        Raises ThreadNotFound.
        """
        grant = await self._access.ask(asked.caller, "threads", "read", thread_id=thread_id)
        thread = await self._storage.read(lambda tx: tx.threads.get(thread_id))
        if thread is None or not grant.admits(thread.metadata):
            raise ThreadNotFound(thread_id)
        after = None if last_event_id is None else sse.position_of(last_event_id)
        wanted = {mode for text in modes for mode in text.split(",")} or {"run_modes"}
        # Before the answer begins: what a client does once it has that is still to come.
        cursor = await cursor_of(self._storage, thread_id, after, self._clock.now_ms())
        batches = follow_thread(self._storage, thread_id, cursor)
        return sse.thread_frames(batches, frozenset(wanted), self._heartbeat_s)

    def _frames(
        self, run_id: str, after_seq: int, *, with_id: bool, keep: sse.Keep
    ) -> AsyncIterator[bytes]:
        batches = follow(self._storage, run_id, after_seq)
        return sse.frames(batches, with_id=with_id, keep=keep, heartbeat_s=self._heartbeat_s)

    async def _leaving(
        self, frames: AsyncIterator[bytes], run_id: str, gone: Gone, cancel_on_leave: bool
    ) -> AsyncIterator[bytes]:
        try:
            async for chunk in frames:
                yield chunk
        finally:
            if cancel_on_leave and gone.is_set():
                await self._stops.interrupt(run_id)


def _shown(thread: ThreadRow | None) -> Any:
    """Return what joins of a finished run get; a cancelled one is no failure, its values count."""
    if thread is None:
        return {}
    if thread.error is not None and thread.error.get("error") not in BY_USER:
        return {"__error__": thread.error}
    if thread.interrupts:
        return {"__interrupt__": [one for task in thread.interrupts.values() for one in task]}
    return {} if thread.values is None else thread.values
