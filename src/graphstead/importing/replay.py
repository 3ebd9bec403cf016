"""Make a thread's history anew from its states: same ids, same times, same values.

States hold values, checkpoints hold channels. So the project's graph is led through the states:
each one is written as the outcome of the nodes that made it, past the reducers, and stored under
the id and the time it had.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from langchain_core.messages import AnyMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.graph.message import add_messages
from langgraph.types import Interrupt, Overwrite, StateSnapshot, StateUpdate
from pydantic import TypeAdapter, ValidationError

from graphstead.engine import wire
from graphstead.engine.checkpoints import Saver
from graphstead.storage.base import Storage
from graphstead.storage.rows import Json

__all__ = ["NamedSaver", "differences", "replay"]

MESSAGES: TypeAdapter[list[AnyMessage]] = TypeAdapter(list[AnyMessage])
START, INPUT, COPY, INTERRUPT = "__start__", "__input__", "__copy__", "__interrupt__"


class NamedSaver(Saver):
    """A saver that gives the next checkpoint the id, time and metadata of a state."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage)
        self.state: Json = {}

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        named: Any = {
            **checkpoint,
            "id": self.state["checkpoint"]["checkpoint_id"],
            "ts": self.state.get("created_at") or checkpoint["ts"],
        }
        told: Any = {**metadata, **(self.state.get("metadata") or {})}
        return await super().aput(config, named, told, new_versions)


async def replay(graph: Any, saver: NamedSaver, thread_id: str, states: Sequence[Json]) -> None:
    """Write the states, the oldest first, as checkpoints of the thread. Raises what graphs do."""
    by_id = {state["checkpoint"]["checkpoint_id"]: state for state in states}
    following = {_parent_of(state): state for state in reversed(states)}
    for state in states:
        saver.state = state
        parent = by_id.get(_parent_of(state) or "")
        config = _config(thread_id, parent["checkpoint"]["checkpoint_id"] if parent else None)
        child = following.get(state["checkpoint"]["checkpoint_id"])
        before = by_id.get(_parent_of(parent) or "") if parent else None
        for updates in _attempts(graph, state, (before, parent, child)):
            await graph.abulk_update_state(config, [updates])
            if await _leads_on(graph, thread_id, state):
                break
    if states:
        await _ask_again(graph, saver, thread_id, states[-1])


def _config(thread_id: str, checkpoint_id: str | None) -> RunnableConfig:
    place = {"thread_id": thread_id, "checkpoint_ns": ""}
    return {"configurable": place | ({"checkpoint_id": checkpoint_id} if checkpoint_id else {})}


def _parent_of(state: Json) -> str | None:
    found: str | None = (state.get("parent_checkpoint") or {}).get("checkpoint_id")
    return found


def _attempts(
    graph: Any, state: Json, around: tuple[Json | None, Json | None, Json | None]
) -> Iterator[list[StateUpdate]]:
    """Yield ways to make a state, the likeliest first: an input, or what some nodes wrote.

    A change by hand does not tell as which node it was made; what comes next shows it.
    """
    before, parent, child = around
    source = (state.get("metadata") or {}).get("source")
    if source == "input" and state.get("next") == [START]:
        yield [StateUpdate(child["values"] if child else {}, INPUT)]
        return
    changed = _changed(graph, state["values"], parent["values"] if parent else {})
    if source == "fork" and parent is not None and not changed:
        yield [StateUpdate(None, COPY)]
    ran, ran_before = _nodes(graph, parent), _nodes(graph, before)
    likely = [ran_before, ran] if source == "update" else [ran, ran_before]
    for names in [*filter(None, likely), *([name] for name in graph.nodes)]:
        yield [StateUpdate(changed, names[0]), *(StateUpdate({}, name) for name in names[1:])]


def _nodes(graph: Any, state: Json | None) -> list[str]:
    """Return the nodes that ran from a state on."""
    names = [task["name"] for task in (state or {}).get("tasks", ())]
    return [name for name in names if name in graph.nodes]


async def _leads_on(graph: Any, thread_id: str, state: Json) -> bool:
    """Tell whether the graph goes on from the state as it did."""
    made = await graph.aget_state(_config(thread_id, state["checkpoint"]["checkpoint_id"]))
    return list(made.next) == list(state.get("next") or ())


def _changed(graph: Any, values: Any, before: Any) -> Any:
    if not isinstance(values, Mapping):
        return values
    known = before if isinstance(before, Mapping) else {}
    return {
        key: _past_reducer(graph.channels.get(key), value)
        for key, value in values.items()
        if key in graph.channels and (key not in known or known[key] != value)
    }


def _past_reducer(channel: Any, value: Any) -> Any:
    """Return the value as it is written: whole, with messages as the graph's own kind."""
    reducer = getattr(channel, "operator", None) or getattr(channel, "reducer", None)
    if reducer is None:
        return value
    return Overwrite(_as_messages(value))


def _as_messages(value: Any) -> Any:
    if not isinstance(value, list) or not all(_is_message(one) for one in value):
        return value
    try:
        return MESSAGES.validate_python(value)
    except ValidationError:
        return add_messages([], value)


def _is_message(one: Any) -> bool:
    return isinstance(one, Mapping) and "content" in one and isinstance(one.get("type"), str)


async def _ask_again(graph: Any, saver: NamedSaver, thread_id: str, state: Json) -> None:
    """Let the newest state ask what it asked, so that the thread can be resumed."""
    asking = {
        task["name"]: task["interrupts"]
        for task in state.get("tasks", ())
        if task.get("interrupts")
    }
    if not asking:
        return
    config = _config(thread_id, state["checkpoint"]["checkpoint_id"])
    snapshot: StateSnapshot = await graph.aget_state(config)
    for task in snapshot.tasks:
        if task.name in asking:
            questions = tuple(Interrupt(one["value"], id=one["id"]) for one in asking[task.name])
            await saver.aput_writes(config, [(INTERRUPT, questions)], task.id)


async def differences(graph: Any, thread_id: str, state: Json) -> list[str]:
    """Name what of the newest state is not as it was: values by key, and what comes next."""
    snapshot: StateSnapshot = await graph.aget_state(_config(thread_id, None))
    values = orjson.loads(wire.dumps(snapshot.values))
    if not isinstance(values, dict) or not isinstance(state["values"], dict):
        found = [] if values == state["values"] else ["values"]
    else:
        keys = {**values, **state["values"]}
        found = [f"values.{key}" for key in keys if values.get(key) != state["values"].get(key)]
    if list(snapshot.next) != list(state.get("next") or ()):
        found.append("next")
    return found
