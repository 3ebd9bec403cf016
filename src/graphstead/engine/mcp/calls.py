"""Tool calls as runs: begun, followed, stopped, and told in the words of the protocol.

Each call has a thread of its own, gone with its end, unless the graph stopped with a question: then
the thread waits for `graphstead_resume`, a day at most. A thread that the client names is kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import orjson

from graphstead.engine import thread_life
from graphstead.engine.clock import Clock, as_uuid
from graphstead.engine.mcp import questions
from graphstead.engine.mcp.messages import MessageId, event_frame, invalid_params, progress_message
from graphstead.engine.mcp.questions import THREAD_KEY
from graphstead.engine.mcp.speakers import Speaker, elicits, meta_of
from graphstead.engine.mcp.tool_schemas import structured
from graphstead.engine.run_stops import RunStops
from graphstead.engine.runs import Runs
from graphstead.engine.threads import Threads
from graphstead.problems import Problem
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import EndRow, EventRow, Json, ReplayRow, RunRow
from graphstead.streaming.log import await_end, follow
from graphstead.streaming.sse import Pulse

OWN_THREAD = {"created_by": "mcp"}
KEPT_MINUTES = 24 * 60
OWN_TTL: Json = {"strategy": "delete", "ttl_minutes": KEPT_MINUTES}
NOTED = "mcp calls"
PROGRESS_MODES = ["updates", "custom"]
LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class Call:
    """A run that was begun for a tool call, and where its answer goes."""

    run: RunRow
    own_thread: bool
    elicits: bool
    token: MessageId | None


class Calls:
    """Everything about runs that were begun by tool calls."""

    def __init__(
        self,
        storage: Storage,
        threads: Threads,
        runs: Runs,
        stops: RunStops,
        clock: Clock,
        heartbeat_s: float,
    ) -> None:
        self._storage = storage
        self._threads = threads
        self._runs = runs
        self._stops = stops
        self._clock = clock
        self._heartbeat_s = heartbeat_s

    async def begin(
        self,
        message_id: MessageId,
        assistant_id: str,
        given: Json,
        params: Mapping[str, Any],
        speaker: Speaker,
    ) -> Call:
        """Store a pending run with its `input` and `context`, durable when this returns."""
        named = meta_of(params).get(THREAD_KEY)
        thread_id = self._clock.new_id() if named is None else as_uuid(str(named))
        if thread_id is None:
            raise invalid_params(f"params._meta['{THREAD_KEY}'] must be a UUID")
        body = {"assistant_id": assistant_id, "if_not_exists": "create", **given}
        own = named is None
        body["metadata"] = OWN_THREAD if own else {}
        return await self._start(message_id, thread_id, body, params, speaker, own_thread=own)

    async def resume(
        self,
        message_id: MessageId,
        thread_id: str,
        answer: Any,
        params: Mapping[str, Any],
        speaker: Speaker,
    ) -> Call:
        """Answer what a thread waits for. Raises ThreadNotFound, BadRequest where it does not."""
        thread = await self._threads.get(thread_id, speaker.asked)
        metadata = questions.waiting(thread)["metadata"]
        body = {"assistant_id": metadata["assistant_id"], "command": {"resume": answer}}
        own = OWN_THREAD.items() <= metadata.items()
        return await self._start(message_id, thread_id, body, params, speaker, own_thread=own)

    async def _start(
        self,
        message_id: MessageId,
        thread_id: str,
        body: Json,
        params: Mapping[str, Any],
        speaker: Speaker,
        *,
        own_thread: bool,
    ) -> Call:
        token = _token(params) if speaker.takes_events else None
        body["stream_mode"] = PROGRESS_MODES if token is not None else ["values"]
        note = _note(speaker, message_id)
        made = await self._runs.create(
            body,
            speaker.asked,
            thread_id=thread_id,
            thread_ttl=OWN_TTL if own_thread else None,
            also=None if note is None else partial(self._remember, note),
        )
        return Call(made.run, own_thread, elicits(speaker, params), token)

    def _remember(self, note: tuple[str, str], tx: Tx, run: RunRow) -> None:
        """Note which run a request began; an id that is used again stays with its first run."""
        scope, key = note
        if tx.replays.get(scope, key) is None:
            answer = orjson.dumps(run.run_id)
            tx.replays.keep(ReplayRow(scope, key, "", answer, self._clock.now_ms()))

    async def cancel(self, message_id: MessageId, speaker: Speaker) -> None:
        """Stop the run that a request of this session began; does nothing if there is none."""
        note = _note(speaker, message_id)
        if note is None:
            return
        seen = await self._storage.read(lambda tx: tx.replays.get(*note))
        if seen is not None:
            await self._stops.interrupt(orjson.loads(seen.answer))

    async def result(self, call: Call, speaker: Speaker) -> Json:
        """Wait for the end of a run and tell it; whoever closes a modern request stops its run."""
        try:
            ended = await await_end(self._storage, call.run.run_id)
        finally:
            if speaker.modern and speaker.gone.is_set():
                await self._stops.interrupt(call.run.run_id)
        asks = ended is not None and questions.interrupts_of(orjson.loads(ended.output))
        kept = not call.own_thread or bool(asks)
        if not kept:
            await self._storage.write(
                lambda tx: thread_life.delete(tx, call.run.thread_id, self._clock)
            )
        return _told(call, ended, kept=kept)

    async def progress(self, call: Call, speaker: Speaker) -> AsyncIterator[bytes]:
        """Yield a frame for each step of a run and each report of its own, until it ends."""
        pulse, numbers, token = Pulse(self._heartbeat_s), count(1), call.token
        try:
            async for batch in follow(self._storage, call.run.run_id, 0):
                told = [text for row in batch.rows if (text := _progress(row))]
                frames = [
                    event_frame(progress_message(token, next(numbers), text))
                    for text in told
                    if token is not None
                ]
                if chunk := pulse.beat(b"".join(frames)):
                    yield chunk
        finally:
            if speaker.modern and speaker.gone.is_set():
                await self._stops.interrupt(call.run.run_id)


def _note(speaker: Speaker, message_id: MessageId) -> tuple[str, str] | None:
    """Return under which scope and key the run of a request is noted; None without a session."""
    if speaker.session_id is None:
        return None
    kind = type(message_id).__name__
    scope = f"{NOTED} {speaker.asked.caller.identity}"
    return scope, f"{speaker.session_id} {kind} {message_id}"


def _token(params: Mapping[str, Any]) -> MessageId | None:
    token = meta_of(params).get("progressToken")
    if token is None or (isinstance(token, str | int) and not isinstance(token, bool)):
        return token
    raise invalid_params("params._meta.progressToken must be a string or an integer")


def _progress(row: EventRow) -> str | None:
    """Return what an event of the run says in a progress notification."""
    if row.event not in PROGRESS_MODES:
        return None
    data = orjson.loads(row.data)
    if row.event == "updates" and isinstance(data, dict):
        return ", ".join(data)
    text = data if isinstance(data, str) else orjson.dumps(data).decode()
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 1]}…"


def _told(call: Call, ended: EndRow | None, *, kept: bool) -> Json:
    """Return the result of a tool call."""
    output = None if ended is None else orjson.loads(ended.output)
    asks = questions.interrupts_of(output)
    if asks and call.elicits:
        return questions.input_required(call.run.thread_id, asks)
    if ended is None:
        told = failed("RunNotFound: the run was taken away before its end")
    elif isinstance(output, dict) and "__error__" in output:
        error = output["__error__"]
        told = failed(f"{error['error']}: {error['message']}", error)
    elif ended.status == "interrupted":
        told = failed("Cancelled: the run was stopped before its end")
    else:
        told = succeeded(output)
    if asks:
        told["content"].append(questions.how_to_answer(call.run.thread_id, asks))
    if kept:
        told["_meta"] = {THREAD_KEY: call.run.thread_id, "graphstead/run_id": call.run.run_id}
    return told


def succeeded(output: Any) -> Json:
    """Return the result of a tool that did its work."""
    content = structured(output)
    text = orjson.dumps(output).decode()
    return {
        "content": [{"type": "text", "text": text}],
        "structuredContent": content,
        "isError": False,
    }


def failed(text: str, error: Json | None = None) -> Json:
    """Return the result of a tool that failed, for the model to read."""
    told: Json = {"content": [{"type": "text", "text": text}], "isError": True}
    return told if error is None else {**told, "structuredContent": {"__error__": error}}


def refused(problem: Problem) -> Json:
    """Return the result of a call that the engine refused, with what it said."""
    return failed(f"{type(problem).__name__}: {problem.detail}")
