"""The embedded backend: one SQLite file."""

from graphstead.storage.sqlite.copying import copy_file
from graphstead.storage.sqlite.opening import schema_state
from graphstead.storage.sqlite.storage import SqliteStorage, open_sqlite

__all__ = ["SqliteStorage", "copy_file", "open_sqlite", "schema_state"]
