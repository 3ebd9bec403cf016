"""What the server does: runs, threads, assistants; decides, and leaves remembering to storage."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphstead.engine.engine import Engine

__all__ = ["Engine"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: commands that only look into the database do without LangGraph.
    if name == "Engine":
        from graphstead.engine.engine import Engine

        return Engine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
