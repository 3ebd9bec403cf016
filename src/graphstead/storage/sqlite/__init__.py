"""The embedded backend: one SQLite file."""

from graphstead.storage.sqlite.storage import SqliteStorage, open_sqlite

__all__ = ["SqliteStorage", "open_sqlite"]
