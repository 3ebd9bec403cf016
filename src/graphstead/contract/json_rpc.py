"""Refusals of JSON-RPC requests: operations marked ``x-graphstead-faults``.

With ``json-rpc`` clients look for an error in the envelope of an answer with status 200, so a body
that the contract refuses is told there: -32700 no JSON, -32600 no request, -32602 wrong parameters.
With ``json-rpc-by-status`` the status is 400 as well, and headers are judged so, too.
"""

from __future__ import annotations

import orjson

from graphstead.problems import InvalidJson, RpcFault, RpcRefused, Unprocessable
from graphstead.rpc_codes import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR

__all__ = ["BY_STATUS", "MARK", "rpc_fault", "rpc_refusal"]

MARK = "json-rpc"
BY_STATUS = "json-rpc-by-status"


def rpc_refusal(refused: Unprocessable, raw: bytes) -> RpcRefused:
    """Return a refusal of the contract as the JSON-RPC error that it is."""
    try:
        request = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return RpcRefused(None, PARSE_ERROR, refused)
    rpc_id = request.get("id") if isinstance(request, dict) else None
    known = isinstance(rpc_id, str | int) and not isinstance(rpc_id, bool)
    in_params = all(error["loc"].startswith("body.params") for error in refused.errors)
    misses_params = refused.errors and all(
        error["msg"].startswith("'params' ") for error in refused.errors
    )
    code = INVALID_PARAMS if (in_params or misses_params) and known else INVALID_REQUEST
    return RpcRefused(rpc_id if known else None, code, refused)


def rpc_fault(refused: Unprocessable) -> RpcFault:
    """Return a refusal of the contract as an error whose status tells it, too."""
    rpc_code = PARSE_ERROR if isinstance(refused, InvalidJson) else INVALID_REQUEST
    return RpcFault(refused.detail, rpc_code=rpc_code, data=list(refused.errors) or None)
