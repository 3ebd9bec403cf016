"""Refusals of JSON-RPC requests: operations marked ``x-graphstead-faults: json-rpc``.

Their clients look for an error in the envelope of an answer with status 200, so a body that the
contract refuses is told there: -32700 no JSON, -32600 no request, -32602 wrong parameters.
"""

from __future__ import annotations

import orjson

from graphstead.problems import RpcRefused, Unprocessable

__all__ = ["MARK", "rpc_refusal"]

MARK = "json-rpc"
NO_JSON = -32700
NO_REQUEST = -32600
WRONG_PARAMS = -32602


def rpc_refusal(refused: Unprocessable, raw: bytes) -> RpcRefused:
    """Return a refusal of the contract as the JSON-RPC error that it is."""
    try:
        request = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return RpcRefused(None, NO_JSON, refused)
    rpc_id = request.get("id") if isinstance(request, dict) else None
    known = isinstance(rpc_id, str | int) and not isinstance(rpc_id, bool)
    in_params = all(error["loc"].startswith("body.params") for error in refused.errors)
    misses_params = refused.errors and all(
        error["msg"].startswith("'params' ") for error in refused.errors
    )
    code = WRONG_PARAMS if (in_params or misses_params) and known else NO_REQUEST
    return RpcRefused(rpc_id if known else None, code, refused)
