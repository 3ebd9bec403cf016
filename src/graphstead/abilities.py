"""What `/info` says this server can do: a line for each part, from project, settings, contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphstead import tracing
from graphstead.derive.catalogue import entries
from graphstead.derive.skills import contract_hash
from graphstead.graphs import Project
from graphstead.settings import Settings

__all__ = ["abilities"]


def abilities(settings: Settings, project: Project, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return each part with what it is, or whether it is there."""
    served = _served(document)
    return {
        "contract": contract_hash(document),
        "backend": (settings.database_uri or "sqlite").partition(":")[0],
        "store_index": project.store.index is not None,
        "webhooks": True,
        "webhook_signing": settings.webhook_secret is not None,
        "auth": bool(project.raw.get("auth")),
        "encryption": bool(project.raw.get("encryption")),
        "a2a": "A2A" in served,
        "mcp": "MCP" in served,
        "event_protocol": "Streaming" in served,
        "metrics": True,
        "opentelemetry": tracing.is_on(),
    }


def _served(document: Mapping[str, Any]) -> set[str]:
    """Return the tags whose operations are all served by this version."""
    support: dict[str, set[str]] = {}
    for entry in entries(document):
        support.setdefault(entry.tag, set()).add(entry.support)
    return {tag for tag, found in support.items() if "planned" not in found}
