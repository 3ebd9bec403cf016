"""The store as clients see it: items of every thread and graph, under namespaces."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar

from langgraph.store.base import NOT_PROVIDED, BaseStore, Item

from graphstead.engine.access import Access
from graphstead.engine.callers import Asked
from graphstead.engine.store_gate import StoreGate
from graphstead.problems import BadRequest, NotImplementedYet
from graphstead.storage.rows import Json

T = TypeVar("T")


class Store:
    """Everything a client can ask of the store that graphs use too."""

    def __init__(self, items: BaseStore, access: Access) -> None:
        self._items = items
        self._gate = StoreGate(access)

    async def put(self, body: Mapping[str, Any], asked: Asked) -> None:
        """Write an item, on disk when this returns. Raises BadRequest for a reserved namespace."""
        given = await self._gate.put(asked.caller, body)
        ttl = body.get("ttl")
        await _refusing(
            self._items.aput(
                given.namespace,
                body["key"],
                given.over(body, "value")["value"],
                body.get("index"),
                ttl=NOT_PROVIDED if ttl is None else ttl,
            )
        )

    async def get(
        self, namespace: str, key: str, asked: Asked, *, refresh_ttl: bool | None = None
    ) -> Json | None:
        """Return an item, None where there is none; `namespace` has its labels joined by dots."""
        labels = tuple(namespace.split("."))
        given = await self._gate.get(asked.caller, labels, key)
        item = await _refusing(self._items.aget(given.namespace, key, refresh_ttl=refresh_ttl))
        return None if item is None else item_body(item)

    async def delete(self, body: Mapping[str, Any], asked: Asked) -> None:
        """Remove an item; one that is not there is no error."""
        given = await self._gate.delete(asked.caller, body)
        await _refusing(self._items.adelete(given.namespace, body["key"]))

    async def search(self, body: Mapping[str, Any], asked: Asked) -> Json:
        """Return a page of items, the best match first. Raises BadRequest for an unfit filter."""
        limit, offset = body.get("limit", 10), body.get("offset", 0)
        given = await self._gate.search(asked.caller, body, limit, offset)
        found = await _refusing(
            self._items.asearch(
                given.namespace,
                query=body.get("query"),
                filter=given.filter(body.get("filter")),
                limit=limit,
                offset=offset,
                refresh_ttl=body.get("refresh_ttl"),
            )
        )
        return {"items": [{**item_body(item), "score": item.score} for item in found]}

    async def namespaces(self, body: Mapping[str, Any], asked: Asked) -> Json:
        """Return a page of the namespaces that hold items, sorted label by label."""
        limit, offset = body.get("limit", 100), body.get("offset", 0)
        given = await self._gate.namespaces(asked.caller, body, limit, offset)
        found: Sequence[Sequence[str]] = await _refusing(
            self._items.alist_namespaces(
                prefix=given.namespace,
                suffix=tuple(body.get("suffix") or ()),
                max_depth=body.get("max_depth"),
                limit=limit,
                offset=offset,
            )
        )
        return {"namespaces": [list(labels) for labels in found]}


async def _refusing(work: Awaitable[T]) -> T:
    """Tell clients what LangGraph tells graphs by a ValueError."""
    try:
        return await work
    except ValueError as refusal:
        raise BadRequest(str(refusal)) from refusal
    except NotImplementedError as refusal:
        raise NotImplementedYet(f"store.path: {refusal}") from refusal


def item_body(item: Item) -> Json:
    """Return an item's wire form."""
    return {
        "namespace": list(item.namespace),
        "key": item.key,
        "value": item.value,
        "created_at": item.created_at.isoformat(timespec="microseconds"),
        "updated_at": item.updated_at.isoformat(timespec="microseconds"),
    }
