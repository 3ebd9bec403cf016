"""What the server does: runs, threads, assistants; decides, and leaves remembering to storage."""

from graphstead.engine.engine import Engine

__all__ = ["Engine"]
