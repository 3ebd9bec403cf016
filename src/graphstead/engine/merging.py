"""How assistant, thread and run settings become one run's config, context and metadata.

Measured on 0.16.7: config keys of the run win over the assistant's, tags are replaced, not joined;
`configurable` is assistant + thread + run; context and `configurable` mirror each other; metadata
is assistant + thread + config + run. What the server sets itself is stripped from client input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphstead.engine.callers import Caller, user_of
from graphstead.problems import BadRequest
from graphstead.storage.rows import AssistantRow, Json, ThreadRow

TRACEPARENT = "__traceparent__"
RESUMING = "__pregel_resuming"
RESERVED_METADATA = frozenset({"thread_id", "run_id", "cron_id", "assistant_id"})
RESERVED_CONFIGURABLE = frozenset(
    {
        "langgraph_auth_user",
        "langgraph_auth_user_id",
        "langgraph_auth_permissions",
        "langgraph_request_id",
    }
)


@dataclass(frozen=True, slots=True)
class Settled:
    """A run's settings after merging."""

    config: Json
    context: Json
    metadata: Json


@dataclass(frozen=True, slots=True)
class Identity:
    """What is forced into every run's `configurable`: ids, caller, headers let through."""

    run_id: str
    thread_id: str
    request_id: str
    requested_ms: int
    after_s: float
    caller: Caller
    headers: Mapping[str, str]
    cron_id: str | None = None
    traceparent: str | None = None


def open_metadata(metadata: Mapping[str, Any]) -> Json:
    """Return the client's metadata without the keys that the server sets itself."""
    return {key: value for key, value in metadata.items() if key not in RESERVED_METADATA}


def open_configurable(configurable: Mapping[str, Any]) -> Json:
    """Return the client's configurable without reserved and internal (`__`) keys.

    `__pregel_resuming` passes: a RemoteGraph sends it when the graph around it is resumed, and
    without it the remote run would begin anew instead of going on.
    """
    return {key: value for key, value in configurable.items() if _is_open(key)}


def _is_open(key: str) -> bool:
    internal = key.startswith("__") and key != RESUMING
    return key not in RESERVED_CONFIGURABLE and not internal


def refuse_both(config: Mapping[str, Any], context: Mapping[str, Any] | None) -> None:
    """Raise BadRequest where context comes together with a non-empty config.configurable."""
    if context and config.get("configurable"):
        raise BadRequest(
            "Cannot specify both config.configurable and context: send one, the other mirrors it"
        )


def settle(
    assistant: AssistantRow, thread: ThreadRow | None, body: Mapping[str, Any], who: Identity
) -> Settled:
    """Merge what assistant, thread and request say, and force the run's own identity."""
    asked: Json = body.get("config") or {}
    context = body.get("context")
    refuse_both(asked, context)
    metadata = _metadata(assistant, thread, asked, body.get("metadata") or {})
    metadata |= cron_stamp(who.cron_id)
    thread_config = thread.config if thread else {}
    given = open_configurable(asked.get("configurable") or {})
    merged_context = {**assistant.context, **(given if context is None else context)}
    merged_context = open_configurable(merged_context)
    configurable = {
        **assistant.config.get("configurable", {}),
        **thread_config.get("configurable", {}),
        **(given or merged_context),
        **_forced(assistant, who),
    }
    others = {k: v for k, v in asked.items() if k not in ("configurable", "metadata")}
    base = {k: v for k, v in assistant.config.items() if k not in ("configurable", "metadata")}
    config = {**base, **others, "configurable": configurable, "metadata": dict(metadata)}
    return Settled(config=config, context=merged_context, metadata=metadata)


def _metadata(assistant: AssistantRow, thread: ThreadRow | None, config: Json, own: Json) -> Json:
    return {
        **assistant.metadata,
        **open_metadata(thread.metadata if thread else {}),
        **open_metadata(config.get("metadata") or {}),
        **open_metadata(own),
        "assistant_id": assistant.assistant_id,
    }


def cron_stamp(cron_id: str | None) -> Json:
    """Return what tells a run of a cron, and a thread made for one, from others."""
    return {"cron_id": cron_id} if cron_id else {}


def _forced(assistant: AssistantRow, who: Identity) -> Json:
    caller = who.caller
    return {
        **who.headers,
        "langgraph_auth_user": user_of(caller),
        "langgraph_auth_user_id": caller.identity,
        "langgraph_auth_permissions": list(caller.permissions),
        "langgraph_request_id": who.request_id,
        "__request_start_time_ms__": who.requested_ms,
        "__after_seconds__": who.after_s,
        "run_id": who.run_id,
        "thread_id": who.thread_id,
        "graph_id": assistant.graph_id,
        "assistant_id": assistant.assistant_id,
        "user_id": caller.identity,
        **cron_stamp(who.cron_id),
        **({TRACEPARENT: who.traceparent} if who.traceparent else {}),
    }


def thread_config(config: Mapping[str, Any]) -> Json:
    """Return the part of a run's config that its thread remembers: all but `configurable`."""
    return {k: v for k, v in config.items() if k != "configurable"}
