"""Rules as a team would write them: each user sees their own, some things are shared."""

from __future__ import annotations

from typing import Any

from langgraph_sdk import Auth

auth = Auth()


@auth.authenticate
async def who(authorization: str | None, headers: dict[bytes, bytes]) -> dict[str, Any]:
    """Take the token for the name."""
    scheme, _, token = (authorization or headers.get(b"x-api-key", b"").decode()).rpartition(" ")
    if not token or scheme not in ("", "Bearer"):
        raise Auth.exceptions.HTTPException(
            status_code=401, detail="Who are you?", headers={"WWW-Authenticate": "Bearer"}
        )
    return {"identity": token, "permissions": ["read"], "team": "blue", "role": "member"}


@auth.on
async def own_rows(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> dict[str, str]:
    """Stamp what is made, show what is stamped; as the SDK's documentation has it."""
    owner = {"owner": ctx.user.identity}
    value.setdefault("metadata", {}).update(owner)
    return owner


@auth.on.store
async def own_items(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> None:
    """Keep everybody below a namespace of their own."""
    namespace = tuple(value.get("namespace") or ())
    if namespace[:1] != (ctx.user.identity,):
        value["namespace"] = (ctx.user.identity, *namespace)
