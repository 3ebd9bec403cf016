"""The store: items under a namespace and a key."""

from __future__ import annotations

import uuid
from typing import Any

from graphstead.conformance.actor import Actor
from graphstead.conformance.checking import check, expect, same


def put(on: Actor, namespace: list[str], key: str, value: dict[str, Any]) -> None:
    on.ask("PUT", "/store/items", {"namespace": namespace, "key": key, "value": value})


def read(on: Actor, namespace: list[str], key: str) -> Any:
    """Return an item, None where there is none: some servers answer null, others 404."""
    query = {"namespace": ".".join(namespace), "key": key}
    told = on.client.call("GET", "/store/items", query=query)
    if told.status == 404:
        return None
    same(told.status, 200, "status of GET /store/items")
    return told.json()


def place() -> list[str]:
    return ["conform", uuid.uuid4().hex]


@check("store")
def an_item_is_kept(on: Actor) -> None:
    """An item that was put is read back as it was, and put again it has the new value."""
    here = place()
    put(on, here, "k", {"n": 1, "deep": {"list": [1, None, "é"]}})
    first = read(on, here, "k")
    same(first["value"], {"n": 1, "deep": {"list": [1, None, "é"]}}, "value")
    same((first["namespace"], first["key"]), (here, "k"), "namespace and key")
    put(on, here, "k", {"n": 2})
    again = read(on, here, "k")
    same(again["value"], {"n": 2}, "value put again")


@check("store", profile="full")
def an_item_put_again_keeps_its_beginning(on: Actor) -> None:
    """An item that is put again keeps `created_at`, and `updated_at` moves on."""
    here = place()
    put(on, here, "k", {"n": 1})
    first = read(on, here, "k")
    put(on, here, "k", {"n": 2})
    again = read(on, here, "k")
    same(again["created_at"], first["created_at"], "created_at after the second put")
    expect(again["updated_at"] > first["updated_at"], "updated_at did not move on")


@check("store")
def a_deleted_item_is_gone(on: Actor) -> None:
    """A deleted item is not there any more."""
    here = place()
    put(on, here, "k", {"n": 1})
    on.ask("DELETE", "/store/items", {"namespace": here, "key": "k"})
    same(read(on, here, "k"), None, "item")


@check("store")
def items_are_found_below_a_prefix(on: Actor) -> None:
    """A search finds the items below a prefix, filtered by members of their values, in pages."""
    here = place()
    for number in range(4):
        put(on, [*here, str(number % 2)], f"k{number}", {"n": number, "even": number % 2 == 0})
    body: dict[str, Any] = {"namespace_prefix": here, "limit": 10}
    found = on.post("/store/items/search", body)["items"]
    same({one["key"] for one in found}, {"k0", "k1", "k2", "k3"}, "below the prefix")
    even = on.post("/store/items/search", {**body, "filter": {"even": True}})["items"]
    same({one["key"] for one in even}, {"k0", "k2"}, "with a filter")
    large = on.post("/store/items/search", {**body, "filter": {"n": {"$gte": 2}}})["items"]
    same({one["key"] for one in large}, {"k2", "k3"}, "with $gte")
    pages = [
        on.post("/store/items/search", {**body, "limit": 2, "offset": offset})["items"]
        for offset in (0, 2)
    ]
    same({one["key"] for page in pages for one in page}, {"k0", "k1", "k2", "k3"}, "of two pages")


@check("store")
def namespaces_are_listed(on: Actor) -> None:
    """Namespaces are listed by prefix, and cut at `max_depth`."""
    here = place()
    put(on, [*here, "a", "x"], "k", {})
    put(on, [*here, "a", "y"], "k", {})
    found = on.post("/store/namespaces", {"prefix": here})["namespaces"]
    same(sorted(found), [[*here, "a", "x"], [*here, "a", "y"]], "namespaces")
    cut = on.post("/store/namespaces", {"prefix": here, "max_depth": 3})["namespaces"]
    same(cut, [[*here, "a"]], "namespaces to a depth of 3")


@check("store", profile="full")
def a_store_fault_is_told_as_json(on: Actor) -> None:
    """What the store refuses is a 4xx with a detail as JSON, never text and never a 500."""
    for namespace in ([], [""], ["a.b"], ["langgraph"]):
        body = {"namespace": namespace, "key": "k", "value": {}}
        told = on.client.call("PUT", "/store/items", body)
        expect(400 <= told.status < 500, f"namespace {namespace} is answered {told.status}")
        kind = told.headers.get("content-type", "")
        expect(kind.startswith("application/json"), f"namespace {namespace}: type {kind!r}")
    items = on.ask("POST", "/store/items/search", {})
    expect("items" in items.json(), "a search without a prefix finds no items")
