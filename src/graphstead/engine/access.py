"""What a caller may do: rules are asked first, then rows are held against the answer.

    grant = await access.ask(asked.caller, "threads", "read", thread_id=thread_id)
    … inside the transaction, of the row that is read or changed: grant.admits(row.metadata)

Rules may be slow and may await; transactions may not. So a rule answers with a condition, which is
judged where the row is read or changed, and in searches by the backend. Without rules a grant
admits everything and asking costs next to nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from uuid import UUID

import structlog

from graphstead.engine.access_filters import FilterFault, condition_of
from graphstead.engine.callers import Caller
from graphstead.engine.clock import as_uuid
from graphstead.problems import Forbidden, Problem, RuleFailed
from graphstead.storage.rows import Json
from graphstead.storage.rules import Condition, met

__all__ = ["ACTIONS", "OPEN", "Access", "Action", "Grant", "Resource", "Rules"]

log = structlog.get_logger("graphstead.access")

Resource = Literal["assistants", "threads", "crons", "store"]
Action = Literal[
    "create",
    "read",
    "update",
    "delete",
    "search",
    "create_run",
    "put",
    "get",
    "list_namespaces",
]
ACTIONS: Mapping[Resource, tuple[Action, ...]] = {
    "assistants": ("create", "read", "update", "delete", "search"),
    "threads": ("create", "read", "update", "delete", "search", "create_run"),
    "crons": ("create", "read", "update", "delete", "search"),
    "store": ("put", "get", "search", "delete", "list_namespaces"),
}
IDS = frozenset({"thread_id", "run_id", "assistant_id", "cron_id"})
Verdict = bool | None | Mapping[str, Any]


class Rules(Protocol):
    """Whoever decides what callers may do."""

    async def judge(
        self, caller: Caller, resource: Resource, action: Action, value: Json
    ) -> Verdict:
        """Allow (None, True), forbid (False) or demand a filter of the row; may change `value`.

        Raises a Problem to answer with it.
        """


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission: for rows that meet `condition`, and with what the rule changed."""

    condition: Condition | None = None
    changes: Json = field(default_factory=dict)
    refusal: Problem | None = None

    def admits(self, metadata: Mapping[str, Any] | None) -> bool:
        """Tell whether a row with this metadata is the caller's to see; none meets no condition."""
        if self.condition is None:
            return True
        return metadata is not None and met(self.condition, metadata)

    def over(self, body: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
        """Return a body with those of its members that the rule changed."""
        changed = {name: self.changes[name] for name in names if name in self.changes}
        return {**body, **changed} if changed else body

    def demand(self) -> None:
        """Raise the refusal of a grant that was asked for in advance."""
        if self.refusal is not None:
            raise self.refusal


OPEN = Grant()


class Access:
    """Asks the rules, where there are any."""

    def __init__(self, rules: Rules | None = None) -> None:
        self._rules = rules
        self._told: set[str] = set()

    @property
    def is_open(self) -> bool:
        """Tell whether everybody may do everything."""
        return self._rules is None

    async def ask(
        self, caller: Caller, resource: Resource, action: Action, /, **value: Any
    ) -> Grant:
        """Return what the rules grant. Raises Forbidden, RuleFailed, or what a rule raises."""
        if self._rules is None:
            return OPEN
        shown = dict(_shown(value))
        before = dict(_shown(value))
        try:
            verdict = await self._rules.judge(caller, resource, action, shown)
            if verdict is False:
                raise Forbidden("Forbidden")
            condition = _condition(verdict)
        except FilterFault as fault:
            log.error(
                "a rule answered something unusable", on=f"{resource}.{action}", fault=str(fault)
            )
            raise RuleFailed(resource, action) from fault
        return Grant(condition, _checked(_changes(before, shown), resource, action))

    async def ask_ahead(
        self, caller: Caller, resource: Resource, action: Action, /, **value: Any
    ) -> Grant:
        """The same for what may turn out not to happen: a refusal waits in the grant."""
        try:
            return await self.ask(caller, resource, action, **value)
        except Problem as refusal:
            return Grant(refusal=refusal)

    def tell_of_strangers(self, grant: Grant, resource: Resource, metadata: Json) -> None:
        """Log once that a rule lets rows be made that their maker then cannot see."""
        if grant.admits(metadata) or resource in self._told:
            return
        self._told.add(resource)
        log.warning(
            "a new row does not meet the filter of the rule that allowed it, so that its maker "
            'cannot see it; the rule can set value["metadata"]',
            on=f"{resource}.create",
        )


def _condition(verdict: Verdict) -> Condition | None:
    if verdict is None or verdict is True:
        return None
    return condition_of(verdict)


def _shown(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what a rule sees: ids as UUID, everything else its own copy."""
    for name, given in value.items():
        known = as_uuid(given) if name in IDS and isinstance(given, str) else None
        if known is not None:
            yield name, UUID(known)
        else:
            yield name, copy.deepcopy(given)


def _changes(before: Json, after: Json) -> Json:
    missing = object()
    return {name: now for name, now in after.items() if before.get(name, missing) != now}


def _checked(changes: Json, resource: Resource, action: Action) -> Json:
    metadata = changes.get("metadata", {})
    if not isinstance(metadata, dict) or not all(isinstance(key, str) for key in metadata):
        log.error(
            "a rule left metadata that is no object",
            on=f"{resource}.{action}",
            found=repr(metadata),
        )
        raise RuleFailed(resource, action)
    return changes
