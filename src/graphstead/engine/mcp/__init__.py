"""The Model Context Protocol: assistants as tools, threads and schemas as resources.

No session is kept: what an answer needs comes with the request, or lies in the tables.
"""

from graphstead.engine.mcp.hearing import Heard, Mcp, Said
from graphstead.engine.mcp.reference import Reference

__all__ = ["Heard", "Mcp", "Reference", "Said"]
