"""Threads: what a group of runs has accumulated."""

from __future__ import annotations

from typing import Any

from graphstead.contract.answers import EventStream, Raw, Reply
from graphstead.engine import Engine
from graphstead.engine.callers import Asked


async def create_thread_threads_post(
    *, body: dict[str, Any], engine: Engine, asked: Asked
) -> Reply:
    """Create a thread."""
    made = await engine.threads.create(body, asked)
    return Reply(made.body, made.headers)


async def search_threads_threads_search_post(
    *, body: dict[str, Any], engine: Engine, asked: Asked
) -> Reply:
    """Search threads."""
    found = await engine.threads.search(body, asked)
    return Reply(found.rows, found.headers)


async def count_threads_threads_count_post(
    *, body: dict[str, Any], engine: Engine, asked: Asked
) -> int:
    """Count threads."""
    return await engine.threads.count(body, asked)


async def prune_threads_threads_prune_post(
    *, body: dict[str, Any], engine: Engine, asked: Asked
) -> dict[str, Any]:
    """Delete threads or their older states."""
    strategy = body.get("strategy") or "delete"
    return {"pruned_count": await engine.threads.prune(body["thread_ids"], strategy, asked)}


async def get_thread_threads__thread_id__get(
    *, thread_id: str, include: str | None, engine: Engine, asked: Asked
) -> dict[str, Any]:
    """Get a thread."""
    return await engine.threads.get(thread_id, asked, with_ttl=include is not None)


async def patch_thread_threads__thread_id__patch(
    *, thread_id: str, body: dict[str, Any], prefer: str | None, engine: Engine, asked: Asked
) -> Reply:
    """Change a thread."""
    changed = await engine.threads.patch(thread_id, body, asked)
    return Reply(changed, empty="return=minimal" in (prefer or "").replace(" ", "").lower())


async def delete_thread_threads__thread_id__delete(
    *, thread_id: str, engine: Engine, asked: Asked
) -> None:
    """Delete a thread."""
    await engine.threads.delete(thread_id, asked)


async def copy_thread_post_threads__thread_id__copy_post(
    *, thread_id: str, engine: Engine, asked: Asked
) -> dict[str, Any]:
    """Copy a thread."""
    return await engine.threads.copy(thread_id, asked)


async def get_thread_storage_threads__thread_id__storage_get(
    *, thread_id: str, engine: Engine, asked: Asked
) -> dict[str, Any]:
    """Measure what a thread takes."""
    return await engine.threads.usage(thread_id, asked)


async def get_latest_thread_state_threads__thread_id__state_get(
    *, thread_id: str, subgraphs: bool, select: list[str] | None, engine: Engine, asked: Asked
) -> Raw:
    """Get the newest state of a thread."""
    return Raw(
        await engine.threads.states.newest(thread_id, asked, subgraphs=subgraphs, select=select)
    )


async def update_thread_state_threads__thread_id__state_post(
    *, thread_id: str, body: dict[str, Any], engine: Engine, asked: Asked
) -> dict[str, Any]:
    """Write the state of a thread."""
    return await engine.threads.writes.update(thread_id, body, asked)


async def get_thread_state_at_checkpoint_threads__thread_id__state__checkpoint_id__get(
    *,
    thread_id: str,
    checkpoint_id: str,
    subgraphs: bool,
    select: list[str] | None,
    engine: Engine,
    asked: Asked,
) -> Raw:
    """Get the state at a checkpoint."""
    point = {"checkpoint_id": checkpoint_id}
    states = engine.threads.states
    return Raw(await states.at(thread_id, point, asked, subgraphs=subgraphs, select=select))


async def post_thread_state_at_checkpoint_threads__thread_id__state__checkpoint_id__get(
    *, thread_id: str, body: dict[str, Any], engine: Engine, asked: Asked
) -> Raw:
    """Get the state at a checkpoint given in full."""
    subgraphs, select = body.get("subgraphs", False), body.get("select")
    states = engine.threads.states
    return Raw(
        await states.at(thread_id, body["checkpoint"], asked, subgraphs=subgraphs, select=select)
    )


async def get_thread_history_threads__thread_id__history_get(
    *, thread_id: str, limit: int, before: str | None, engine: Engine, asked: Asked
) -> Raw:
    """List past states of a thread."""
    body = {"limit": limit, "before": before}
    return Raw(await engine.threads.states.history(thread_id, body, asked))


async def get_thread_history_post_threads__thread_id__history_post(
    *, thread_id: str, body: dict[str, Any], engine: Engine, asked: Asked
) -> Raw:
    """Search past states of a thread."""
    return Raw(await engine.threads.states.history(thread_id, body, asked))


async def join_thread_stream_threads__thread_id__stream_get(
    *,
    thread_id: str,
    last_event_id: str | None,
    stream_modes: list[str] | None,
    stream_mode: list[str] | None,
    engine: Engine,
    asked: Asked,
) -> EventStream:
    """Follow everything that happens on a thread."""
    modes = [*(stream_modes or ()), *(stream_mode or ())]
    follow = engine.streams.thread
    return EventStream(await follow(thread_id, asked, last_event_id=last_event_id, modes=modes))
