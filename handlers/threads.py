"""Threads: what a group of runs has accumulated."""

from __future__ import annotations

from typing import Any

from graphstead.contract.answers import Raw
from graphstead.engine import Engine


async def create_thread_threads_post(*, body: dict[str, Any], engine: Engine) -> dict[str, Any]:
    """Create a thread."""
    return await engine.threads.create(body)


async def get_thread_threads__thread_id__get(*, thread_id: str, engine: Engine) -> dict[str, Any]:
    """Get a thread."""
    return await engine.threads.get(thread_id)


async def get_latest_thread_state_threads__thread_id__state_get(
    *, thread_id: str, subgraphs: bool, engine: Engine
) -> Raw:
    """Get the newest state of a thread."""
    return Raw(await engine.threads.state(thread_id, subgraphs=subgraphs))
