"""The store: what threads and graphs remember together."""

from __future__ import annotations

from typing import Any

from graphstead.contract.answers import Reply
from graphstead.engine import Engine
from graphstead.engine.callers import Asked


async def put_item(*, body: dict[str, Any], engine: Engine, asked: Asked) -> None:
    """Write an item."""
    await engine.store.put(body, asked)


async def get_item(
    *, namespace: str, key: str, refresh_ttl: bool | None, engine: Engine, asked: Asked
) -> Reply:
    """Get an item, or null."""
    return Reply(await engine.store.get(namespace, key, asked, refresh_ttl=refresh_ttl))


async def delete_item(*, body: dict[str, Any], engine: Engine, asked: Asked) -> None:
    """Remove an item."""
    await engine.store.delete(body, asked)


async def search_items(*, body: dict[str, Any], engine: Engine, asked: Asked) -> dict[str, Any]:
    """Find items."""
    return await engine.store.search(body, asked)


async def list_namespaces(*, body: dict[str, Any], engine: Engine, asked: Asked) -> dict[str, Any]:
    """List namespaces."""
    return await engine.store.namespaces(body, asked)
