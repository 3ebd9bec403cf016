"""openapi-core as a judge of requests and answers, beside the server's own validators.

It validates and never unmarshals. Of streams, pages and files it judges status and headers only:
the schema of a stream describes one event (see `graphstead.contract.events`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict

__all__ = ["Judge", "Recorded"]

EVENT_STREAM = "text/event-stream"
SHOWN, HEAD = 220, 80


class Recorded(Protocol):
    """A request and its answer, as they were on the wire."""

    @property
    def method(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def request_headers(self) -> Mapping[str, str]: ...
    @property
    def request_body(self) -> bytes: ...
    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


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


class Judge:
    """Judge recorded exchanges by a contract."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._openapi = OpenAPI.from_dict(with_json_schemas_only(document))

    def of_request(self, exchange: Recorded) -> list[str]:
        """Return what openapi-core holds against the request."""
        return _told(self._openapi.iter_request_errors(_request(exchange)))

    def of_answer(self, exchange: Recorded) -> list[str]:
        """Return what it holds against the answer."""
        request, answer = _request(exchange), _response(exchange)
        if answer.content_type.startswith(EVENT_STREAM) and not answer.data:
            return []
        return _told(self._openapi.iter_response_errors(request, answer))


def with_json_schemas_only(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy whose answers may be anything where they are no JSON: streams, pages, files."""
    copied = copy.deepcopy(dict(document))
    for item in copied["paths"].values():
        for operation in (value for value in item.values() if isinstance(value, dict)):
            for response in operation.get("responses", {}).values():
                content = response.get("content", {})
                content.update({kind: {} for kind in content if "json" not in kind})
    return copied


def _request(exchange: Recorded) -> CoreRequest:
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


def _response(exchange: Recorded) -> CoreResponse:
    headers = Headers(list(exchange.headers.items()))
    return CoreResponse(
        status_code=exchange.status,
        content_type=headers.get("content-type", ""),
        headers=headers,
        data=exchange.body,
    )


def _told(errors: Iterator[Exception]) -> list[str]:
    try:
        return ["; ".join(dict.fromkeys(_causes(error))) for error in errors]
    except UnicodeDecodeError as broken:
        return [f"not text: {broken}"]


def _causes(error: BaseException | None) -> Iterator[str]:
    """Yield what is wrong where, or, where no schema was at fault, the texts of the errors."""
    texts: list[str] = []
    while error is not None:
        inner = list(getattr(error, "schema_errors", ()))
        if inner:
            yield from map(_placed, inner)
            return
        texts.append(str(error))
        error = error.__cause__
    yield from texts


def _placed(error: Any) -> str:
    """Say what is wrong where; of alternatives the one in which the fault lies deepest."""
    nearest = error
    while nearest.context:
        nearest = max(nearest.context, key=lambda inner: len(inner.absolute_path))
    where = ".".join(map(str, nearest.absolute_path)) or "the body"
    message = nearest.message
    if len(message) > SHOWN:
        message = f"{message[:HEAD]} … {message[HEAD - SHOWN :]}"
    return f"{where}: {message}"
