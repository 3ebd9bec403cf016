"""Assistants: graphs under a name and settings."""

from __future__ import annotations

from typing import Any

from graphstead.contract.answers import Reply
from graphstead.engine import Engine


async def get_assistant_assistants__assistant_id__get(
    *, assistant_id: str, engine: Engine
) -> dict[str, Any]:
    """Get an assistant by id or graph name."""
    return await engine.assistants.get(assistant_id)


async def search_assistants_assistants_search_post(
    *, body: dict[str, Any], engine: Engine
) -> Reply:
    """Find assistants."""
    found = await engine.assistants.search(body)
    return Reply(found.rows, found.headers)
