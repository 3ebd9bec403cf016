"""One WebSocket of the event protocol: commands and events of a thread between each other.

A subscription first gets what is kept behind its `since`, up to where the connection stands; from
there on an event is sent once, to whichever subscriptions want it. Nothing is buffered here: the
next events are read from the log when the last ones are sent, so a slow client costs no memory.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Protocol

import orjson
import structlog
import uuid_utils

from graphstead.engine.access import Access
from graphstead.engine.callers import Asked
from graphstead.engine.protocol_commands import Command, Commands, Params, Refused, error
from graphstead.engine.protocol_sight import sight
from graphstead.problems import Unprocessable
from graphstead.storage.base import Storage
from graphstead.storage.rows import Bell, Json
from graphstead.streaming.log import POLL_S
from graphstead.streaming.protocol_filter import CHANNELS, NAMED, Wanted
from graphstead.streaming.protocol_log import Numbered, ResumeGap, ThreadFrames

log = structlog.get_logger("graphstead.protocol")
REMEMBERED = 100
MOST_SUBSCRIPTIONS = 200
NO_COMMAND = "A command is an object with an integer id and a method"


class Socket(Protocol):
    """An open WebSocket; both raise what ends the session once the client has left."""

    async def receive(self) -> Any:
        """Return the next message, decoded. Raises Unprocessable for what cannot be."""

    async def send(self, frame: bytes) -> None:
        """Send JSON, as fast as the client takes it."""


class Session:
    """Serve one connection."""

    def __init__(
        self,
        storage: Storage,
        access: Access,
        commands: Commands,
        thread_id: str,
        socket: Socket,
        asked: Asked,
    ) -> None:
        self._storage = storage
        self._access = access
        self._commands = commands
        self._thread_id = thread_id
        self._socket = socket
        self._asked = asked
        self._turn = asyncio.Lock()
        self._subscriptions: dict[str, Wanted] = {}
        self._walk: ThreadFrames | None = None
        self._subscribed = asyncio.Event()
        self._answers: OrderedDict[int, tuple[Json, Json]] = OrderedDict()
        self._own: Mapping[str, Command] = {
            "subscription.subscribe": self._subscribe,
            "subscription.unsubscribe": self._unsubscribe,
        }

    async def serve(self) -> None:
        """Answer commands and send events until the client leaves or the thread is gone."""
        hearing = asyncio.create_task(self._hear())
        telling = asyncio.create_task(self._tell())
        try:
            done, _ = await asyncio.wait({hearing, telling}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except ResumeGap as gap:
            await self._say(error(None, Refused("resume_gap", str(gap))))
        finally:
            for task in (hearing, telling):
                task.cancel()
            await asyncio.gather(hearing, telling, return_exceptions=True)

    async def _hear(self) -> None:
        while True:
            try:
                command = await self._socket.receive()
            except Unprocessable as problem:
                await self._say(error(None, Refused("invalid_argument", problem.detail)))
                continue
            async with self._turn:
                await self._say(await self._answer(command))

    async def _answer(self, command: Any) -> Json:
        command_id: Any = command.get("id") if isinstance(command, dict) else None
        if not _is_id(command_id):
            return error(None, Refused("invalid_argument", NO_COMMAND))
        if not isinstance(command.get("method"), str):
            return error(command_id, Refused("invalid_argument", NO_COMMAND))
        before = self._answers.get(command_id)
        if before is not None and before[0] == command:
            return before[1]
        return self._remember(command, await self._carry_out(command))

    async def _carry_out(self, command: Json) -> Json:
        answer = self._commands.answer
        return await answer(self._thread_id, command, self._asked, self._own)

    def _remember(self, command: Json, answer: Json) -> Json:
        """Keep an answer for the case that its command comes again."""
        self._answers[command["id"]] = (command, answer)
        if len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)
        return answer

    async def _say(self, answer: Json) -> None:
        await self._socket.send(orjson.dumps(answer))

    async def _subscribe(self, thread_id: str, params: Params, asked: Asked) -> Json:
        if len(self._subscriptions) >= MOST_SUBSCRIPTIONS:
            raise Refused("invalid_argument", f"At most {MOST_SUBSCRIPTIONS} subscriptions fit")
        wanted = _wanted(params)
        try:
            replayed = await self._replay(wanted)
        except ResumeGap as gap:
            raise Refused("resume_gap", str(gap)) from gap
        subscription_id = str(uuid_utils.uuid4())
        self._subscriptions[subscription_id] = wanted
        self._subscribed.set()
        return {"subscription_id": subscription_id, "replayed_events": replayed}

    async def _replay(self, wanted: Wanted) -> int:
        """Send what a new subscription has missed; the first one starts the connection's walk."""
        admits = await sight(self._storage, self._access, self._thread_id, self._asked)
        until, sent = self._walk.seq if self._walk else None, 0
        # A later subscription hears here what it has missed, or that this cannot be had.
        walk = ThreadFrames(
            self._storage, self._thread_id, wanted.since, admits, at_once=until is not None
        )
        while batch := await walk.new():
            missed = [one for one in batch if until is None or one.seq <= until]
            sent += await self._send([one for one in missed if wanted.takes(one.frame)])
            if until is not None and batch[-1].seq >= until:
                break
        if self._walk is None:
            self._walk = walk
        return sent

    async def _unsubscribe(self, thread_id: str, params: Params, asked: Asked) -> Json:
        subscription_id = params.get("subscription_id")
        if self._subscriptions.pop(str(subscription_id), None) is None:
            raise Refused("no_such_subscription", f"There is no subscription {subscription_id}")
        return {}

    async def _tell(self) -> None:
        """Send each new event once, as long as a subscription wants it."""
        await self._subscribed.wait()
        listener = self._storage.doorbells.listen(Bell("thread", self._thread_id))
        try:
            existed = await self._exists()
            while True:
                async with self._turn:
                    found = await self._walked()
                    await self._send([one for one in found if self._is_wanted(one)])
                if found:
                    continue
                exists = await self._exists()
                if existed and not exists:
                    return
                existed = exists
                await listener.wait(POLL_S)
        finally:
            listener.close()

    async def _walked(self) -> list[Numbered]:
        return await self._walk.new() if self._walk else []

    async def _exists(self) -> bool:
        thread_id = self._thread_id
        return await self._storage.read(lambda tx: tx.threads.get(thread_id)) is not None

    def _is_wanted(self, one: Numbered) -> bool:
        return any(
            one.seq > wanted.since and wanted.takes(one.frame)
            for wanted in self._subscriptions.values()
        )

    async def _send(self, numbered: list[Numbered]) -> int:
        for one in numbered:
            await self._socket.send(one.encode())
        return len(numbered)


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _wanted(params: Params) -> Wanted:
    """Return the filter asked for. Raises Refused."""
    channels = params.get("channels")
    if not isinstance(channels, list) or not channels:
        raise Refused("invalid_argument", "channels is required, a list with a channel")
    for channel in channels:
        named = isinstance(channel, str) and len(channel) > len(NAMED) and channel.startswith(NAMED)
        if not named and channel not in CHANNELS:
            known = ", ".join(sorted(CHANNELS))
            raise Refused("invalid_argument", f"{channel!r} is none of {known}, custom:NAME")
    _check_places(params.get("namespaces"))
    for name in ("depth", "since"):
        if params.get(name) is not None and not _is_id(params[name]):
            raise Refused("invalid_argument", f"{name} must be an integer from 0 on")
    return Wanted.of(params)


def _check_places(namespaces: Any) -> None:
    places = [] if namespaces is None else namespaces
    if not isinstance(places, list) or not all(
        isinstance(place, list) and all(isinstance(one, str) for one in place) for place in places
    ):
        raise Refused("invalid_argument", "namespaces must be a list of lists of names")
