"""The store as clients see it: items of every thread and graph, under namespaces."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar

from langgraph.store.base import NOT_PROVIDED, BaseStore, Item

from graphstead.problems import BadRequest, NotImplementedYet
from graphstead.storage.rows import Json

T = TypeVar("T")


class Store:
    """Everything a client can ask of the store that graphs use too."""

    def __init__(self, items: BaseStore) -> None:
        self._items = items

    async def put(self, body: Mapping[str, Any]) -> None:
        """Write an item, on disk when this returns. Raises BadRequest for a reserved namespace."""
        ttl = body.get("ttl")
        await _refusing(
            self._items.aput(
                tuple(body["namespace"]),
                body["key"],
                body["value"],
                body.get("index"),
                ttl=NOT_PROVIDED if ttl is None else ttl,
            )
        )

    async def get(
        self, namespace: str, key: str, *, refresh_ttl: bool | None = None
    ) -> Json | None:
        """Return an item, None where there is none; `namespace` has its labels joined by dots."""
        labels = tuple(namespace.split("."))
        item = await _refusing(self._items.aget(labels, key, refresh_ttl=refresh_ttl))
        return None if item is None else item_body(item)

    async def delete(self, body: Mapping[str, Any]) -> None:
        """Remove an item; one that is not there is no error."""
        await _refusing(self._items.adelete(tuple(body.get("namespace") or ()), body["key"]))

    async def search(self, body: Mapping[str, Any]) -> Json:
        """Return a page of items, the best match first. Raises BadRequest for an unfit filter."""
        found = await _refusing(
            self._items.asearch(
                tuple(body.get("namespace_prefix") or ()),
                query=body.get("query"),
                filter=body.get("filter"),
                limit=_whole(body, "limit", 10),
                offset=_whole(body, "offset", 0),
                refresh_ttl=body.get("refresh_ttl"),
            )
        )
        return {"items": [{**item_body(item), "score": item.score} for item in found]}

    async def namespaces(self, body: Mapping[str, Any]) -> Json:
        """Return a page of the namespaces that hold items, sorted label by label."""
        found: Sequence[Sequence[str]] = await _refusing(
            self._items.alist_namespaces(
                prefix=tuple(body.get("prefix") or ()),
                suffix=tuple(body.get("suffix") or ()),
                max_depth=_whole(body, "max_depth", 0) or None,
                limit=_whole(body, "limit", 100),
                offset=_whole(body, "offset", 0),
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


def _whole(body: Mapping[str, Any], name: str, default: int) -> int:
    """Return a whole number, which JSON may write as 10.0."""
    return int(body.get(name, default))


def item_body(item: Item) -> Json:
    """Return an item's wire form."""
    return {
        "namespace": list(item.namespace),
        "key": item.key,
        "value": item.value,
        "created_at": item.created_at.isoformat(timespec="microseconds"),
        "updated_at": item.updated_at.isoformat(timespec="microseconds"),
    }
