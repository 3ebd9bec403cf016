"""The entry: what a client says, and what it hears.

A request becomes one JSON answer, a JSON answer that takes its time, or a stream; whatever asks
for no answer is acknowledged.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any
from uuid import uuid4

import orjson

from graphstead.engine.assistants import Assistants
from graphstead.engine.callers import Asked
from graphstead.engine.mcp import own_tools, questions
from graphstead.engine.mcp.calls import Call, Calls, refused
from graphstead.engine.mcp.messages import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    MessageId,
    error_message,
    event_frame,
    result_message,
    unknown_method,
)
from graphstead.engine.mcp.reference import Reference
from graphstead.engine.mcp.resources import Resources
from graphstead.engine.mcp.speakers import (
    HANDSHAKE_VERSIONS,
    MODERN_VERSIONS,
    Said,
    Speaker,
    check_envelope,
    speaker_of,
)
from graphstead.engine.mcp.tools import Outcome, Tools
from graphstead.engine.run_streams import Gone
from graphstead.engine.threads import Threads
from graphstead.problems import (
    BadRequest,
    Conflict,
    MethodNotAllowed,
    NotFound,
    Problem,
    RpcFault,
    Unprocessable,
)
from graphstead.storage.rows import Json

SERVER_INFO = {"name": "graphstead", "title": "graphstead", "version": version("graphstead")}
SERVER_INFO_KEY = "io.modelcontextprotocol/serverInfo"
CAPABILITIES: Json = {
    "tools": {"listChanged": False},
    "resources": {"subscribe": False, "listChanged": False},
}
INSTRUCTIONS = (
    "Each tool runs an agent. One that stops with a question names a thread: answer with "
    f"{questions.RESUME_TOOL}. The graphstead_ tools besides it explain this server's HTTP API."
)
NEVER_FRESH = {"ttlMs": 0, "cacheScope": "private"}
CACHEABLE = frozenset(
    {
        "server/discover",
        "tools/list",
        "resources/list",
        "resources/templates/list",
        "resources/read",
    }
)
HANDSHAKE_METHODS = frozenset({"initialize"})
MODERN_METHODS = frozenset({"server/discover"})


@dataclass(frozen=True, slots=True)
class Heard:
    """What a request gets: JSON now, JSON later, or frames; nothing of it means 202."""

    content: bytes | None = None
    waiting: Awaitable[bytes] | None = None
    frames: AsyncIterator[bytes] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Mcp:
    """Assistants, threads and the contract, as MCP clients see them."""

    def __init__(
        self,
        assistants: Assistants,
        threads: Threads,
        calls: Calls,
        *,
        reference: Reference | None,
        contract_tools: bool,
        admits: Callable[[str], bool],
    ) -> None:
        self._calls = calls
        self._admits = admits
        own = [own_tools.resume_tool(calls)]
        if contract_tools and reference is not None:
            own += own_tools.contract_tools(reference)
        self._tools = Tools(assistants, calls, own, reference)
        self._resources = Resources(assistants, threads)
        self._readers = {
            "initialize": self._initialize,
            "ping": self._ping,
            "server/discover": self._discover,
            "tools/list": self._tools.page,
            "resources/list": self._resources.page,
            "resources/templates/list": self._resources.templates,
            "resources/read": self._resources.read,
        }

    def no_stream(self) -> None:
        """Refuse a stream on which the server would speak unasked. Raises MethodNotAllowed."""
        raise MethodNotAllowed("DELETE, POST", "This server speaks only when it is spoken to")

    def end(self, session_id: str | None) -> None:
        """End a session, of which nothing is kept. Raises NotFound where none is named."""
        if session_id is None:
            raise NotFound("There is no session without an Mcp-Session-Id")

    async def hear(self, said: Said, asked: Asked, gone: Gone) -> Heard:
        """Carry out what was said.

        Raises RpcFault for messages that do not fit the protocol, Forbidden for a page of another
        origin, and what the engine raises where it cannot answer at all.
        """
        speaker = speaker_of(said, asked, gone, self._admits)
        if isinstance(said.body, list):
            return await self._batch(said.body, speaker)
        message = said.body
        if "method" not in message:
            return Heard()
        if "id" not in message:
            await self._notice(message, speaker)
            return Heard()
        try:
            if speaker.modern:
                check_envelope(said, message)
            outcome = await self._carry_out(message, speaker)
        except RpcFault as refusal:
            refusal.message_id = message["id"]
            if speaker.modern:
                raise
            return _now(error_message(refusal), speaker)
        if isinstance(outcome, Call):
            return self._later(outcome, message["id"], speaker)
        return _now(result_message(message["id"], outcome), speaker, _session(message))

    async def _batch(self, messages: list[Json], speaker: Speaker) -> Heard:
        """Answer several messages together, in their order, once the last answer is there."""
        if not speaker.may_batch:
            raise RpcFault(
                f"Protocol version {speaker.version} takes one message at a time",
                rpc_code=INVALID_REQUEST,
            )
        if any(message.get("method") == "initialize" for message in messages):
            raise RpcFault("initialize must come alone", rpc_code=INVALID_REQUEST)
        together = self._together(messages, speaker)
        if not any("method" in message and "id" in message for message in messages):
            await together
            return Heard()
        if speaker.takes_json:
            return Heard(waiting=_dumped(together))
        return Heard(frames=_each(together))

    async def _together(self, messages: list[Json], speaker: Speaker) -> list[Json]:
        answers = await asyncio.gather(*(self._answer(one, speaker) for one in messages))
        return [answer for answer in answers if answer is not None]

    async def _answer(self, message: Json, speaker: Speaker) -> Json | None:
        if "method" not in message:
            return None
        if "id" not in message:
            await self._notice(message, speaker)
            return None
        try:
            outcome = await self._carry_out(message, speaker)
        except RpcFault as refusal:
            refusal.message_id = message["id"]
            return error_message(refusal)
        except Problem as problem:
            return _fault(message["id"], problem)
        if isinstance(outcome, Call):
            return await self._told(outcome, message["id"], speaker)
        return result_message(message["id"], outcome)

    async def _notice(self, message: Json, speaker: Speaker) -> None:
        """Take note; a modern client cancels by closing its request, so its word does nothing."""
        request_id = (message.get("params") or {}).get("requestId")
        cancels = message["method"] == "notifications/cancelled" and not speaker.modern
        if cancels and isinstance(request_id, str | int):
            await self._calls.cancel(request_id, speaker)

    async def _carry_out(self, message: Json, speaker: Speaker) -> Outcome:
        method, params = message["method"], message.get("params") or {}
        unfit = HANDSHAKE_METHODS if speaker.modern else MODERN_METHODS
        if method == "tools/call":
            outcome = await self._call(message["id"], params, speaker)
        elif method in self._readers and method not in unfit:
            outcome = await self._readers[method](params, speaker)
        else:
            raise unknown_method(method)
        return outcome if isinstance(outcome, Call) else _complete(method, outcome, speaker)

    async def _call(
        self, message_id: MessageId, params: Mapping[str, Any], speaker: Speaker
    ) -> Outcome:
        """Call a tool, or answer what it asked before; what the engine refuses, the model reads."""
        try:
            answered = questions.answered(params) if speaker.modern else None
            if answered is not None:
                return await self._calls.resume(message_id, *answered, params, speaker)
            return await self._tools.call(message_id, params, speaker)
        except (BadRequest, Conflict, NotFound, Unprocessable) as problem:
            return refused(problem)

    def _later(self, call: Call, message_id: MessageId, speaker: Speaker) -> Heard:
        if speaker.takes_events and (call.token is not None or not speaker.takes_json):
            return Heard(frames=self._frames(call, message_id, speaker))
        return Heard(waiting=_dumped(self._told(call, message_id, speaker)))

    async def _frames(
        self, call: Call, message_id: MessageId, speaker: Speaker
    ) -> AsyncIterator[bytes]:
        async for frame in self._calls.progress(call, speaker):
            yield frame
        yield event_frame(await self._told(call, message_id, speaker))

    async def _told(self, call: Call, message_id: MessageId, speaker: Speaker) -> Json:
        """Wait for a run and tell its result; the status has left, so a fault is told in here."""
        try:
            result = await self._calls.result(call, speaker)
        except Problem as problem:
            return _fault(message_id, problem)
        return result_message(message_id, _complete("tools/call", result, speaker))

    async def _initialize(self, params: Mapping[str, Any], speaker: Speaker) -> Json:
        wanted = params.get("protocolVersion")
        known = wanted if wanted in HANDSHAKE_VERSIONS else HANDSHAKE_VERSIONS[-1]
        return {
            "protocolVersion": known,
            "capabilities": CAPABILITIES,
            "serverInfo": SERVER_INFO,
            "instructions": INSTRUCTIONS,
        }

    async def _ping(self, params: Mapping[str, Any], speaker: Speaker) -> Json:
        return {}

    async def _discover(self, params: Mapping[str, Any], speaker: Speaker) -> Json:
        return {
            "supportedVersions": [*HANDSHAKE_VERSIONS, *MODERN_VERSIONS],
            "capabilities": CAPABILITIES,
            "instructions": INSTRUCTIONS,
        }


def _now(message: Json, speaker: Speaker, headers: Mapping[str, str] | None = None) -> Heard:
    if speaker.takes_json:
        return Heard(content=orjson.dumps(message), headers=headers or {})
    return Heard(frames=_once(event_frame(message)), headers=headers or {})


def _fault(message_id: MessageId, problem: Problem) -> Json:
    fault = RpcFault(problem.detail, rpc_code=INTERNAL_ERROR, message_id=message_id)
    return error_message(fault)


async def _dumped(waiting: Awaitable[Any]) -> bytes:
    return orjson.dumps(await waiting)


async def _each(waiting: Awaitable[list[Json]]) -> AsyncIterator[bytes]:
    for message in await waiting:
        yield event_frame(message)


async def _once(frame: bytes) -> AsyncIterator[bytes]:
    yield frame


def _session(message: Json) -> Mapping[str, str]:
    return {"mcp-session-id": uuid4().hex} if message["method"] == "initialize" else {}


def _complete(method: str, result: Json, speaker: Speaker) -> Json:
    """Add what a modern version wants in every result."""
    if not speaker.modern:
        return result
    fresh = NEVER_FRESH if method in CACHEABLE else {}
    meta = {**result.get("_meta", {}), SERVER_INFO_KEY: SERVER_INFO}
    return {"resultType": "complete", **fresh, **result, "_meta": meta}
