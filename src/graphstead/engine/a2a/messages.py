"""From an A2A message to what a run is made of, and from a thread's chat to a task's history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphstead.engine.a2a.faults import CONTENT_TYPE, NO_PUSH, Fault, invalid
from graphstead.engine.a2a.parts import content_of, media_type, parts_of, plain_parts
from graphstead.engine.clock import as_uuid
from graphstead.storage.rows import Json

__all__ = ["Sent", "history_of", "read_sent"]

ROLES = {"user": "user", "agent": "assistant", "ROLE_USER": "user", "ROLE_AGENT": "assistant"}
CONTINUES = "continues_run_id"
NAMES = {"human": "user", "ai": "agent", "tool": "agent"}


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as it was sent, with what the client wishes of the answer.

    `accepted` are the media types it takes, none for any; `history_length` is None for all.
    """

    message_id: str
    role: str
    parts: Sequence[Json]
    context_id: str | None
    task_id: str | None
    waits: bool
    accepted: frozenset[str]
    history_length: int | None
    metadata: Json = field(default_factory=dict)
    extra: Json = field(default_factory=dict)

    @property
    def data(self) -> list[Any]:
        """Return the data of its data parts."""
        return [part["data"] for part in self.parts if "data" in part]

    @property
    def said(self) -> list[Json]:
        """Return the parts that are a chat message's: text and files."""
        return [part for part in self.parts if "data" not in part]

    def graph_input(self, assistant: str, keys: Sequence[str]) -> Json:
        """Return a graph's input: data merged into it, text and files as a chat message.

        `keys` are the members that the graph takes. Raises Fault where it takes no messages.
        """
        given: Json = {}
        for data in self.data:
            if not isinstance(data, dict):
                raise invalid(
                    "params.message.parts: the data of a part must be an object, "
                    "its members become members of the graph's input"
                )
            given |= data
        if not self.said:
            return given
        if "messages" not in keys:
            raise invalid(
                f"Assistant '{assistant}' takes no text and no files: its graph has no 'messages' "
                f"in its input. Send a data part with: {', '.join(keys) or 'its input'}"
            )
        before = given.get("messages")
        earlier = before if isinstance(before, list) else []
        return {**given, "messages": [*earlier, self._chat_message()]}

    def _chat_message(self) -> Json:
        message = {
            "role": ROLES[self.role],
            "content": content_of(self.said),
            "id": self.message_id,
        }
        return {**message, "additional_kwargs": self.extra} if self.extra else message

    def resume_value(self) -> Any:
        """Return the answer to a graph's question: `resume` of a data part, or what was said."""
        for data in self.data:
            if isinstance(data, dict) and "resume" in data:
                return data["resume"]
        values = [*self.data, *([content_of(self.said)] if self.said else [])]
        return values[0] if len(values) == 1 else values

    def as_message(self, place: Json) -> Json:
        """Return it as a message of the task that it has become part of."""
        role = "user" if ROLES[self.role] == "user" else "agent"
        return {"role": role, "parts": list(self.parts), "messageId": self.message_id, **place}


def read_sent(params: Mapping[str, Any], input_modes: Sequence[str] | None) -> Sent:
    """Read the parameters of a message; `input_modes` are all it may be of, None for anything.

    Raises Fault.
    """
    message = params["message"]
    wishes: Mapping[str, Any] = params.get("configuration") or {}
    if wishes.get("pushNotificationConfig") or wishes.get("taskPushNotificationConfig"):
        raise Fault(NO_PUSH, "Push notifications are not supported; stream, subscribe or ask again")
    parts = plain_parts(message["parts"])
    for part in parts:
        if input_modes is not None and media_type(part) not in input_modes:
            raise Fault(CONTENT_TYPE, f"{media_type(part)} is not one of: {', '.join(input_modes)}")
    return Sent(
        message_id=message["messageId"],
        role=message["role"],
        parts=parts,
        context_id=_context_id(message.get("contextId")),
        task_id=message.get("taskId") or None,
        waits=wishes.get("blocking") is not False and not wishes.get("returnImmediately"),
        accepted=frozenset(wishes.get("acceptedOutputModes") or ()),
        history_length=wishes.get("historyLength"),
        metadata=_metadata(params.get("metadata")),
        extra=_extra(message),
    )


def _context_id(text: Any) -> str | None:
    if not text:
        return None
    known = as_uuid(text)
    if known is None:
        raise invalid(f"params.message.contextId: {text!r} is not a UUID, as contexts here are")
    return known


def _metadata(given: Any) -> Json:
    return {key: value for key, value in (given or {}).items() if key != CONTINUES}


def _extra(message: Mapping[str, Any]) -> Json:
    """Return what a message carries besides, to be kept with the chat message."""
    names = {"metadata": "metadata", "referenceTaskIds": "reference_task_ids"}
    return {ours: message[theirs] for theirs, ours in names.items() if message.get(theirs)}


def chat_of(values: Any) -> list[Json]:
    """Return the chat messages of a state."""
    messages = values.get("messages") if isinstance(values, Mapping) else None
    if not isinstance(messages, list):
        return []
    return [one for one in messages if isinstance(one, dict) and one.get("type") in NAMES]


def sent_ids(kwargs: Mapping[str, Any]) -> set[str]:
    """Return the ids of the chat messages in a run's input."""
    given = kwargs.get("input")
    messages = given.get("messages") if isinstance(given, Mapping) else None
    if not isinstance(messages, list):
        return set()
    return {str(one["id"]) for one in messages if isinstance(one, Mapping) and one.get("id")}


def own_part(chat: Sequence[Json], ids: set[str]) -> int:
    """Return where the messages of a run begin: at what it was sent, or at the last question."""
    for index, message in enumerate(chat):
        if message.get("id") in ids:
            return index
    asked = [index for index, message in enumerate(chat) if message["type"] == "human"]
    return asked[-1] if asked else 0


def history_of(chat: Sequence[Json], place: Json, own_from: int) -> list[Json]:
    """Return chat messages as a task's history; those before `own_from` are of other tasks."""
    context = {"contextId": place["contextId"]}
    told = []
    for index, message in enumerate(chat):
        parts = said_in(message)
        if parts:
            names = {"role": NAMES[message["type"]], "parts": parts}
            names["messageId"] = str(message.get("id") or index)
            told.append(names | (place if index >= own_from else context))
    return told


def said_in(message: Mapping[str, Any]) -> list[Json]:
    """Return the parts of a chat message; a tool's is data, a mere call of tools has none."""
    if message["type"] != "tool":
        return parts_of(message.get("content"))
    result = {
        "toolCallId": message.get("tool_call_id"),
        "name": message.get("name"),
        "content": message.get("content"),
        "status": message.get("status"),
    }
    return [{"data": {"tool_results": [result]}}]
