"""The server's own tools: answering a question, and the contract for those who write clients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphstead.engine.clock import as_uuid
from graphstead.engine.mcp.calls import Calls, failed, refused, succeeded
from graphstead.engine.mcp.messages import MessageId
from graphstead.engine.mcp.questions import RESUME_TOOL
from graphstead.engine.mcp.reference import Reference
from graphstead.engine.mcp.speakers import Speaker
from graphstead.engine.mcp.tools import Outcome, OwnTool
from graphstead.problems import BadRequest, NotFound
from graphstead.storage.rows import Json

READS = {"readOnlyHint": True, "openWorldHint": False}
MOST_OPERATIONS = 50


def resume_tool(calls: Calls) -> OwnTool:
    """Return the tool that answers the question a run stopped with."""

    async def use(
        message_id: MessageId, arguments: Json, params: Mapping[str, Any], speaker: Speaker
    ) -> Outcome:
        thread_id = as_uuid(arguments["thread_id"])
        if thread_id is None:
            return failed("InvalidArguments: arguments.thread_id: expected a UUID")
        try:
            return await calls.resume(message_id, thread_id, arguments["resume"], params, speaker)
        except (NotFound, BadRequest) as problem:
            return refused(problem)

    listed = {
        "name": RESUME_TOOL,
        "title": "Answer a question",
        "description": (
            "Answers the question that a tool stopped with, and returns what it goes on to do. "
            "The result of that tool names the thread."
        ),
        "inputSchema": {
            "type": "object",
            "properties": {
                "thread_id": {"type": "string", "description": "The thread that waits."},
                "resume": {
                    "description": (
                        "The answer, any JSON. For several questions an object from their ids to "
                        "the answers."
                    )
                },
            },
            "required": ["thread_id", "resume"],
        },
        "annotations": {"readOnlyHint": False, "openWorldHint": True},
    }
    return OwnTool(listed, use)


def contract_tools(reference: Reference) -> list[OwnTool]:
    """Return the tools that search, show and apply the contract of this server."""
    return [
        _reading(
            "graphstead_search_operations",
            "Search the API",
            "Finds operations of this server's HTTP API by words; shows method, path and purpose.",
            {
                "query": {"type": "string", "description": "Words such as `create run batch`."},
                "limit": {"type": "integer", "minimum": 1, "maximum": MOST_OPERATIONS},
            },
            ["query"],
            lambda given: {
                "operations": reference.search(given["query"], int(given.get("limit", 10)))
            },
        ),
        _reading(
            "graphstead_show_schema",
            "Show an operation or a schema",
            "Shows an operation of the HTTP API (by operationId or `POST /threads`) with its "
            "parameters, body and answers, or a schema by its name.",
            {"name": {"type": "string", "description": "An operation or a schema."}},
            ["name"],
            lambda given: reference.show(given["name"]),
        ),
        _reading(
            "graphstead_validate_payload",
            "Validate a request body",
            "Judges a JSON body by the schema that the server itself applies to this operation, "
            "and names what is wrong and which members are unknown. Sends nothing.",
            {
                "operation": {
                    "type": "string",
                    "description": "An operationId, or method and path such as `POST /threads`.",
                },
                "payload": {"description": "The body, any JSON."},
            },
            ["operation", "payload"],
            lambda given: reference.judge(given["operation"], given["payload"]),
        ),
    ]


def _reading(
    name: str,
    title: str,
    description: str,
    properties: Json,
    required: list[str],
    read: Callable[[Json], Json],
) -> OwnTool:
    async def use(
        message_id: MessageId, arguments: Json, params: Mapping[str, Any], speaker: Speaker
    ) -> Outcome:
        try:
            return succeeded(read(arguments))
        except NotFound as problem:
            return refused(problem)

    schema = {"type": "object", "properties": properties, "required": required}
    listed = {"name": name, "title": title, "description": description, "inputSchema": schema}
    return OwnTool({**listed, "annotations": READS}, use)
