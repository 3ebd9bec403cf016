"""An `Auth` that does what a request's header tells it to, so that tests can say what they mean.

x-who    JSON: how authenticate answers; x-rules: JSON of "resource.action" to what the rule does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from langgraph_sdk import Auth
from starlette.requests import Request

auth = Auth()


@dataclass
class Employee:
    """A user as an object, with a member that is no JSON and a method."""

    identity: str
    team: str
    permissions: list[str] = field(default_factory=lambda: ["desk"])
    lock: object = field(default_factory=object)

    def may_enter(self, room: str) -> bool:
        return room == self.team


@auth.authenticate
def who(
    request: Request,
    path: str,
    method: str,
    path_params: dict[str, str] | None,
    query_params: Any,
    headers: dict[bytes, bytes],
    authorization: str | None,
    scope: dict[str, Any],
) -> Any:
    """Answer as told; not a coroutine on purpose."""
    told = json.loads(headers.get(b"x-who", b'"ada"'))
    rules = json.loads(headers.get(b"x-rules", b"{}"))
    if told == "object":
        return Employee("ada", "blue")
    if told == "pair":
        return ["read", "write"], "ada"
    if told == "seen":
        seen = {
            "path": path,
            "method": method,
            "path_params": path_params,
            "query": dict(query_params),
            "authorization": authorization,
            "host": request.headers["host"],
            "scope": scope["type"],
        }
        return {"identity": "ada", "seen": seen, "rules": rules}
    if told == "boom":
        raise RuntimeError("the directory is down")
    if told in ("stranger", "nameless"):
        assert authorization, "show a badge" if told == "stranger" else ""
    if isinstance(told, dict) and "status" in told:
        raise Auth.exceptions.HTTPException(told["status"], "So be it", {"x-reason": "told"})
    if isinstance(told, dict) and "members" in told:
        return told["members"]
    return {"identity": told, "rules": rules}


@auth.on
async def obey(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> Any:
    """Do what the request says about this act; stamp what is made unless told otherwise."""
    if isinstance(ctx.user, Auth.types.StudioUser):
        return {"owner": ctx.user.identity}
    rules = getattr(ctx.user, "rules", {})
    told = rules.get(f"{ctx.resource}.{ctx.action}")
    if told == "room":
        assert ctx.user.may_enter("red"), "wrong room"  # type: ignore[attr-defined]
    if told == "false":
        return False
    if told == "true":
        return True
    if told == "assert":
        raise AssertionError("not on a Sunday")
    if told == "teapot":
        raise Auth.exceptions.HTTPException(418, "short and stout", {"x-pot": "tea"})
    if told == "raise":
        raise ValueError("the rule is broken")
    if told == "text":
        return "yes"
    if isinstance(told, dict) and "change" in told:
        for name, given in told["change"].items():
            known = value.get(name)
            value[name] = {**known, **given} if isinstance(known, dict) else given
        return told.get("filter")
    if told == "ids":
        assert all(isinstance(v, UUID) for k, v in value.items() if k.endswith("_id") and v)
    return told if isinstance(told, dict) else None
