"""The store: what threads and graphs remember together."""

from __future__ import annotations

from typing import Any

from graphstead.contract.answers import Reply
from graphstead.engine import Engine


async def put_item(*, body: dict[str, Any], engine: Engine) -> None:
    """Write an item."""
    await engine.store.put(body)


async def get_item(*, namespace: str, key: str, refresh_ttl: bool | None, engine: Engine) -> Reply:
    """Get an item, or null."""
    return Reply(await engine.store.get(namespace, key, refresh_ttl=refresh_ttl))


async def delete_item(*, body: dict[str, Any], engine: Engine) -> None:
    """Remove an item."""
    await engine.store.delete(body)


async def search_items(*, body: dict[str, Any], engine: Engine) -> dict[str, Any]:
    """Find items."""
    return await engine.store.search(body)


async def list_namespaces(*, body: dict[str, Any], engine: Engine) -> dict[str, Any]:
    """List namespaces."""
    return await engine.store.namespaces(body)
