"""What the server says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from graphstead import __version__
from graphstead.problems import ServerError, Unavailable
from graphstead.storage.base import Storage
from graphstead.storage.errors import StorageBusy, StorageClosed, StorageError
from graphstead.storage.rows import Json

PROBE_S = 3.0
# Read once: it takes longer than a whole request.
LANGGRAPH = version("langgraph")


class System:
    """Health, version and abilities; `capabilities` are what the parts of this server can do."""

    def __init__(
        self, storage: Storage, capabilities: Mapping[str, Any], flags: Mapping[str, bool]
    ) -> None:
        self._storage = storage
        self._capabilities = dict(capabilities)
        self._flags = flags

    async def health(self, *, check_db: bool) -> Json:
        """Say that the server is up, and with `check_db` that its database can be read and written.

        Raises Unavailable where it does not answer within 3 s, ServerError where it fails.
        """
        if not check_db:
            return {"ok": True, "services": {}}
        try:
            async with asyncio.timeout(PROBE_S):
                await self._storage.read(lambda tx: tx.runs.next_start_ms())
                # Takes the locks and changes nothing, so that nothing has to reach the disk.
                await self._storage.write(lambda tx: None)
        except (TimeoutError, StorageBusy, StorageClosed) as away:
            raise Unavailable("The database is unhealthy: no answer within 3 s") from away
        except StorageError as fault:
            raise ServerError(f"The database is unhealthy: {fault}") from fault
        return {"ok": True, "services": {"database": "healthy"}}

    def info(self) -> Json:
        """Name versions and what this server can do."""
        return {
            "version": __version__,
            "langgraph_py_version": LANGGRAPH,
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
            "capabilities": {**self._capabilities, "redis": self._redis()},
        }

    def _redis(self) -> str | None:
        """Tell how the server is that events go to first, None where they go to the database."""
        if self._storage.log is None:
            return None
        return "reachable" if self._storage.log.is_reachable else "away"
