"""Handlers of the tag Long Answers."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson

from graphstead.contract.answers import EventStream, KeepAliveJson
from graphstead.contract.auth import Caller
from graphstead.contract.websocket import WebSocket
from graphstead.problems import Conflict

METADATA = b'event: metadata\ndata: {"run_id":"1"}\n\n'


async def stream_events(*, how: str, engine: Any) -> EventStream:
    """Stream in the way asked for."""
    if how == "refused":
        raise Conflict("busy")
    return EventStream(_frames(how, engine), headers={"Location": "/runs/1/stream"})


async def post_events(*, body: dict[str, Any], engine: Any) -> EventStream:
    """Stream what the body asks for."""
    return EventStream(_frames(body["how"], engine))


async def _frames(how: str, engine: Any) -> AsyncIterator[bytes]:
    try:
        yield METADATA
        if how == "idle":
            await asyncio.sleep(60)
        if how == "busy":
            while True:
                await asyncio.sleep(0.001)
                yield b'event: values\ndata: {"n":1}\n\n'
        if how == "undeclared":
            yield b"event: surprise\ndata: 1\n\n"
        if how == "wrong":
            yield b"event: metadata\ndata: {}\n\n"
        if how == "fails":
            raise RuntimeError("secret words")
        yield b'event: values|child\ndata: {"n":2}\n\n'
    finally:
        engine.put_nowait(time.monotonic())


async def wait_slow(*, how: str, engine: Any) -> KeepAliveJson:
    """Answer after a while."""
    return KeepAliveJson(_slow(how, engine), headers={"Location": "/join"}, interval_s=0.05)


async def _slow(how: str, engine: Any) -> bytes:
    try:
        await asyncio.sleep({"short": 0.0, "long": 0.12, "fails": 0.07, "idle": 60.0}[how])
        if how == "fails":
            raise RuntimeError("secret words")
        return b'{"n":3}'
    finally:
        engine.put_nowait(time.monotonic())


async def open_talk(*, number: int, socket: WebSocket, caller: Caller) -> None:
    """Say everything again, as often as the number says."""
    for _ in range(number):
        said = await socket.receive()
        await socket.send(orjson.dumps({"said": said, "by": caller.identity}))
