"""MCP: assistants as tools, at a path with and without a slash."""

from __future__ import annotations

from typing import Any

from graphstead.contract.answers import EventStream, KeepAliveJson, Raw, Reply
from graphstead.contract.exchange import Disconnected
from graphstead.engine import Engine
from graphstead.engine.callers import Asked
from graphstead.engine.mcp import Heard, Said

HeardAnswer = EventStream | KeepAliveJson | Raw | Reply


async def post_mcp_no_slash(
    *,
    body: Any,
    mcp_protocol_version: str | None,
    mcp_method: str | None,
    mcp_name: str | None,
    mcp_session_id: str | None,
    engine: Engine,
    asked: Asked,
    disconnected: Disconnected,
) -> HeardAnswer:
    """Carry out an MCP message."""
    said = Said(body, mcp_protocol_version, mcp_method, mcp_name, mcp_session_id)
    return _answer(await engine.mcp.hear(said, asked, disconnected))


def _answer(heard: Heard) -> HeardAnswer:
    if heard.frames is not None:
        return EventStream(heard.frames, heard.headers)
    if heard.waiting is not None:
        return KeepAliveJson(heard.waiting, heard.headers)
    if heard.content is not None:
        return Raw(heard.content, headers=heard.headers)
    return Reply(empty=True)


async def get_mcp_no_slash(*, engine: Engine) -> None:
    """Open no stream."""
    engine.mcp.no_stream()


async def delete_mcp_no_slash(*, mcp_session_id: str | None, engine: Engine) -> None:
    """End a session."""
    engine.mcp.end(mcp_session_id)


# The path with a slash is the same to every client.
post_mcp, get_mcp, delete_mcp = post_mcp_no_slash, get_mcp_no_slash, delete_mcp_no_slash
