"""Crons: runs that begin by the clock."""

from __future__ import annotations

from typing import Any

from graphstead.contract.answers import Reply
from graphstead.engine import Engine
from graphstead.engine.callers import Asked


async def create_cron_runs_crons_post(
    *, body: dict[str, Any], engine: Engine, asked: Asked
) -> Reply:
    """Schedule runs, each on a thread of its own."""
    made = await engine.crons.create(body, asked)
    return Reply(made.body, made.headers)


async def create_thread_cron_threads__thread_id__runs_crons_post(
    *, thread_id: str, body: dict[str, Any], engine: Engine, asked: Asked
) -> Reply:
    """Schedule runs on one thread."""
    made = await engine.crons.create(body, asked, thread_id=thread_id)
    return Reply(made.body, made.headers)


async def search_crons_runs_crons_post(
    *, body: dict[str, Any], engine: Engine, asked: Asked
) -> Reply:
    """Find schedules."""
    found = await engine.crons.search(body, asked)
    return Reply(found.rows, found.headers)


async def count_crons_runs_crons_count_post(
    *, body: dict[str, Any], engine: Engine, asked: Asked
) -> int:
    """Count schedules."""
    return await engine.crons.count(body, asked)


async def get_cron_runs_crons__cron_id__get(
    *, cron_id: str, engine: Engine, asked: Asked
) -> dict[str, Any]:
    """Read one schedule."""
    return await engine.crons.get(cron_id, asked)


async def patch_cron_runs_crons__cron_id__patch(
    *, cron_id: str, body: dict[str, Any], engine: Engine, asked: Asked
) -> dict[str, Any]:
    """Change one schedule."""
    return await engine.crons.patch(cron_id, body, asked)


async def delete_cron_runs_crons__cron_id__delete(
    *, cron_id: str, engine: Engine, asked: Asked
) -> None:
    """Remove one schedule."""
    await engine.crons.delete(cron_id, asked)
