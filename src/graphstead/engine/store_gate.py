"""What rules make of requests to the store: above all, another namespace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from graphstead.engine.access import OPEN, Access, Action, Grant
from graphstead.engine.callers import Caller
from graphstead.problems import BadRequest, RuleFailed
from graphstead.storage.rows import Json
from graphstead.storage.rules import Condition, Equals, Every

__all__ = ["Given", "StoreGate"]

log = structlog.get_logger("graphstead.access")
Namespace = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """A request as the rules left it."""

    namespace: Namespace
    grant: Grant = OPEN

    def over(self, body: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
        """Return the body with what the rule changed of these members."""
        return self.grant.over(body, *names)

    def filter(self, asked: Json | None) -> Json | None:
        """Return a search's filter with what the rule demands of items' values.

        Raises BadRequest where both are about one member.
        """
        asked = self.grant.over({"filter": asked}, "filter")["filter"]
        demanded = dict(_members(self.grant.condition))
        for key in demanded.keys() & (asked or {}).keys():
            raise BadRequest(f"body.filter.{key}: what you may see is limited by this member")
        return {**(asked or {}), **demanded} if demanded else asked


class StoreGate:
    """Asks the rules for each action of the store."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._told: set[str] = set()

    async def put(self, caller: Caller, body: Mapping[str, Any]) -> Given:
        about = {name: body.get(name) for name in ("key", "value", "index", "ttl")}
        return await self._ask(caller, "put", tuple(body["namespace"]), about)

    async def get(self, caller: Caller, namespace: Namespace, key: str) -> Given:
        return await self._ask(caller, "get", namespace, {"key": key})

    async def delete(self, caller: Caller, body: Mapping[str, Any]) -> Given:
        namespace = tuple(body.get("namespace") or ())
        return await self._ask(caller, "delete", namespace, {"key": body["key"]})

    async def search(
        self, caller: Caller, body: Mapping[str, Any], limit: int, offset: int
    ) -> Given:
        about = {"filter": body.get("filter"), "limit": limit, "offset": offset}
        namespace = tuple(body.get("namespace_prefix") or ())
        return await self._ask(caller, "search", namespace, {**about, "query": body.get("query")})

    async def namespaces(
        self, caller: Caller, body: Mapping[str, Any], limit: int, offset: int
    ) -> Given:
        prefix, suffix = tuple(body.get("prefix") or ()), tuple(body.get("suffix") or ())
        about = {"suffix": suffix or None, "max_depth": body.get("max_depth")}
        about |= {"limit": limit, "offset": offset}
        return await self._ask(caller, "list_namespaces", prefix, about)

    async def _ask(
        self, caller: Caller, action: Action, namespace: Namespace, about: Json
    ) -> Given:
        if self._access.is_open:
            return Given(namespace)
        shown = namespace or None if action == "list_namespaces" else namespace
        grant = await self._access.ask(caller, "store", action, namespace=shown, **about)
        if grant.condition is not None and action != "search":
            self._tell(action)
        return Given(_labels(grant.changes.get("namespace", namespace), action), grant)

    def _tell(self, action: Action) -> None:
        """Log once that items have no metadata that a filter could be about."""
        if action not in self._told:
            self._told.add(action)
            log.warning(
                "a filter has no effect on this; a rule keeps users apart by rewriting "
                'value["namespace"]',
                on=f"store.{action}",
            )


def _labels(given: Any, action: Action) -> Namespace:
    """Return the namespace that a rule left. Raises RuleFailed for what is none."""
    labels = tuple(given) if isinstance(given, list | tuple) else None
    if labels is None or not all(isinstance(label, str) for label in labels):
        log.error("a rule left a namespace that is none", on=f"store.{action}", found=repr(given))
        raise RuleFailed("store", action)
    return labels


def _members(condition: Condition | None) -> list[tuple[str, Any]]:
    """Return what a rule demands of items' members. Raises RuleFailed for other than equality."""
    if condition is None:
        return []
    parts = condition.parts if isinstance(condition, Every) else (condition,)
    wanted = [(part.key, {"$eq": part.value}) for part in parts if isinstance(part, Equals)]
    if len(wanted) < len(parts) or len({key for key, _ in wanted}) < len(wanted):
        kinds = ", ".join(sorted({type(part).__name__ for part in parts}))
        log.error("a filter of items takes equal members alone", on="store.search", found=kinds)
        raise RuleFailed("store", "search")
    return wanted
