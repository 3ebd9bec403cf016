"""The scale-out backend: one PostgreSQL database for any number of processes on any hosts.

Needs the extra `graphstead[postgres]`; nothing else of the package imports it.
"""

from graphstead.storage.postgres.opening import schema_state
from graphstead.storage.postgres.storage import PostgresStorage, open_postgres

__all__ = ["PostgresStorage", "open_postgres", "schema_state"]
