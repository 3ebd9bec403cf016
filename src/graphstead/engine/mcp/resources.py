"""Resources: the schemas of assistants and the states of threads, read by address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from graphstead.engine.assistants import Assistants
from graphstead.engine.callers import Asked
from graphstead.engine.clock import as_uuid
from graphstead.engine.graph_code import refusing
from graphstead.engine.mcp.messages import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    RESOURCE_NOT_FOUND,
    invalid_params,
)
from graphstead.engine.mcp.pages import PAGE, Pager
from graphstead.engine.mcp.speakers import Speaker
from graphstead.engine.threads import Threads
from graphstead.problems import BadRequest, Conflict, NotFound, RpcFault, Unprocessable
from graphstead.storage.rows import Json

ASSISTANT_URI = "graphstead://assistants/{assistant_id}/schemas"
THREAD_URI = "graphstead://threads/{thread_id}/state"
ADDRESS = re.compile(r"graphstead://(?:(assistants)/([^/]+)/schemas|(threads)/([^/]+)/state)")
MIME_TYPE = "application/json"
TEMPLATES: list[Json] = [
    {
        "uriTemplate": ASSISTANT_URI,
        "name": "assistant_schemas",
        "title": "Schemas of an assistant",
        "description": "Input, output, state and context of its graph, as JSON Schemas.",
        "mimeType": MIME_TYPE,
    },
    {
        "uriTemplate": THREAD_URI,
        "name": "thread_state",
        "title": "State of a thread",
        "description": "Its values, what comes next, and the questions it waits with.",
        "mimeType": MIME_TYPE,
    },
]


class Resources:
    """What can be read."""

    def __init__(self, assistants: Assistants, threads: Threads) -> None:
        self._assistants = assistants
        self._threads = threads

    async def page(self, params: Mapping[str, Any], speaker: Speaker) -> Json:
        """List assistants, then threads changed last first, a hundred a page."""
        pager = Pager.of(params)
        found = await self._assistants.search(pager.body, speaker.asked)
        resources = [_assistant(row) for row in found.rows]
        after = pager.behind(found.total)
        chosen = {**after.body, "select": ["thread_id", "metadata"]}
        rest = await self._threads.search(chosen, speaker.asked)
        resources += [_thread(row) for row in rest.rows[: PAGE - len(resources)]]
        return pager.result("resources", resources, found.total + rest.total)

    async def templates(self, params: Mapping[str, Any], speaker: Speaker) -> Json:
        """List the forms of addresses."""
        return {"resourceTemplates": TEMPLATES}

    async def read(self, params: Mapping[str, Any], speaker: Speaker) -> Json:
        """Read one. Raises RpcFault for what does not exist, or cannot be shown by its graph."""
        uri = params.get("uri")
        if not isinstance(uri, str):
            raise invalid_params("params.uri must be a string")
        try:
            with refusing(BadRequest):
                text = await self._text(uri, speaker.asked)
        except NotFound as missing:
            raise _not_found(uri, speaker, missing.detail) from missing
        except (BadRequest, Conflict, Unprocessable) as unfit:
            data = {"uri": uri}
            raise RpcFault(unfit.detail, rpc_code=INTERNAL_ERROR, data=data) from unfit
        return {"contents": [{"uri": uri, "mimeType": MIME_TYPE, "text": text.decode()}]}

    async def _text(self, uri: str, asked: Asked) -> bytes:
        address = ADDRESS.fullmatch(uri)
        if address is None:
            raise NotFound(f"Expected {ASSISTANT_URI} or {THREAD_URI}")
        if address[1]:
            return orjson.dumps(await self._assistants.schemas(_id(address[2]), asked))
        return await self._threads.states.newest(_id(address[4]), asked)


def _id(text: str) -> str:
    known = as_uuid(text)
    if known is None:
        raise NotFound(f"'{text}' is not a UUID")
    return known


def _not_found(uri: str, speaker: Speaker, why: str) -> RpcFault:
    rpc_code = INVALID_PARAMS if speaker.modern else RESOURCE_NOT_FOUND
    return RpcFault(f"Resource not found: {why}", rpc_code=rpc_code, data={"uri": uri})


def _assistant(row: Json) -> Json:
    return {
        "uri": ASSISTANT_URI.format(assistant_id=row["assistant_id"]),
        "name": f"{row['name']} schemas",
        "title": f"Schemas of {row['name']}",
        "description": row["description"] or f"JSON Schemas of the graph {row['graph_id']}.",
        "mimeType": MIME_TYPE,
    }


def _thread(row: Json) -> Json:
    graph = row["metadata"].get("graph_id")
    return {
        "uri": THREAD_URI.format(thread_id=row["thread_id"]),
        "name": f"thread {row['thread_id']}",
        "title": f"State of thread {row['thread_id']}",
        "description": f"Its graph is {graph}." if graph else "Nothing has run on it.",
        "mimeType": MIME_TYPE,
    }
