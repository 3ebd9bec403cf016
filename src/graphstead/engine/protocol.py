"""The event protocol of threads: commands in, a filtered stream of numbered events out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson

from graphstead.engine.access import Access
from graphstead.engine.callers import Asked
from graphstead.engine.protocol_commands import Commands, Refused, error
from graphstead.engine.protocol_session import Session, Socket
from graphstead.engine.protocol_sight import sight
from graphstead.engine.run_stops import RunStops
from graphstead.engine.runs import Runs
from graphstead.storage.base import Storage
from graphstead.storage.rows import Json
from graphstead.streaming.protocol_filter import Wanted
from graphstead.streaming.protocol_log import Numbered, ResumeGap, follow_frames
from graphstead.streaming.sse import Pulse


class Protocol:
    """What newer clients speak; `threads.stream()` of the SDKs."""

    def __init__(
        self, storage: Storage, runs: Runs, stops: RunStops, heartbeat_s: float, access: Access
    ) -> None:
        self._storage = storage
        self._access = access
        self._commands = Commands(storage, runs, stops, access)
        self._heartbeat_s = heartbeat_s

    async def command(self, thread_id: str, command: Mapping[str, Any], asked: Asked) -> Json:
        """Carry out one command; what goes wrong with it is told in the answer."""
        return await self._commands.answer(thread_id, command, asked)

    async def events(
        self, thread_id: str, params: Mapping[str, Any], asked: Asked, last_event_id: str | None
    ) -> AsyncIterator[bytes]:
        """Return server-sent events of the thread: what is kept behind `since`, then what comes.

        Raises ThreadNotFound for a thread that is hidden from the caller.
        """
        admits = await sight(self._storage, self._access, thread_id, asked)
        since = max(params.get("since") or 0, int(last_event_id or 0))
        wanted = Wanted.of({**params, "since": since})
        return self._frames(follow_frames(self._storage, thread_id, wanted, admits))

    async def session(self, thread_id: str, socket: Socket, asked: Asked) -> None:
        """Serve one WebSocket until either side closes it. Raises ThreadNotFound."""
        await sight(self._storage, self._access, thread_id, asked)
        commands = self._commands
        await Session(self._storage, self._access, commands, thread_id, socket, asked).serve()

    async def _frames(self, batches: AsyncIterator[list[Numbered]]) -> AsyncIterator[bytes]:
        pulse = Pulse(self._heartbeat_s)
        try:
            async for batch in batches:
                if chunk := pulse.beat(b"".join(map(sse_frame, batch))):
                    yield chunk
        except ResumeGap as gap:
            told = error(None, Refused("resume_gap", str(gap)))
            yield b"event: error\r\ndata: %b\r\n\r\n" % orjson.dumps(told)


def sse_frame(numbered: Numbered) -> bytes:
    """Encode one event: its method names it, its number is the id."""
    method = numbered.frame.method.encode()
    return b"event: %b\r\ndata: %b\r\nid: %d\r\n\r\n" % (method, numbered.encode(), numbered.seq)
