"""What a run hands to its graph: input or command, config, context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from importlib.metadata import version
from typing import Any
from uuid import UUID

from langgraph import errors
from langgraph.types import Command, Send

from graphstead.storage.rows import Json, RunRow

LANGGRAPH_VERSION = version("langgraph")
RESUMED_KEYS = ("checkpoint_id", "checkpoint_ns", "checkpoint_map")
# LangGraph's own key for it; releases that do not know it lack the exception, too.
STRICT_RESUME = "__pregel_strict_resume"
REFUSED_RESUME: tuple[type[Exception], ...] = tuple(
    one for one in [getattr(errors, "UnknownInterruptError", None)] if one is not None
)


def graph_input(kwargs: Mapping[str, Any]) -> Any:
    """Return the graph's input: a command where one was sent, else the input as it came.

    Raises TypeError for a command with unknown members: the run then ends in that error.
    """
    command = kwargs.get("command")
    return as_command(command) if command else kwargs.get("input")


def as_command(command: Mapping[str, Any]) -> Command[Any]:
    """Build a Command from its wire form."""
    parts = dict(command)
    update = parts.pop("update", None)
    if isinstance(update, Sequence) and not isinstance(update, str):
        update = [tuple(pair) for pair in update]
    goto = parts.pop("goto", None)
    resume = parts.pop("resume", None)
    return Command(update=update, resume=resume, goto=_goto(goto), **parts)


def _goto(target: Any) -> Any:
    if target is None:
        return ()
    if isinstance(target, list):
        return [_goto_one(one) for one in target]
    return _goto_one(target)


def _goto_one(target: Any) -> Any:
    if isinstance(target, Mapping):
        return Send(target["node"], target.get("input"))
    return target


def graph_config(run: RunRow, name: str, recursion_limit: int | None, *, resumed: bool) -> Json:
    """Return the RunnableConfig of a run; `resumed` continues from the newest checkpoint."""
    config: Json = dict(run.kwargs["config"])
    configurable = dict(config.get("configurable") or {})
    if resumed:
        for key in RESUMED_KEYS:
            configurable.pop(key, None)
    if run.kwargs.get("strict_resume"):
        configurable[STRICT_RESUME] = True
    config["configurable"] = configurable
    config["metadata"] = {
        **config.get("metadata", {}),
        "run_attempt": run.attempt,
        "langgraph_version": LANGGRAPH_VERSION,
        "langgraph_host": "self-hosted",
        "run_id": run.run_id,
    }
    config["run_id"] = UUID(run.run_id)
    config["run_name"] = name
    if recursion_limit is not None:
        config.setdefault("recursion_limit", recursion_limit)
    return config


def graph_context(context: Mapping[str, Any], schema: type[Any] | None) -> Any:
    """Return the context a graph gets: keys its schema does not know are left out."""
    if schema is None:
        return dict(context)
    known = _members(schema)
    return {key: value for key, value in context.items() if known is None or key in known}


def _members(schema: type[Any]) -> frozenset[str] | None:
    fields = getattr(schema, "model_fields", None)
    if fields is not None:
        return frozenset(fields)
    if is_dataclass(schema):
        return frozenset(schema.__dataclass_fields__)
    annotations = getattr(schema, "__annotations__", None)
    return frozenset(annotations) if annotations else None
