"""Tools: one per assistant that the caller may see, and some of the server's own.

A tool is named after its assistant. Where several assistants would share a name, the beginning of
the assistant's id follows; the id alone is always taken as well.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import structlog

from graphstead.engine.assistants import Assistants
from graphstead.engine.callers import Asked
from graphstead.engine.clock import as_uuid
from graphstead.engine.graph_code import refusing
from graphstead.engine.mcp import tool_schemas
from graphstead.engine.mcp.calls import Call, Calls, failed
from graphstead.engine.mcp.messages import MessageId, invalid_params
from graphstead.engine.mcp.pages import PAGE, Pager
from graphstead.engine.mcp.reference import Reference
from graphstead.engine.mcp.speakers import Speaker
from graphstead.problems import BadRequest, FieldError, NotFound, Problem
from graphstead.storage.rows import Json

log = structlog.get_logger(__name__)

LONGEST_NAME = 128
ID_PART = re.compile(r"(?P<name>.*)-(?P<part>[0-9a-f]{8})")
RUNS_A_GRAPH = {
    "readOnlyHint": False,
    "destructiveHint": False,
    "idempotentHint": False,
    "openWorldHint": True,
}
SEARCHED_AT_ONCE = 1000
SEARCHED_AT_MOST = 10_000

Outcome: TypeAlias = Json | Call
Use: TypeAlias = Callable[[MessageId, Json, Mapping[str, Any], Speaker], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class OwnTool:
    """A tool of the server itself: how it is listed, and what it does."""

    listed: Json
    use: Use

    @property
    def name(self) -> str:
        name: str = self.listed["name"]
        return name


class Tools:
    """Listing and calling tools."""

    def __init__(
        self,
        assistants: Assistants,
        calls: Calls,
        own: Sequence[OwnTool],
        reference: Reference | None,
    ) -> None:
        self._assistants = assistants
        self._calls = calls
        self._own = {tool.name: tool for tool in own}
        self._reference = reference

    async def page(self, params: Mapping[str, Any], speaker: Speaker) -> Json:
        """List assistants, newest first, then the server's own tools; a hundred a page."""
        pager = Pager.of(params)
        found = await self._assistants.search(pager.body, speaker.asked)
        taken = Counter([*map(tool_name, found.rows), *self._own])
        tools = [
            await self._listed(
                row, _unique_name(row) if taken[tool_name(row)] > 1 else None, speaker.asked
            )
            for row in found.rows
        ]
        own = [tool.listed for tool in self._own.values()]
        begin = pager.behind(found.total).offset
        page = [*tools, *own[begin : begin + PAGE - len(tools)]]
        return pager.result("tools", page, found.total + len(own))

    async def _listed(self, row: Json, unique_name: str | None, asked: Asked) -> Json:
        schemas = await self._schemas(row["assistant_id"], asked)
        listed = {
            "name": unique_name or tool_name(row),
            "title": row["name"],
            "description": row["description"] or f"Tool based on the {row['name']} assistant",
            "inputSchema": tool_schemas.input_schema(schemas.get("input_schema")),
        }
        output = tool_schemas.output_schema(schemas.get("output_schema"))
        if output is not None:
            listed["outputSchema"] = output
        return {**listed, "annotations": RUNS_A_GRAPH}

    async def _schemas(self, assistant_id: str, asked: Asked) -> Json:
        """Return the schemas of an assistant; none where its graph cannot be made to tell them."""
        try:
            with refusing(BadRequest):
                return await self._assistants.schemas(assistant_id, asked)
        except Problem as problem:
            log.warning("a tool is listed without schemas", cause=problem.detail)
            return {}

    async def call(
        self, message_id: MessageId, params: Mapping[str, Any], speaker: Speaker
    ) -> Outcome:
        """Call the tool that is named: its result, or the run that will give it."""
        arguments = params.get("arguments") or {}
        if not isinstance(arguments, dict):
            raise invalid_params("params.arguments must be an object")
        name = params.get("name")
        if not isinstance(name, str):
            raise invalid_params(f"Unknown tool: {name}")
        own = self._own.get(name)
        if own is not None:
            faults = self._faults(own.listed["inputSchema"], arguments)
            return faults or await own.use(message_id, arguments, params, speaker)
        assistant_id = await self._find(name, speaker.asked)
        return await self._run(message_id, assistant_id, arguments, params, speaker)

    async def _run(
        self,
        message_id: MessageId,
        assistant_id: str,
        arguments: Json,
        params: Mapping[str, Any],
        speaker: Speaker,
    ) -> Outcome:
        schema = (await self._schemas(assistant_id, speaker.asked)).get("input_schema")
        faults = self._faults(tool_schemas.accepted_schema(schema), arguments)
        if faults is not None:
            return faults
        given: Json = {"input": tool_schemas.graph_input(schema, arguments)}
        context = params.get("context")
        if context is not None:
            if not isinstance(context, dict):
                raise invalid_params("params.context must be an object")
            given["context"] = context
        return await self._calls.begin(message_id, assistant_id, given, params, speaker)

    def _faults(self, schema: Json, arguments: Json) -> Json | None:
        """Return the result that tells a model what is wrong with its arguments."""
        if self._reference is None:
            return None
        faults = self._reference.faults_of(schema, arguments, "arguments")
        return failed(f"InvalidArguments: {_listing(faults)}") if faults else None

    async def _find(self, name: str, asked: Asked) -> str:
        """Return the id of the assistant a tool stands for. Raises RpcFault."""
        if (known := as_uuid(name)) is not None:
            return await self._existing(known, name, asked)
        rows = await self._named(name, asked)
        if not rows and (part := ID_PART.fullmatch(name)):
            named = await self._named(part["name"], asked)
            rows = [row for row in named if row["assistant_id"].startswith(part["part"])]
        if not rows:
            raise invalid_params(f"Unknown tool: {name}")
        if len(rows) > 1:
            names = [_unique_name(row) for row in rows[:PAGE]]
            raise invalid_params("Multiple tools found with the same name.", {"names": names})
        assistant_id: str = rows[0]["assistant_id"]
        return assistant_id

    async def _existing(self, assistant_id: str, name: str, asked: Asked) -> str:
        try:
            await self._assistants.get(assistant_id, asked)
        except NotFound as missing:
            raise invalid_params(f"Unknown tool: {name}") from missing
        return assistant_id

    async def _named(self, name: str, asked: Asked) -> list[Json]:
        """Return the assistants with this tool name; those called so verbatim are found at once."""
        verbatim = await self._search(name, {"name": name}, asked)
        return verbatim or await self._search(name, {}, asked)

    async def _search(self, name: str, conditions: Json, asked: Asked) -> list[Json]:
        found: list[Json] = []
        for offset in range(0, SEARCHED_AT_MOST, SEARCHED_AT_ONCE):
            page = {"limit": SEARCHED_AT_ONCE, "offset": offset, **conditions}
            rows = (await self._assistants.search(page, asked)).rows
            found += [row for row in rows if tool_name(row) == name]
            if len(rows) < SEARCHED_AT_ONCE:
                break
            await asyncio.sleep(0)
        return found


def tool_name(row: Json) -> str:
    """Return an assistant's name as a tool: blanks as `_`, other characters left out."""
    name = re.sub(r"\s", "_", row["name"])
    return re.sub(r"[^A-Za-z0-9_.-]", "", name)[:LONGEST_NAME] or row["assistant_id"]


def _unique_name(row: Json) -> str:
    part = row["assistant_id"][:8]
    return f"{tool_name(row)[: LONGEST_NAME - 1 - len(part)]}-{part}"


def _listing(faults: Sequence[FieldError]) -> str:
    return "; ".join(f"{fault['loc']}: {fault['msg']}" for fault in faults)
