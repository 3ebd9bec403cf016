"""The Model Context Protocol: assistants as tools, threads and schemas as resources.

No session is kept: what an answer needs comes with the request, or lies in the tables.
"""

from graphstead.engine.mcp.calls import Calls
from graphstead.engine.mcp.hearing import Heard, Mcp
from graphstead.engine.mcp.reference import Reference
from graphstead.engine.mcp.speakers import Said

__all__ = ["Calls", "Heard", "Mcp", "Reference", "Said"]
