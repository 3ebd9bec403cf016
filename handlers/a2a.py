"""A2A: assistants as agents that other agents talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from graphstead.contract.answers import EventStream, KeepAliveJson
from graphstead.engine import Engine
from graphstead.engine.callers import Asked


async def post_a2a(
    *, assistant_id: str, body: dict[str, Any], engine: Engine, asked: Asked
) -> EventStream | KeepAliveJson:
    """Carry out one JSON-RPC request."""
    answer = await engine.a2a.answer(assistant_id, body, asked)
    return EventStream(answer) if isinstance(answer, AsyncIterator) else KeepAliveJson(answer)


async def a2a_card_get(*, assistant_id: str, engine: Engine, asked: Asked) -> dict[str, Any]:
    """Show an assistant's card at the address of its requests."""
    return await engine.a2a.card(assistant_id, asked)


async def a2a_agent_card_get(*, assistant_id: str, engine: Engine, asked: Asked) -> dict[str, Any]:
    """Show an assistant's card at its well-known address."""
    return await engine.a2a.card(assistant_id, asked)


async def a2a_agent_json_get(*, assistant_id: str, engine: Engine, asked: Asked) -> dict[str, Any]:
    """Show an assistant's card where clients of the first versions look for it."""
    return await engine.a2a.card(assistant_id, asked)


async def agent_card_well_known_get(
    *, assistant_id: str | None, engine: Engine, asked: Asked
) -> dict[str, Any]:
    """Show the card of the assistant that is asked for, or of the server's own."""
    return await engine.a2a.card(assistant_id, asked)
