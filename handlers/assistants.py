"""Assistants: graphs under a name and settings."""

from __future__ import annotations

from typing import Any

from graphstead.contract.answers import Reply
from graphstead.contract.assistant_pages import AssistantPages
from graphstead.contract.docs import StaticFile
from graphstead.engine import Engine
from graphstead.engine.callers import Asked


async def get_assistant_assistants__assistant_id__get(
    *, assistant_id: str, engine: Engine, asked: Asked
) -> dict[str, Any]:
    """Get an assistant by id or graph name."""
    return await engine.assistants.get(assistant_id, asked)


async def search_assistants_assistants_search_post(
    *, body: dict[str, Any], engine: Engine, asked: Asked
) -> Reply:
    """Find assistants."""
    found = await engine.assistants.search(body, asked)
    return Reply(found.rows, found.headers)


async def create_assistant_assistants_post(
    *, body: dict[str, Any], engine: Engine, asked: Asked
) -> Reply:
    """Create an assistant."""
    made = await engine.assistants.create(body, asked)
    return Reply(made.body, made.headers)


async def count_assistants_assistants_count_post(
    *, body: dict[str, Any], engine: Engine, asked: Asked
) -> int:
    """Count assistants."""
    return await engine.assistants.count(body, asked)


async def patch_assistant_assistants__assistant_id__patch(
    *, assistant_id: str, body: dict[str, Any], engine: Engine, asked: Asked
) -> dict[str, Any]:
    """Store a new version of an assistant."""
    return await engine.assistants.patch(assistant_id, body, asked)


async def delete_assistant_assistants__assistant_id__delete(
    *, assistant_id: str, delete_threads: bool, engine: Engine, asked: Asked
) -> None:
    """Delete an assistant."""
    await engine.assistants.delete(assistant_id, asked, with_threads=delete_threads)


async def get_assistant_versions_assistants__assistant_id__versions_get(
    *, assistant_id: str, body: dict[str, Any], engine: Engine, asked: Asked
) -> list[dict[str, Any]]:
    """List the versions of an assistant."""
    return await engine.assistants.versions(assistant_id, body, asked)


async def set_latest_assistant_version_assistants__assistant_id__versions_post(
    *, assistant_id: str, body: dict[str, Any], engine: Engine, asked: Asked
) -> dict[str, Any]:
    """Make a version the current one."""
    return await engine.assistants.set_latest(assistant_id, body["version"], asked)


async def get_assistant_graph_assistants__assistant_id__graph_get(
    *, assistant_id: str, xray: bool | int, engine: Engine, asked: Asked
) -> Any:
    """Draw the graph of an assistant."""
    return await engine.assistants.drawing(assistant_id, asked, xray)


async def get_assistant_schemas_assistants__assistant_id__schemas_get(
    *, assistant_id: str, engine: Engine, asked: Asked
) -> dict[str, Any]:
    """Get the schemas of an assistant's graph."""
    return await engine.assistants.schemas(assistant_id, asked)


async def get_assistant_contract_assistants__assistant_id__openapi_json_get(
    *, assistant_id: str, engine: Engine, asked: Asked, pages: AssistantPages
) -> StaticFile:
    """Get the contract of one assistant."""
    return await pages.contract(await engine.assistants.portrait(assistant_id, asked))


async def get_assistant_skill_assistants__assistant_id__skill_zip_get(
    *, assistant_id: str, engine: Engine, asked: Asked, pages: AssistantPages
) -> StaticFile:
    """Get the skill bundle of one assistant."""
    return await pages.skill(await engine.assistants.portrait(assistant_id, asked))


async def get_assistant_subgraphs_assistants__assistant_id__subgraphs_get(
    *, assistant_id: str, recurse: bool, engine: Engine, asked: Asked
) -> Any:
    """Get the schemas of the graphs nested in an assistant's."""
    return await engine.assistants.subgraphs(assistant_id, asked, None, recurse)


async def get_assistant_subgraphs_assistants__assistant_id__subgraphs__namespace__get(
    *, assistant_id: str, namespace: str, recurse: bool, engine: Engine, asked: Asked
) -> Any:
    """Get the schemas of one nested graph."""
    return await engine.assistants.subgraphs(assistant_id, asked, namespace, recurse)
