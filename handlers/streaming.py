"""Streaming: the event protocol of newer clients, one thread per conversation."""

from __future__ import annotations

from typing import Any

from graphstead.contract.answers import EventStream
from graphstead.contract.websocket import WebSocket
from graphstead.engine import Engine
from graphstead.engine.callers import Asked


async def protocol_thread_command_post(
    *, thread_id: str, body: dict[str, Any], engine: Engine, asked: Asked
) -> dict[str, Any]:
    """Carry out a command."""
    return await engine.protocol.command(thread_id, body, asked)


async def protocol_thread_events_post(
    *, thread_id: str, body: dict[str, Any], last_event_id: str | None, engine: Engine, asked: Asked
) -> EventStream:
    """Stream the events of a thread."""
    return EventStream(await engine.protocol.events(thread_id, body, asked, last_event_id))


async def protocol_thread_events_websocket_get(
    *, thread_id: str, engine: Engine, asked: Asked, socket: WebSocket
) -> None:
    """Serve commands and events over a WebSocket."""
    await engine.protocol.session(thread_id, socket, asked)
