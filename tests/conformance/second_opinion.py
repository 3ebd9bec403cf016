"""openapi-core as a second judge of requests and answers, beside the server's own validators.

It validates and never unmarshals. Streams are judged by status and headers only: it would hold
the whole body against a schema that describes one event.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from conformance.fuzzing import Exchange
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict

EVENT_STREAM = "text/event-stream"
# The last: a number is read before a boolean, so 0 levels is no other word for false.
BEYOND = re.compile(r"64 bits|NUL|nested deeper|UTF-8|more than once|^query.xray: 0 ")
ARRAYS = frozenset({"stream_mode", "stream_modes", "select"})


@dataclass
class CoreRequest:
    """A recorded request in the shape openapi-core asks for."""

    host_url: str
    path: str
    method: str
    parameters: RequestParameters
    content_type: str
    body: bytes | None


@dataclass
class CoreResponse:
    """A recorded answer in the shape openapi-core asks for."""

    status_code: int
    content_type: str
    headers: Headers
    data: bytes


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


class SecondOpinion:
    """Judge recorded exchanges by a contract."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._openapi = OpenAPI.from_dict(without_event_schemas(document))

    def of_request(self, exchange: Exchange) -> list[str]:
        """Return what openapi-core holds against the request."""
        return _told(self._openapi.iter_request_errors(_request(exchange)))

    def of_answer(self, exchange: Exchange) -> list[str]:
        """Return what it holds against the answer."""
        request, answer = _request(exchange), _response(exchange)
        if answer.content_type.startswith(EVENT_STREAM) and not answer.data:
            return []
        return _told(self._openapi.iter_response_errors(request, answer))


def without_event_schemas(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy whose streams are of any content."""
    copied = copy.deepcopy(dict(document))
    for item in copied["paths"].values():
        for operation in (value for value in item.values() if isinstance(value, dict)):
            for response in operation["responses"].values():
                if EVENT_STREAM in response.get("content", {}):
                    response["content"][EVENT_STREAM] = {}
    return copied


def _request(exchange: Exchange) -> CoreRequest:
    parts = urlsplit(exchange.url)
    headers = Headers(list(exchange.request_headers.items()))
    query = ImmutableMultiDict(parse_qsl(parts.query, keep_blank_values=True))
    return CoreRequest(
        host_url=f"{parts.scheme}://{parts.netloc}",
        path=parts.path,
        method=exchange.method.lower(),
        parameters=RequestParameters(query=query, header=headers, cookie=ImmutableMultiDict()),
        content_type=headers.get("content-type", ""),
        body=exchange.request_body or None,
    )


def _response(exchange: Exchange) -> CoreResponse:
    headers = Headers(list(exchange.headers.items()))
    return CoreResponse(
        status_code=exchange.status,
        content_type=headers.get("content-type", ""),
        headers=headers,
        data=exchange.body,
    )


def _told(errors: Iterator[Exception]) -> list[str]:
    try:
        return [f"{type(error).__name__}: {'; '.join(_causes(error))}" for error in errors]
    except UnicodeDecodeError as broken:
        return [f"not text: {broken}"]


def _causes(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield str(error)
        for inner in getattr(error, "schema_errors", ()):
            yield inner.message
        error = error.__cause__
