"""What the server says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.metadata import version

from graphstead.problems import ServerError
from graphstead.storage.base import Storage
from graphstead.storage.rows import Json

PROBE_S = 3.0


class System:
    """Health and version."""

    def __init__(self, storage: Storage, flags: Mapping[str, bool] | None = None) -> None:
        self._storage = storage
        self._flags = flags or {}

    async def health(self, *, check_db: bool) -> Json:
        """Say that the server is up, and with `check_db` that its database answers.

        Raises ServerError where the database does not answer within 3 s.
        """
        if not check_db:
            return {"ok": True, "services": {}}
        try:
            async with asyncio.timeout(PROBE_S):
                await self._storage.read(lambda tx: tx.runs.next_start_ms())
        except TimeoutError as late:
            raise ServerError("The database did not answer within 3 s") from late
        return {"ok": True, "services": {"database": "healthy"}}

    def info(self) -> Json:
        """Name versions and what this server can do."""
        return {
            "version": version("graphstead"),
            "langgraph_py_version": version("langgraph"),
            "flags": {
                "assistants": True,
                "crons": True,
                "langsmith": False,
                "langsmith_tracing_replicas": False,
                "langsmith_tracing_session_on_runs": False,
                **self._flags,
            },
            "host": {
                "kind": "self-hosted",
                "project_id": None,
                "host_revision_id": None,
                "revision_id": None,
                "tenant_id": None,
            },
        }
