"""Where the server's own validators and openapi-core, the second judge, part on purpose."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qsl, urlsplit

from conformance.fuzzing import Exchange

# The last: a number is read before a boolean, so 0 levels is no other word for false.
BEYOND = re.compile(r"64 bits|NUL|nested deeper|UTF-8|more than once|^query.xray: 0 ")
ARRAYS = frozenset({"stream_mode", "stream_modes", "select"})


def is_refusal(exchange: Exchange) -> bool:
    """Tell whether the server found that the request does not fit the contract."""
    if exchange.status == 200:
        return bool(rpc_refusal(exchange))
    if exchange.status not in (400, 422):
        return exchange.status == 415
    problem = json.loads(exchange.body)
    if "jsonrpc" in problem:
        return "loc" in str(problem["error"].get("data"))
    if problem.get("type") == "error":
        return True
    return exchange.status == 422 and problem["code"] in ("unprocessable", "invalid_json")


def rpc_refusal(exchange: Exchange) -> str:
    """Return what JSON-RPC says, in a 200, of a request that does not fit the contract."""
    if exchange.method != "POST" or not exchange.body.startswith(b'{"jsonrpc"'):
        return ""
    error = json.loads(exchange.body).get("error", {})
    return str(error["message"]) if "errors" in error.get("data", {}) else ""


def is_beyond_schemas(exchange: Exchange) -> bool:
    """Tell whether the refusal is for what no schema can say, and the contract says in words."""
    told = rpc_refusal(exchange)
    if not told:
        problem = json.loads(exchange.body)
        told = problem.get("detail") or problem.get("message") or problem["error"]["message"]
    return BEYOND.search(told) is not None


def is_unread_by_core(exchange: Exchange) -> bool:
    """Tell whether the query uses a form that openapi-core does not read.

    These are the empty value of an array with `allowEmptyValue`, and an array as one JSON text.
    """
    sent = parse_qsl(urlsplit(exchange.url).query, keep_blank_values=True)
    return any(
        name in ARRAYS and (not value or (value.startswith("[") and value.endswith("]")))
        for name, value in sent
    )
