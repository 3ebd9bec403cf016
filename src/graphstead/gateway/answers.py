"""Pass an answer on, and hold it against the contract: noting faults, or stopping them.

Reporting changes no byte and holds nothing back but short bodies whose length is known. Enforcing
sends a body once it has been judged, a stream frame by frame.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import orjson

from graphstead.contract.compile import Operation
from graphstead.gateway.contract import AnswerHead
from graphstead.gateway.encodings import Decoder, decoder_of
from graphstead.gateway.frames import FrameSplitter, TooLong
from graphstead.gateway.house import Call
from graphstead.gateway.upstream import CutShort, UpstreamAnswer
from graphstead.problems import BadGateway, FieldError

__all__ = ["Aborted", "enforced", "reported"]

HELD_BYTES = 64 * 1024
FAULTS = b"x-graphstead-faults"
FAULT_OF_SERVER = 500
NOT_IMPLEMENTED = 501


class Aborted(Exception):
    """The answer cannot be completed: the connection to the client has to be cut as well."""


async def reported(call: Call, answer: UpstreamAnswer) -> None:
    """Pass an answer on as it is; put what is wrong with it on record."""
    head, operation = answer.head, call.operation
    if operation is not None:
        call.note("upstream", _told_of_head(call, operation, head))
    watch = _watch(call, head)
    if watch is not None and head.length is not None and head.length <= HELD_BYTES:
        content = await _whole(call, answer, HELD_BYTES)
        watch.feed(content)
        watch.finish()
        await _start(call, head)
        await _end(call, content)
        return
    await _start(call, head)
    async for chunk in _passing(call, answer):
        await _send(call, chunk)
        if watch is not None:
            watch.feed(chunk)
    if watch is not None:
        watch.finish()
    await _end(call)


async def enforced(call: Call, answer: UpstreamAnswer) -> None:
    """Pass on what keeps the contract. Raises BadGateway while nothing has been sent."""
    head, operation = answer.head, call.operation
    if operation is None or call.scope["method"] == "HEAD":
        await _unjudged(call, answer)
        return
    contract, encoding = call.house.contract, head.header(b"content-encoding")
    faults = contract.head_faults(operation, head)
    call.note("upstream", [*faults, *_fault_of_server(head)])
    if faults:
        raise _broken(operation, faults)
    streams = contract.streams(operation, head)
    if not streams and not contract.judges_body(operation, head):
        await _unjudged(call, answer)
        return
    decoder = decoder_of(encoding, call.house.settings.max_body_bytes)
    if decoder is None:
        fault = f"content-encoding {encoding!r} cannot be judged"
        call.note("upstream", [fault])
        raise _broken(operation, [fault])
    await (_judged_stream if streams else _judged_body)(call, operation, answer, decoder)


async def _judged_body(
    call: Call, operation: Operation, answer: UpstreamAnswer, decoder: Decoder
) -> None:
    most_bytes = call.house.settings.max_body_bytes
    content = await _whole(call, answer, most_bytes)
    try:
        plain = decoder.feed(content)
        faults = call.house.contract.body_faults(operation, answer.head, plain)
    except TooLong:
        plain, faults = b"", [f"the body is longer than {most_bytes} bytes"]
    except ValueError as error:
        plain, faults = b"", [f"the body is not encoded as it says: {error}"]
    call.note("upstream", faults, plain)
    if faults:
        raise _broken(operation, faults)
    await _start(call, answer.head)
    await _end(call, content)


async def _judged_stream(
    call: Call, operation: Operation, answer: UpstreamAnswer, decoder: Decoder
) -> None:
    """Send frames that keep the contract; the first that does not ends the stream."""
    head = answer.head
    plain = [(k, v) for k, v in head.headers if k not in (b"content-encoding", b"content-length")]
    await _start(call, AnswerHead(head.status, plain))
    splitter = FrameSplitter(call.house.settings.max_event_bytes)
    async for chunk in _passing(call, answer):
        sound, faults = _sound_frames(call, operation, chunk, decoder, splitter)
        if sound:
            await _send(call, sound)
        if faults:
            await _end(call, _error_frame(operation, faults))
            return
    if splitter.rest:
        call.note("upstream", ["the last event of the stream has no end"])
    await _end(call)


def _sound_frames(
    call: Call, operation: Operation, chunk: bytes, decoder: Decoder, splitter: FrameSplitter
) -> tuple[bytes, list[str]]:
    """Return the frames up to the first that breaks the contract, and what is wrong with that."""
    sound = bytearray()
    try:
        frames = splitter.feed(decoder.feed(chunk))
    except (TooLong, ValueError) as error:
        told = f"the stream is not encoded as it says: {error}"
        faults = ["an event is too long" if isinstance(error, TooLong) else told]
        call.note("upstream", faults)
        return b"", faults
    for frame in frames:
        if faults := call.house.contract.frame_faults(operation, frame):
            call.note("upstream", faults, frame)
            return bytes(sound), faults
        sound += frame
    call.house.metrics.frames.inc(len(frames))
    return bytes(sound), []


def _error_frame(operation: Operation, faults: list[str]) -> bytes:
    told = {"error": "BadGateway", "message": _sentence(operation, faults)}
    return b"event: error\r\ndata: %b\r\n\r\n" % orjson.dumps(told)


def _broken(operation: Operation, faults: list[str]) -> BadGateway:
    errors: list[FieldError] = [{"loc": "answer", "msg": fault} for fault in faults[:10]]
    return BadGateway(_sentence(operation, faults), errors=errors)


def _sentence(operation: Operation, faults: list[str]) -> str:
    return f"The answer of {operation.operation_id} breaks the contract: {faults[0]}"


def _told_of_head(call: Call, operation: Operation, head: AnswerHead) -> list[str]:
    return [*call.house.contract.head_faults(operation, head), *_fault_of_server(head)]


def _fault_of_server(head: AnswerHead) -> list[str]:
    """Tell of a 5xx, which the contract may declare and nobody wants."""
    if head.status < FAULT_OF_SERVER or head.status == NOT_IMPLEMENTED:
        return []
    return [f"{head.status}: a fault of the server"]


class _Watch:
    """Judges a copy of what passes; once it cannot go on, it says so and lets pass."""

    def __init__(self, call: Call, operation: Operation, head: AnswerHead) -> None:
        settings = call.house.settings
        self._call, self._operation, self._head = call, operation, head
        self._decoder = decoder_of(head.header(b"content-encoding"), settings.max_body_bytes)
        self._given_up = False
        if self._decoder is None:
            self.give_up(f"content-encoding {head.header(b'content-encoding')!r} is not read here")

    def give_up(self, why: str) -> None:
        self._call.note("unjudged", [why])
        self._given_up = True

    def feed(self, chunk: bytes) -> None:
        """Look at bytes that have been passed on."""
        if self._given_up or self._decoder is None:
            return
        try:
            self.take(self._decoder.feed(chunk))
        except TooLong:
            self.give_up("longer than what is judged here")
        except ValueError as error:
            self._call.note("upstream", [f"not encoded as it says: {error}"])
            self._given_up = True

    def finish(self) -> None:
        """Judge what can be judged at the end alone."""
        if not self._given_up:
            self.end()

    def take(self, plain: bytes) -> None:
        """Take decoded bytes."""

    def end(self) -> None:
        """Look at all of it."""


class _BodyWatch(_Watch):
    def __init__(self, call: Call, operation: Operation, head: AnswerHead) -> None:
        self._content = bytearray()
        super().__init__(call, operation, head)

    def take(self, plain: bytes) -> None:
        self._content += plain
        if len(self._content) > self._call.house.settings.max_body_bytes:
            self._content.clear()
            raise TooLong

    def end(self) -> None:
        content = bytes(self._content)
        faults = self._call.house.contract.body_faults(self._operation, self._head, content)
        self._call.note("upstream", faults, content)


class _FrameWatch(_Watch):
    def __init__(self, call: Call, operation: Operation, head: AnswerHead) -> None:
        self._splitter = FrameSplitter(call.house.settings.max_event_bytes)
        super().__init__(call, operation, head)

    def take(self, plain: bytes) -> None:
        for frame in self._splitter.feed(plain):
            self._call.house.metrics.frames.inc()
            faults = self._call.house.contract.frame_faults(self._operation, frame)
            self._call.note("upstream", faults, frame)

    def end(self) -> None:
        if self._splitter.rest:
            self._call.note("upstream", ["the last event of the stream has no end"])


def _watch(call: Call, head: AnswerHead) -> _Watch | None:
    """Return who judges the bytes of an answer, None where the contract says nothing of them."""
    operation = call.operation
    if operation is None or call.scope["method"] == "HEAD":
        return None
    if call.house.contract.streams(operation, head):
        return _FrameWatch(call, operation, head)
    if call.house.contract.judges_body(operation, head):
        return _BodyWatch(call, operation, head)
    return None


async def _unjudged(call: Call, answer: UpstreamAnswer) -> None:
    await _start(call, answer.head)
    async for chunk in _passing(call, answer):
        await _send(call, chunk)
    await _end(call)


async def _whole(call: Call, answer: UpstreamAnswer, most_bytes: int) -> bytes:
    """Read a body before anything is sent. Raises BadGateway."""
    try:
        return await answer.read(most_bytes)
    except CutShort as error:
        call.note("upstream", ["the answer was cut short"])
        raise BadGateway("The server behind this gateway broke its answer off") from error
    except TooLong as error:
        call.note("upstream", [f"the body is longer than {most_bytes} bytes"])
        raise BadGateway(f"The answer is longer than the {most_bytes} bytes read here") from error


async def _passing(call: Call, answer: UpstreamAnswer) -> AsyncGenerator[bytes, None]:
    """Yield the chunks of an answer that has begun. Raises Aborted where it is cut short."""
    async with aclosing(answer.chunks()) as chunks:
        try:
            async for chunk in chunks:
                yield chunk
        except CutShort as error:
            call.note("upstream", ["the answer was cut short"])
            raise Aborted from error


async def _start(call: Call, head: AnswerHead) -> None:
    headers = [*head.headers, *call.added]
    if head.header(b"x-request-id") is None:
        headers.append((b"x-request-id", call.exchange.request_id.encode()))
    if not call.house.enforces:
        headers.append((FAULTS, b"%d" % call.faults))
    await call.send({"type": "http.response.start", "status": head.status, "headers": headers})


async def _send(call: Call, chunk: bytes) -> None:
    await call.send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _end(call: Call, chunk: bytes = b"") -> None:
    await call.send({"type": "http.response.body", "body": chunk, "more_body": False})
