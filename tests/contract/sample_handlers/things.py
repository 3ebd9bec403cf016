"""Handlers of the tag Things."""

from typing import Any

from graphstead.contract.answers import Raw, Reply
from graphstead.contract.auth import Caller
from graphstead.problems import NotFound

THING_ID = "0190d2c7-0000-7000-8000-000000000001"


async def create_thing(
    *, body: dict[str, Any], idempotency_key: str | None, last_event_id: str | None, engine: Any
) -> dict[str, Any]:
    """Return the thing with everything that was heard."""
    heard = {"body": body, "key": idempotency_key, "last": last_event_id, "engine": engine}
    return {"thing_id": THING_ID, "name": body["name"], "payload": heard}


async def list_things(
    *,
    limit: int,
    ratio: float | None,
    deep: bool,
    mode: str | list[str] | None,
    tags: list[str],
    flat_names: list[int] | None,
    where: dict[str, Any] | None,
    color: str | int | None,
    level: int | None,
    caller: Caller,
) -> dict[str, Any]:
    """Return what was decoded."""
    return dict(locals(), caller=caller.identity)


async def search_things(*, body: Any) -> Any:
    """Return the body."""
    return {"body": body.decode() if isinstance(body, bytes) else body}


async def batch_things(*, body: list[Any]) -> int:
    """Return the number of things."""
    return len(body)


async def get_thing(*, thing_id: str, request_id: str) -> Reply:
    """Return one thing."""
    if thing_id != THING_ID:
        raise NotFound(f"Thing {thing_id!r} not found")
    return Reply({"thing_id": thing_id, "name": request_id}, headers={"Content-Location": "/x"})


async def delete_thing(*, thing_id: str) -> None:
    """Forget the thing."""


async def patch_thing(*, thing_id: str, prefer: str | None) -> Any:
    """Return the thing unless the client prefers silence."""
    if prefer == "return=minimal":
        return Reply(empty=True, headers={"X-Quiet": "yes"})
    return {"thing_id": thing_id, "name": "patched"}


async def get_null(*, thing_id: str) -> Reply:
    """Return the JSON value null."""
    return Reply(None)


async def get_broken(*, thing_id: str, how: str) -> Any:
    """Break the contract."""
    answers: dict[str, Any] = {
        "shape": {"thing_id": 5},
        "extra": {"thing_id": thing_id, "name": "x", "surprise": 1},
        "none": None,
        "type": Raw(b"text", "text/plain"),
        "nan": {"thing_id": thing_id, "name": {1, 2}},
    }
    if how == "raise":
        raise RuntimeError("secret words")
    if how == "undeclared":
        raise NotFound
    return answers[how]


async def get_part(*, thing_id: str, part: str) -> dict[str, str]:
    """Return the part."""
    return {"thing_id": thing_id, "part": part}
