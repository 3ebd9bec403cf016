"""Take out of an answer what has to differ between two servers: ids, times, versions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from graphstead.conformance.play import Answer

__all__ = ["normal"]

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
HEX = re.compile(r"\b[0-9a-f]{32}\b")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?")
EVENT_ID = re.compile(r"\d{10,}-\d+")
PORT = re.compile(r"(?<=[a-z0-9]):\d{4,5}\b")
SERVED_BY = frozenset(
    {
        "langgraph_api_url",
        "langgraph_api_version",
        "langgraph_host",
        "langgraph_plan",
        "langgraph_version",
    }
)
EPOCH_MS = 1_000_000_000_000
UNTOLD = frozenset(
    {"date", "server", "content-length", "transfer-encoding", "connection", "keep-alive", "vary"}
)


def normal(answer: Answer, names: Mapping[str, str]) -> dict[str, Any]:
    """Return status, headers and body of an answer, comparable with another server's.

    Known ids become `<kind>`, others `<id>`, instants `<time>`; of errors the words are left
    out, for they are no contract, and of metadata what only says who serves.
    """
    body = _value(answer.body, names)
    if answer.status >= 400 and isinstance(body, dict):
        body = {key: _kind_of(value) for key, value in body.items()}
    return {
        "status": answer.status,
        "headers": {
            name: _text(value, names)
            for name, value in sorted(answer.headers.items())
            if name not in UNTOLD
        },
        "body": body,
    }


def _kind_of(value: Any) -> Any:
    return "<text>" if isinstance(value, str) else "<list>" if isinstance(value, list) else value


def _value(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return _members(value, names)
    if isinstance(value, list):
        return [_value(one, names) for one in value]
    if isinstance(value, str):
        return _text(value, names)
    if isinstance(value, int | float) and value > EPOCH_MS:
        return "<ms>"
    return value


def _members(value: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Normalise keys too: threads keep their interrupts by task id."""
    found: dict[str, Any] = {}
    for key, one in value.items():
        if key in SERVED_BY:
            continue
        shown = _text(key, names)
        while shown in found:
            shown += "'"
        found[shown] = _value(one, names)
    return found


def _text(text: str, names: Mapping[str, str]) -> str:
    text = UUID.sub(lambda match: f"<{names.get(match[0], 'id')}>", text)
    text = EVENT_ID.sub("<event id>", TIME.sub("<time>", text))
    return PORT.sub(":<port>", HEX.sub("<id>", text))
