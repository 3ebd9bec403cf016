"""Everything that can be answered with an error, as one tree.

    Problem
    ├─ BadRequest 400            the graph or the store refuses a well-formed request
    │  └─ CommandUnreadable      in the envelope of the event protocol
    ├─ TransportRefused 400      headers or address fit no request of A2A
    ├─ Unauthorized 401
    ├─ Forbidden 403
    ├─ NotFound 404
    │  ├─ AssistantNotFound
    │  ├─ ThreadNotFound
    │  ├─ RunNotFound
    │  └─ CronNotFound
    ├─ MethodNotAllowed 405      carries Allow
    ├─ NotAcceptable 406
    ├─ Conflict 409
    │  ├─ ThreadBusy
    │  ├─ ThreadExists
    │  └─ StateUnreadable        the graph raises on the state of the thread
    ├─ PayloadTooLarge 413
    ├─ UnsupportedMediaType 415
    ├─ RpcFault 400              a JSON-RPC error that the HTTP status tells, too
    │  └─ RpcUnknownMethod 404
    ├─ Unprocessable 422         the contract refuses the request
    │  ├─ InvalidJson
    │  └─ GraphNotFound
    ├─ TooManyRequests 429       carries Retry-After
    ├─ RpcRefused 200            the contract refuses a JSON-RPC request
    ├─ ServerError 500
    │  └─ RuleFailed           a rule of the project about access, not the request
    ├─ ForeignProblem            whatever status a rule of the project raises
    ├─ NotImplementedYet 501
    ├─ BadGateway 502            the server behind the gateway failed, or broke the contract
    ├─ Unavailable 503           carries Retry-After
    └─ GatewayTimeout 504        the server behind the gateway did not answer in time
    StartupError                 never reaches HTTP: the command line prints its faults

Domain code raises these; the contract layer turns them into answers in one place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, TypedDict

__all__ = [
    "AssistantNotFound",
    "BadGateway",
    "BadRequest",
    "CommandUnreadable",
    "Conflict",
    "CronNotFound",
    "FieldError",
    "Forbidden",
    "ForeignProblem",
    "GatewayTimeout",
    "GraphNotFound",
    "InvalidJson",
    "MethodNotAllowed",
    "NotAcceptable",
    "NotFound",
    "NotImplementedYet",
    "PayloadTooLarge",
    "Problem",
    "RpcFault",
    "RpcRefused",
    "RpcUnknownMethod",
    "RuleFailed",
    "RunNotFound",
    "ServerError",
    "StartupError",
    "StateUnreadable",
    "ThreadBusy",
    "ThreadExists",
    "ThreadNotFound",
    "TooManyRequests",
    "TransportRefused",
    "Unauthorized",
    "Unavailable",
    "Unprocessable",
    "UnsupportedMediaType",
]

KNOWN_CODES = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
}
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class FieldError(TypedDict):
    """One refused place of a request: a path such as ``body.input[0]`` and what was expected."""

    loc: str
    msg: str


class Problem(Exception):
    """An answer that is an error: status and code belong to the class, detail to the case."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "server_error"
    default_detail: ClassVar[str] = "The server failed to answer this request"

    def __init__(
        self,
        detail: str = "",
        *,
        errors: Iterable[FieldError] = (),
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        self.detail = detail or self.default_detail
        self.errors = tuple(errors)
        self.headers = headers
        super().__init__(self.detail)

    def to_body(self, request_id: str) -> dict[str, Any]:
        """Return the wire form ``{detail, code, errors?, request_id}``."""
        body: dict[str, Any] = {"detail": self.detail, "code": self.code}
        if self.errors:
            body["errors"] = list(self.errors)
        body["request_id"] = request_id
        return body


class BadRequest(Problem):
    """The request is well formed, yet the graph or the store cannot take it."""

    status = 400
    code = "bad_request"
    default_detail = "The request cannot be carried out as sent"


class CommandUnreadable(BadRequest):
    """A command of the event protocol that is none; the answer is the envelope of a failed one."""

    code = "invalid_argument"

    def to_body(self, request_id: str) -> dict[str, Any]:
        """Return the wire form `{type: error, id: null, error, message}`."""
        return {
            "type": "error",
            "id": None,
            "error": self.code,
            "message": self.detail,
        }


class TransportRefused(Problem):
    """The request does not get as far as its protocol, whose clients look for ``error``."""

    status = 400
    code = "transport_refused"

    def __init__(self, detail: str, *, rpc_code: int | None = None) -> None:
        super().__init__(detail)
        self.rpc_code = rpc_code

    def to_body(self, request_id: str) -> dict[str, Any]:
        """Return the usual form, and in ``error`` a sentence or an error object with its number."""
        error: Any = self.detail
        if self.rpc_code is not None:
            error = {"code": self.rpc_code, "message": self.detail}
        return {"error": error, **super().to_body(request_id)}


class RpcRefused(Problem):
    """A JSON-RPC request that the contract refuses: HTTP 200, and the error in the envelope."""

    status = 200
    code = "rpc_refused"

    def __init__(self, rpc_id: str | int | None, rpc_code: int, refusal: Problem) -> None:
        super().__init__(refusal.detail, errors=refusal.errors)
        self.rpc_id = rpc_id
        self.rpc_code = rpc_code

    def to_body(self, request_id: str) -> dict[str, Any]:
        """Return the JSON-RPC answer."""
        error: dict[str, Any] = {"code": self.rpc_code, "message": self.detail}
        if self.errors:
            error["data"] = {"errors": list(self.errors)}
        return {"jsonrpc": "2.0", "id": self.rpc_id, "error": error}


class Unauthorized(Problem):
    """No caller, or a key that is not known."""

    status = 401
    code = "unauthorized"
    default_detail = "Authentication is required, and the key sent is missing or unknown"


class Forbidden(Problem):
    """A known caller who may not do this."""

    status = 403
    code = "forbidden"
    default_detail = "This caller may not do that"


class NotFound(Problem):
    """The target, or a parent of it, does not exist or is hidden from the caller."""

    status = 404
    code = "not_found"
    default_detail = "Not Found"


class AssistantNotFound(NotFound):
    """No assistant has this id."""

    code = "assistant_not_found"

    def __init__(self, assistant_id: str) -> None:
        super().__init__(f"Assistant '{assistant_id}' not found")


class ThreadNotFound(NotFound):
    """No thread has this id."""

    code = "thread_not_found"

    def __init__(self, thread_id: str) -> None:
        super().__init__(f"Thread '{thread_id}' not found")


class RunNotFound(NotFound):
    """No run has this id, or not on this thread."""

    code = "run_not_found"

    def __init__(self, run_id: str) -> None:
        super().__init__(f"Run '{run_id}' not found")


class CronNotFound(NotFound):
    """No cron has this id."""

    code = "cron_not_found"

    def __init__(self, cron_id: str) -> None:
        super().__init__(f"Cron '{cron_id}' not found")


class MethodNotAllowed(Problem):
    """The path exists, the method does not; ``Allow`` lists every method that does."""

    status = 405
    code = "method_not_allowed"
    default_detail = "Method Not Allowed"

    def __init__(self, allow: str, detail: str = "") -> None:
        super().__init__(detail, headers={"allow": allow})


class NotAcceptable(Problem):
    """Nothing this operation produces is in the client's Accept header."""

    status = 406
    code = "not_acceptable"
    default_detail = "None of the media types in the Accept header can be produced"


class Conflict(Problem):
    """The request contradicts the present state of its target."""

    status = 409
    code = "conflict"
    default_detail = "The request conflicts with the present state"


class ThreadBusy(Conflict):
    """A run is pending or running on the thread, and the request must not wait for it."""

    code = "thread_busy"

    def __init__(self, thread_id: str) -> None:
        super().__init__(
            f"Thread '{thread_id}' is busy with another run; wait for it, "
            "or choose another multitask_strategy"
        )


class ThreadExists(Conflict):
    """The thread id is taken."""

    code = "thread_exists"

    def __init__(self, thread_id: str) -> None:
        super().__init__(f"Thread '{thread_id}' already exists")


class StateUnreadable(Conflict):
    """The graph raises when it is shown the state of the thread, perhaps that of another graph."""

    code = "state_unreadable"

    def __init__(self, thread_id: str, graph_id: str, fault: str) -> None:
        super().__init__(
            f"Thread '{thread_id}' has a state that its graph '{graph_id}' cannot read: {fault}"
        )


class PayloadTooLarge(Problem):
    """The body is longer than this server reads."""

    status = 413
    code = "payload_too_large"
    default_detail = "The request body is too large"


class UnsupportedMediaType(Problem):
    """The body is of a type that the operation does not declare."""

    status = 415
    code = "unsupported_media_type"
    default_detail = "The content type of the request body is not supported here"


class Unprocessable(Problem):
    """The request does not satisfy the contract."""

    status = 422
    code = "unprocessable"
    default_detail = "The request does not satisfy the contract"


class InvalidJson(Unprocessable):
    """The body is no JSON, or not such as can be stored and sent again."""

    code = "invalid_json"


class TooManyRequests(Problem):
    """The caller has used up a rate or a quota; `Retry-After` says when there is more."""

    status = 429
    code = "too_many_requests"
    default_detail = "Too many requests"

    def __init__(
        self, detail: str = "", *, retry_after_s: float, headers: Mapping[str, str] = NO_HEADERS
    ) -> None:
        seconds = max(1, math.ceil(retry_after_s))
        super().__init__(detail, headers={**headers, "retry-after": str(seconds)})


class RpcFault(Problem):
    """A JSON-RPC message that is not carried out: the body is an error object of JSON-RPC."""

    status = 400
    code = "rpc_fault"

    def __init__(
        self, detail: str, *, rpc_code: int, message_id: str | int | None = None, data: Any = None
    ) -> None:
        super().__init__(detail)
        self.rpc_code = rpc_code
        self.message_id = message_id
        self.data = data

    def to_body(self, request_id: str) -> dict[str, Any]:
        """Return the wire form ``{jsonrpc, id, error: {code, message, data?}}``."""
        error = {"code": self.rpc_code, "message": self.detail}
        if self.data is not None:
            error["data"] = self.data
        return {"jsonrpc": "2.0", "id": self.message_id, "error": error}


class RpcUnknownMethod(RpcFault):
    """No such method, told by the HTTP status as well."""

    status = 404
    code = "rpc_unknown_method"


class GraphNotFound(Unprocessable):
    """The name is no registered graph; the names that are follow in the detail."""

    code = "graph_not_found"

    def __init__(self, graph_id: str, known: Iterable[str] = ()) -> None:
        names = ", ".join(repr(name) for name in sorted(known))
        super().__init__(f"Graph '{graph_id}' not found. Expected one of: [{names}]")


class ServerError(Problem):
    """A fault of this server, never of the request."""

    status = 500
    code = "server_error"
    default_detail = "The server failed to answer this request"


class RuleFailed(ServerError):
    """The project's own code about callers failed; what happened is in the log alone."""

    code = "rule_failed"

    def __init__(self, resource: str = "", action: str = "") -> None:
        about = f"rule for {resource}.{action}" if resource else "authentication"
        super().__init__(f"The {about} of this server failed; its log says why")


class NotImplementedYet(Problem):
    """The contract describes it, this version does not do it."""

    status = 501
    code = "not_implemented"
    default_detail = "This is described by the contract but not supported by this version"


class BadGateway(Problem):
    """The server behind the gateway cannot be reached, or answered what the contract forbids."""

    status = 502
    code = "bad_gateway"
    default_detail = "The server behind this gateway failed to answer"


class GatewayTimeout(Problem):
    """The server behind the gateway did not answer in time."""

    status = 504
    code = "gateway_timeout"
    default_detail = "The server behind this gateway did not answer in time"


class Unavailable(Problem):
    """The server cannot answer now: starting, draining, overloaded or without its database."""

    status = 503
    code = "unavailable"
    default_detail = "The server cannot answer right now"

    def __init__(self, detail: str = "", *, retry_after_s: float = 1.0) -> None:
        self.retry_after_s = retry_after_s
        seconds = max(1, math.ceil(retry_after_s))
        super().__init__(detail, headers={"retry-after": str(seconds)})


class ForeignProblem(Problem):
    """A problem whose status other code chose, such as a user's rule; any status will do."""

    code = "http_error"

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail, headers=headers or {})
        self.status = status  # type: ignore[misc]
        self.code = KNOWN_CODES.get(status, self.code)  # type: ignore[misc]


class StartupError(Exception):
    """The server cannot start; every fault found is listed, one sentence each."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))
