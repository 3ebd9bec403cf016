"""The scale-out backend: one PostgreSQL database for any number of processes on any hosts.

Needs the extra `graphstead[postgres]`; nothing else of the package imports it.
"""

from graphstead.storage.postgres.addresses import Addresses, pooled_at
from graphstead.storage.postgres.opening import schema_state
from graphstead.storage.postgres.storage import PostgresStorage, open_postgres

__all__ = ["Addresses", "PostgresStorage", "open_postgres", "pooled_at", "schema_state"]
