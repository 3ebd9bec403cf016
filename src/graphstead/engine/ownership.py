"""The rules of a server with keys and without rules of its own: to each their own rows.

metadata.owner is the identity of who made a row. Assistants of graphs belong to nobody and can be
read by all; a key with the permission `admin` sees and does everything.
"""

from __future__ import annotations

from graphstead.engine.access import Action, Resource, Verdict
from graphstead.engine.callers import Caller
from graphstead.problems import Forbidden
from graphstead.storage.rows import Json

__all__ = ["ADMIN", "OWNER", "OwnRows"]

OWNER = "owner"
ADMIN = "admin"
SYSTEM = {"created_by": "system"}
STAMPED = frozenset({"create", "update", "create_run"})


class OwnRows:
    """Implements `Rules`."""

    async def judge(
        self, caller: Caller, resource: Resource, action: Action, value: Json
    ) -> Verdict:
        """Stamp what is written, demand the stamp of what is found."""
        if ADMIN in caller.permissions:
            return None
        if resource == "store":
            value["namespace"] = _own(caller.identity, value.get("namespace") or ())
            return None
        own = {OWNER: caller.identity}
        if action in STAMPED:
            metadata = value.get("metadata") or {}
            if resource == "assistants" and SYSTEM.items() <= metadata.items():
                raise Forbidden("metadata.created_by: 'system' is for the assistants of graphs")
            value["metadata"] = {**metadata, **own}
        if resource == "assistants" and action in ("read", "search"):
            return {"$or": [own, SYSTEM]}
        return own


def _own(identity: str, namespace: tuple[str, ...]) -> tuple[str, ...]:
    """Return the namespace below the identity, whose dots no label can have."""
    label = identity.replace("%", "%25").replace(".", "%2E")
    return namespace if namespace[:1] == (label,) else (label, *namespace)
