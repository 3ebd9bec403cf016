"""A task as it goes on: the events of its run's log become updates of its status and its answer.

What a model says is put together piece by piece in one artifact. A message that begins anew takes
its place, and at the end the answer stands there whole, so that nobody has to have heard it all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import orjson

from graphstead.engine.a2a.dialects import Dialect
from graphstead.engine.a2a.messages import said_in
from graphstead.engine.a2a.parts import parts_of
from graphstead.engine.a2a.tasks import Outcome, Task
from graphstead.engine.a2a.telling import TEXT, Wishes, artifacts_of, response, status_of
from graphstead.engine.clock import wire_time_of_ms
from graphstead.storage.rows import EventRow, Json
from graphstead.streaming.log import Batch
from graphstead.streaming.sse import Pulse, message_frame

__all__ = ["Envelope", "Updates", "final_updates", "frames"]

STREAM_MODES = ("messages-tuple", "custom")
SPEAKS = frozenset({"AIMessageChunk", "ai"})
Envelope = Callable[[Json], bytes]


class Updates:
    """Turns logged events into updates; remembers what was said so far, by message."""

    def __init__(self, task: Task, dialect: Dialect, wishes: Wishes) -> None:
        self._task = task
        self._dialect = dialect
        self._tells_text = wishes.takes(TEXT)
        self._said: dict[str, str] = {}
        self._speaker: str | None = None

    def of(self, row: EventRow) -> Iterator[Json]:
        """Yield the updates that one event is."""
        kind = row.event.partition("|")[0]
        if kind == "metadata":
            yield self._working(row, None)
        elif kind == "custom":
            yield self._working(row, _progress(orjson.loads(row.data)))
        elif kind == "messages":
            message = orjson.loads(row.data)[0]
            if message.get("type") == "tool":
                yield self._working(row, said_in(message))
            elif message.get("type") in SPEAKS and self._tells_text:
                yield from self._spoken(message)

    def _spoken(self, message: Json) -> Iterator[Json]:
        text = "".join(part.get("text", "") for part in parts_of(message.get("content")))
        if not text:
            return
        speaker = str(message.get("id"))
        goes_on = speaker == self._speaker
        self._said[speaker] = self._said.get(speaker, "") + text
        self._speaker = speaker
        artifact = response(self._task, [{"text": text if goes_on else self._said[speaker]}])
        yield self._dialect.artifact_update(self._task.place, artifact, append=goes_on, last=False)

    def _working(self, row: EventRow, parts: Sequence[Json] | None) -> Json:
        status: Json = {"state": "working", "timestamp": wire_time_of_ms(row.created_ms)}
        if parts:
            named = {"messageId": f"{self._task.run.run_id}-{row.seq}"}
            status["message"] = {
                "role": "agent", "parts": list(parts), **named, **self._task.place
            }  # fmt: skip
        return self._dialect.status_update(self._task.place, status, final=False)


def _progress(told: Any) -> list[Json]:
    return [{"text": told}] if isinstance(told, str) else [{"data": told}]


def final_updates(task: Task, outcome: Outcome, dialect: Dialect, wishes: Wishes) -> Iterator[Json]:
    """Yield the results of a task that is over or asks, then its last status."""
    for artifact in artifacts_of(task, outcome, wishes):
        yield dialect.artifact_update(task.place, artifact, append=False, last=True)
    yield dialect.status_update(task.place, status_of(task, outcome), final=True)


async def frames(
    first: Json,
    batches: AsyncIterator[Batch],
    updates: Updates,
    ending: Callable[[], Any],
    envelope: Envelope,
    heartbeat_s: float,
) -> AsyncIterator[bytes]:
    """Yield event frames: the task, its updates as they are logged, its end; heartbeats between.

    `ending` is awaited once the run is over and returns the last updates.
    """
    yield message_frame(envelope(first))
    pulse = Pulse(heartbeat_s)
    async for batch in batches:
        told = [message_frame(envelope(update)) for row in batch.rows for update in updates.of(row)]
        if chunk := pulse.beat(b"".join(told)):
            yield chunk
    yield b"".join([message_frame(envelope(update)) for update in await ending()])
