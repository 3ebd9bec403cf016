"""Runs as clients see them: create, wait, stream, join; the decisions are in `transitions`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Protocol

import orjson

from graphstead.engine import drafts, transitions
from graphstead.engine.assistants import Assistants
from graphstead.engine.callers import Caller
from graphstead.engine.clock import Clock
from graphstead.engine.drafts import Draft
from graphstead.engine.run_stops import RunStops
from graphstead.engine.transitions import FINAL
from graphstead.problems import Problem, RunNotFound, ThreadNotFound
from graphstead.storage.base import EndRow, Json, RunRow, Storage, ThreadRow, Tx
from graphstead.streaming import sse
from graphstead.streaming.log import await_end, follow

Place = Mapping[str, str]


class Gone(Protocol):
    """Tells whether the client has left."""

    def is_set(self) -> bool: ...


class RunStream:
    """A run's events as SSE bytes, and the headers that say where to find the run again."""

    def __init__(self, frames: AsyncIterator[bytes], headers: Place) -> None:
        self.frames = frames
        self.headers = headers


class Runs:
    """Everything a client can ask of runs."""

    def __init__(
        self,
        storage: Storage,
        assistants: Assistants,
        stops: RunStops,
        clock: Clock,
        heartbeat_s: float,
    ) -> None:
        self._storage = storage
        self._assistants = assistants
        self._stops = stops
        self._clock = clock
        self._heartbeat_s = heartbeat_s

    # ---- creating

    async def create(
        self,
        body: Mapping[str, Any],
        *,
        thread_id: str | None = None,
        caller: Caller,
        request_id: str,
    ) -> RunRow:
        """Store a pending run, durable when this returns.

        Raises GraphNotFound, AssistantNotFound, ThreadNotFound, ThreadBusy, BadRequest.
        """
        draft = self._draft(body, thread_id, caller, request_id)
        clock = self._clock
        return await self._storage.write(lambda tx: transitions.create(tx, draft, clock))

    async def create_batch(
        self, bodies: Sequence[Mapping[str, Any]], *, caller: Caller, request_id: str
    ) -> list[RunRow]:
        """Store stateless runs in one transaction, in the order of the array, all or none."""
        made = []
        for index, body in enumerate(bodies):
            with _at(index):
                made.append(self._draft(body, None, caller, request_id))
        clock = self._clock

        def create_all(tx: Tx) -> list[RunRow]:
            runs = []
            for index, draft in enumerate(made):
                with _at(index):
                    runs.append(transitions.create(tx, draft, clock))
            return runs

        return await self._storage.write(create_all)

    def _draft(
        self, body: Mapping[str, Any], thread_id: str | None, caller: Caller, request_id: str
    ) -> Draft:
        drafts.check(body, stateless=thread_id is None)
        return Draft(
            run_id=self._clock.new_id(),
            thread_id=thread_id,
            assistant_id=self._assistants.resolve(body["assistant_id"]),
            body=body,
            caller=caller,
            request_id=request_id,
            requested_ms=self._clock.now_ms(),
        )

    # ---- reading

    async def get(self, thread_id: str, run_id: str) -> RunRow:
        """Get a run of a thread. Raises ThreadNotFound, RunNotFound."""
        return await self._storage.read(lambda tx: _run_of(tx, thread_id, run_id))

    async def list(
        self, thread_id: str, status: str | None, limit: int, offset: int
    ) -> list[RunRow]:
        """List a thread's runs, newest first. Raises ThreadNotFound."""

        def listed(tx: Tx) -> list[RunRow]:
            if tx.threads.get(thread_id) is None:
                raise ThreadNotFound(thread_id)
            return tx.runs.list(thread_id, status, limit=limit, offset=offset)

        return await self._storage.read(listed)

    # ---- waiting

    async def output(
        self, run: RunRow, *, cancel_on_leave: bool = False, gone: Gone | None = None
    ) -> bytes:
        """Wait for the run's end and return its output as JSON."""
        try:
            return (await await_end(self._storage, run.run_id)).output
        finally:
            if cancel_on_leave and gone is not None and gone.is_set():
                await self._stops.interrupt(run.run_id)

    async def find_end(self, thread_id: str | None, run_id: str) -> RunRow | EndRow:
        """Get a run, or how it ended where a temporary run is already deleted.

        Raises RunNotFound, also for a run of another thread.
        """

        def found(tx: Tx) -> RunRow | EndRow:
            run = tx.runs.get(run_id)
            row = run if run is not None else tx.events.ended(run_id)
            if row is None or (thread_id is not None and row.thread_id != thread_id):
                raise RunNotFound(run_id)
            return row

        return await self._storage.read(found)

    async def join(self, found: RunRow | EndRow) -> bytes:
        """Return the output of a run: of a live one at its end, of a finished one at once.

        A finished run answers with the present state of its thread (measured on 0.16.7).
        """
        if isinstance(found, EndRow):
            return found.output
        if found.status not in FINAL:
            return await self.output(found)
        thread_id = found.thread_id
        thread = await self._storage.read(lambda tx: tx.threads.get(thread_id))
        return orjson.dumps(_shown(thread))

    # ---- streaming

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


def _run_of(tx: Tx, thread_id: str, run_id: str) -> RunRow:
    if tx.threads.get(thread_id) is None:
        raise ThreadNotFound(thread_id)
    return transitions.get_run(tx, thread_id, run_id)


def _shown(thread: ThreadRow | None) -> Any:
    if thread is None:
        return None
    if thread.error is not None:
        return {"__error__": thread.error}
    if thread.interrupts:
        return {"__interrupt__": [one for task in thread.interrupts.values() for one in task]}
    return thread.values


class _at:
    """Name the item of a batch that a problem is about."""

    def __init__(self, index: int) -> None:
        self._index = index

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, problem: BaseException | None, trace: Any) -> None:
        if isinstance(problem, Problem):
            problem.detail = f"body[{self._index}]: {problem.detail.removeprefix('body.')}"


def places(run: RunRow, *, stateless: bool, then: str = "") -> dict[str, str]:
    """Return Content-Location, and Location where a client can reconnect (`stream` or `join`)."""
    home = f"/runs/{run.run_id}" if stateless else f"/threads/{run.thread_id}/runs/{run.run_id}"
    headers = {"content-location": home}
    if then:
        headers["location"] = f"{home}/{then}"
    return headers


def run_body(run: RunRow) -> Json:
    """Return a run in its wire form."""
    return {
        "run_id": run.run_id,
        "thread_id": run.thread_id,
        "assistant_id": run.assistant_id,
        "metadata": run.metadata,
        "status": run.status,
        "kwargs": run.kwargs,
        "multitask_strategy": run.multitask_strategy,
        "created_at": run.created_at,
        "updated_at": run.updated_at,
        "langsmith_session_name": None,
    }


def project(body: Json, select: Iterable[str] | None) -> Json:
    """Keep the selected members; all of them where none is selected."""
    chosen = frozenset(select or ())
    return {key: value for key, value in body.items() if key in chosen} if chosen else body
