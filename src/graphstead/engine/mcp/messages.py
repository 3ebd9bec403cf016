"""Messages of JSON-RPC, and the codes that MCP gives to errors."""

from __future__ import annotations

from typing import Any, TypeAlias

import orjson

from graphstead.problems import RpcFault, RpcUnknownMethod
from graphstead.rpc_codes import INTERNAL_ERROR as INTERNAL_ERROR
from graphstead.rpc_codes import INVALID_PARAMS as INVALID_PARAMS
from graphstead.rpc_codes import INVALID_REQUEST as INVALID_REQUEST
from graphstead.rpc_codes import METHOD_NOT_FOUND as METHOD_NOT_FOUND
from graphstead.storage.rows import Json
from graphstead.streaming.sse import message_frame

RESOURCE_NOT_FOUND = -32002
HEADER_MISMATCH = -32020
UNSUPPORTED_PROTOCOL_VERSION = -32022

MessageId: TypeAlias = str | int


def result_message(message_id: MessageId, result: Json) -> Json:
    """Return the answer to a request."""
    return {"jsonrpc": "2.0", "id": message_id, "result": result}


def error_message(refusal: RpcFault) -> Json:
    """Return the answer to a request that is refused."""
    return refusal.to_body("")


def progress_message(token: MessageId, progress: int, message: str) -> Json:
    """Return the notification that a call went on."""
    params = {"progressToken": token, "progress": progress, "message": message}
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}


def event_frame(message: Json) -> bytes:
    """Encode a message as a server-sent event."""
    return message_frame(orjson.dumps(message))


def invalid_params(detail: str, data: Any = None) -> RpcFault:
    """Say that the parameters of a method do not fit."""
    return RpcFault(detail, rpc_code=INVALID_PARAMS, data=data)


def unknown_method(method: str) -> RpcUnknownMethod:
    """Say that there is no such method."""
    return RpcUnknownMethod(f"Method not found: {method}", rpc_code=METHOD_NOT_FOUND)
