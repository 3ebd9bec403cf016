"""What goes wrong in A2A, under the numbers that JSON-RPC and the protocol give it."""

from __future__ import annotations

from typing import Any

from graphstead.problems import AssistantNotFound, NotFound, Problem
from graphstead.rpc_codes import INTERNAL_ERROR as INTERNAL_ERROR
from graphstead.rpc_codes import INVALID_PARAMS as INVALID_PARAMS
from graphstead.rpc_codes import METHOD_NOT_FOUND as METHOD_NOT_FOUND

__all__ = ["Fault", "fault_of"]

TASK_NOT_FOUND = -32001
NOT_CANCELABLE = -32002
NO_PUSH = -32003
UNSUPPORTED = -32004
CONTENT_TYPE = -32005
VERSION = -32009
FOR_HTTP = frozenset({401, 403, 503})


class Fault(Exception):
    """A JSON-RPC error: its number, a sentence for people, and what else there is to tell."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def to_body(self) -> dict[str, Any]:
        """Return the wire form ``{code, message, data?}``."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data is not None:
            body["data"] = self.data
        return body


def task_not_found(task_id: str) -> Fault:
    """Return the fault of a task that is not there, not this agent's, or hidden."""
    return Fault(TASK_NOT_FOUND, f"Task not found: {task_id}")


def invalid(message: str) -> Fault:
    """Return the fault of parameters that mean nothing here."""
    return Fault(INVALID_PARAMS, message)


def fault_of(problem: Problem) -> Fault:
    """Return the fault that a problem of the engine is in A2A."""
    if isinstance(problem, AssistantNotFound):
        return invalid(problem.detail)
    if isinstance(problem, NotFound):
        return Fault(TASK_NOT_FOUND, problem.detail)
    if problem.status < 500:
        return invalid(problem.detail)
    return Fault(INTERNAL_ERROR, problem.detail)


def is_for_http(problem: Problem) -> bool:
    """Tell whether HTTP has to tell it: who calls may not, or the server cannot answer now."""
    return problem.status in FOR_HTTP
