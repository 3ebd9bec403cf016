"""From what LangGraph streams to the events clients know, mode by mode.

Names and payloads measured on 0.16.7 (behaviour of `messages`, `messages-tuple`, `debug`): the mode
`messages` tells a message's metadata once, then the message so far; every other event keeps the
payload LangGraph gives it. Namespaces of subgraphs follow the name behind ``|``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage, BaseMessageChunk, message_chunk_to_message

from graphstead.storage.rows import Json

NATIVE_MODE = {"messages-tuple": "messages"}
INTERNAL = "__pregel"


class Translator:
    """Turn (namespace, mode, chunk) into named events; keeps the messages that are growing."""

    def __init__(self, modes: Sequence[str]) -> None:
        self._asked = frozenset(modes)
        self._as_tuples = "messages-tuple" in self._asked
        self._growing: dict[str, BaseMessage] = {}

    @property
    def native_modes(self) -> list[str]:
        """Return what to ask LangGraph for; `values` is always among it."""
        native = {NATIVE_MODE.get(mode, mode) for mode in self._asked} - {"events"}
        return sorted(native | {"values"})

    def events(self, namespace: Sequence[str], mode: str, chunk: Any) -> Iterator[tuple[str, Any]]:
        """Yield (event name, payload) for one chunk."""
        if mode == "messages":
            yield from self._messages(namespace, chunk)
        elif mode in self._asked:
            yield "|".join((mode, *namespace)), self._payload(mode, chunk)

    def _payload(self, mode: str, chunk: Any) -> Any:
        if mode == "checkpoints":
            return public_checkpoint(chunk)
        if mode == "debug" and chunk["type"] == "checkpoint":
            payload = public_checkpoint(chunk["payload"])
            payload["checkpoint"] = checkpoint_of(payload["config"])
            payload["parent_checkpoint"] = checkpoint_of(payload["parent_config"])
            payload["tasks"] = [_with_checkpoint(task) for task in payload["tasks"]]
            return {**chunk, "payload": payload}
        return chunk

    def _messages(self, namespace: Sequence[str], chunk: Any) -> Iterator[tuple[str, Any]]:
        message, metadata = chunk
        if self._as_tuples:
            yield "|".join(("messages", *namespace)), [message, metadata]
        elif "messages" in self._asked:
            yield from self._grow(message, metadata)

    def _grow(self, message: BaseMessage, metadata: Json) -> Iterator[tuple[str, Any]]:
        message_id = message.id or ""
        if message_id not in self._growing:
            yield "messages/metadata", {message_id: {"metadata": metadata}}
        if not isinstance(message, BaseMessageChunk):
            self._growing[message_id] = message
            yield "messages/complete", [message]
            return
        before = self._growing.get(message_id)
        whole = before + message if isinstance(before, BaseMessageChunk) else message
        self._growing[message_id] = whole
        yield "messages/partial", [message_chunk_to_message(whole)]


def public_checkpoint(chunk: Mapping[str, Any]) -> Json:
    """Return a checkpoint without what LangGraph keeps in its configs for itself."""
    return {
        **chunk,
        "config": _public_config(chunk["config"]),
        "parent_config": _public_config(chunk["parent_config"]),
    }


def _public_config(config: Mapping[str, Any] | None) -> Json | None:
    """Return the config without what LangGraph keeps in it for itself."""
    if config is None:
        return None
    configurable = {
        key: value
        for key, value in config.get("configurable", {}).items()
        if not key.startswith(INTERNAL)
    }
    return {"configurable": configurable}


def _with_checkpoint(task: Json) -> Json:
    """Name the place of a task's subgraph `checkpoint`; LangGraph puts its config under `state`."""
    config = task.get("state")
    if not isinstance(config, dict) or "configurable" not in config:
        return task
    rest = {key: value for key, value in task.items() if key != "state"}
    return {**rest, "checkpoint": checkpoint_of(config)}


def checkpoint_of(config: Mapping[str, Any] | None) -> Json | None:
    """Return a config's `{checkpoint_id, thread_id, checkpoint_ns, checkpoint_map?}`."""
    if config is None:
        return None
    configurable = config["configurable"]
    keys = ("checkpoint_id", "thread_id", "checkpoint_ns", "checkpoint_map")
    return {key: configurable[key] for key in keys if key in configurable}
