"""What changed between two contracts, and what of it breaks a client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from graphstead.contract.load import resolved
from graphstead.contract.narrowing import Direction, Schemas
from graphstead.contract.specification import METHODS

__all__ = ["Change", "changes"]

Node: TypeAlias = Mapping[str, Any]
Side: TypeAlias = Literal["sent", "answered"]

BREAKS: Mapping[Side, frozenset[Direction]] = {
    "sent": frozenset({"narrower", "other"}),
    "answered": frozenset({"wider", "other"}),
}


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One change: whether clients break, which operation, where in it, in words."""

    call: str
    where: str
    what: str
    breaking: bool

    @property
    def text(self) -> str:
        """Return the change as one line; a declared change is recognised by it."""
        return f"{self.call} {self.where}".rstrip() + f": {self.what}"


def changes(old: Node, new: Node) -> list[Change]:
    """Return all changes from the old document to the new one, breaking ones first."""
    before, after = _operations(old), _operations(new)
    found = [Change(call, "", "is gone", True) for call in before.keys() - after.keys()]
    found += [Change(call, "", "is new", False) for call in after.keys() - before.keys()]
    for call in before.keys() & after.keys():
        found += _Comparison(old, new, call).run(*before[call], *after[call])
    return sorted(set(found), key=lambda change: (not change.breaking, change))


def _operations(document: Node) -> dict[str, tuple[Node, Node]]:
    return {
        f"{method.upper()} {path}": (item, item[method])
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    }


@dataclass(frozen=True)
class _Comparison:
    """Compares one operation of two documents."""

    old: Node
    new: Node
    call: str

    def run(self, old_item: Node, old: Node, new_item: Node, new: Node) -> Iterator[Change]:
        """Yield the changes of the operation."""
        if old.get("operationId") != new.get("operationId"):
            yield self._change("operationId", f"is {new.get('operationId')} now", True)
        was, now = (one.get("x-graphstead-support", "full") for one in (old, new))
        if was != now:
            yield self._change("support", f"was {was}, is {now}", was == "full")
        yield from self._security(old, new)
        yield from self._parameters(
            _parameters(self.old, old_item, old), _parameters(self.new, new_item, new)
        )
        yield from self._bodies(old.get("requestBody"), new.get("requestBody"))
        yield from self._responses(old["responses"], new["responses"])

    def _change(self, where: str, what: str, breaking: bool) -> Change:
        return Change(self.call, where, what, breaking)

    def _security(self, old: Node, new: Node) -> Iterator[Change]:
        before = old.get("security", self.old.get("security", []))
        after = new.get("security", self.new.get("security", []))
        was_open, is_open = (not rules or {} in rules for rules in (before, after))
        if was_open and not is_open:
            yield self._change("security", "a caller has to be known now", True)
        elif before != after:
            yield self._change("security", "the ways to say who calls have changed", False)

    def _parameters(
        self, before: Mapping[str, Node], after: Mapping[str, Node]
    ) -> Iterator[Change]:
        for name in before.keys() - after.keys():
            yield self._change(name, "is no longer read", True)
        for name in after.keys() - before.keys():
            required = bool(after[name].get("required"))
            yield self._change(name, "is new and required" if required else "is new", required)
        for name in before.keys() & after.keys():
            was, now = (bool(one[name].get("required")) for one in (before, after))
            if was != now:
                yield self._change(name, "is required now" if now else "is optional now", now)
            yield from self._schemas("sent", name, _content(before[name]), _content(after[name]))

    def _bodies(self, old: Node | None, new: Node | None) -> Iterator[Change]:
        if old is None and new is None:
            return
        if new is None or old is None:
            required = new is not None and bool(resolved(self.new, new).get("required"))
            text = "is no longer read" if new is None else "is new"
            yield self._change("body", text, new is None or required)
            return
        before, after = resolved(self.old, old), resolved(self.new, new)
        if bool(before.get("required")) != bool(after.get("required")):
            now = bool(after.get("required"))
            yield self._change("body", "is required now" if now else "is optional now", now)
        yield from self._schemas(
            "sent", "body", before.get("content", {}), after.get("content", {})
        )

    def _responses(self, old: Node, new: Node) -> Iterator[Change]:
        for status in old.keys() - new.keys():
            yield self._change(status, "is no longer answered", status < "400")
        for status in new.keys() - old.keys():
            yield self._change(status, "is a new answer", status < "400")
        for status in old.keys() & new.keys():
            before, after = resolved(self.old, old[status]), resolved(self.new, new[status])
            yield from self._headers(status, before.get("headers", {}), after.get("headers", {}))
            contents = before.get("content", {}), after.get("content", {})
            yield from self._schemas("answered", status, *contents)

    def _headers(self, status: str, old: Node, new: Node) -> Iterator[Change]:
        for name in old.keys() - new.keys():
            yield self._change(f"{status} {name}", "is no longer sent", True)
        for name in new.keys() - old.keys():
            yield self._change(f"{status} {name}", "is new", False)

    def _schemas(self, side: Side, where: str, old: Node, new: Node) -> Iterator[Change]:
        for media_type in old.keys() - new.keys():
            yield self._change(where, f"{media_type} is gone", True)
        for media_type in new.keys() - old.keys():
            yield self._change(where, f"{media_type} is new", False)
        for media_type in old.keys() & new.keys():
            before, after = (one[media_type].get("schema", True) for one in (old, new))
            for found in Schemas(self.old, self.new).compare(before, after):
                breaking = found.direction in BREAKS[side]
                yield self._change(f"{where}{found.where}", found.what, breaking)


def _content(parameter: Node) -> Node:
    """Return a parameter's schema under a media type, whichever way it is written."""
    content: Node = parameter.get("content") or {"value": {"schema": parameter.get("schema", True)}}
    return content if "content" not in parameter else {"value": next(iter(content.values()))}


def _parameters(document: Node, item: Node, operation: Node) -> dict[str, Node]:
    given = [*item.get("parameters", ()), *operation.get("parameters", ())]
    found = [resolved(document, one) for one in given]
    return {f"{one['in']} {one['name']}": one for one in found}
