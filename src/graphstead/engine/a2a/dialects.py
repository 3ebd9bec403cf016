"""The two dialects of A2A: the same task, message or update in the words of 0.3 or of 1.0.

Inside, everything has the shape of 1.0 with plain words: roles ``user`` and ``agent``, states such
as ``input-required``, parts ``{text}``, ``{data}``, ``{raw}`` or ``{url}``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from graphstead.storage.rows import Json

__all__ = ["METHODS", "Act", "Dialect", "Method"]


class Act(Enum):
    """What a method asks for."""

    SEND = "send"
    STREAM = "stream"
    SUBSCRIBE = "subscribe"
    GET = "get"
    CANCEL = "cancel"
    LIST = "list"
    CARD = "card"
    PUSH = "push"


class Dialect(Enum):
    """How it is written: `LEGACY` is protocol 0.3, `CURRENT` is 1.0."""

    LEGACY = "0.3"
    CURRENT = "1.0"

    def state(self, state: str) -> str:
        """Return the name of a task's state."""
        if self is Dialect.LEGACY:
            return state
        return f"TASK_STATE_{state.upper().replace('-', '_')}"

    def part(self, part: Json) -> Json:
        """Return a part: text, data or file."""
        if self is Dialect.CURRENT:
            return part
        if "text" in part:
            return {"kind": "text", **part}
        if "data" in part:
            data = part["data"]
            data = data if isinstance(data, dict) else {"value": data}
            return {"kind": "data", **part, "data": data}
        return {"kind": "file", "file": _legacy_file(part)}

    def message(self, message: Json) -> Json:
        """Return a message."""
        parts = [self.part(part) for part in message["parts"]]
        if self is Dialect.LEGACY:
            return {"kind": "message", **message, "parts": parts}
        return {**message, "role": f"ROLE_{message['role'].upper()}", "parts": parts}

    def status(self, status: Json) -> Json:
        """Return a task's status, with its message where it has one."""
        told = {**status, "state": self.state(status["state"])}
        if "message" in status:
            told["message"] = self.message(status["message"])
        return told

    def artifact(self, artifact: Json) -> Json:
        """Return one result of a task."""
        return {**artifact, "parts": [self.part(part) for part in artifact["parts"]]}

    def task(self, task: Json) -> Json:
        """Return a task."""
        told = {**task, "status": self.status(task["status"])}
        if "artifacts" in task:
            told["artifacts"] = [self.artifact(one) for one in task["artifacts"]]
        if "history" in task:
            told["history"] = [self.message(one) for one in task["history"]]
        return {"kind": "task", **told} if self is Dialect.LEGACY else told

    def sent(self, task: Json) -> Json:
        """Return the task as the result of sending a message, or as the start of a stream."""
        told = self.task(task)
        return told if self is Dialect.LEGACY else {"task": told}

    def status_update(self, place: Json, status: Json, *, final: bool) -> Json:
        """Return the news that a task's status has changed; `place` names task and context."""
        update = {**place, "status": self.status(status)}
        if self is Dialect.LEGACY:
            return {"kind": "status-update", **update, "final": final}
        return {"statusUpdate": update}

    def artifact_update(self, place: Json, artifact: Json, *, append: bool, last: bool) -> Json:
        """Return a piece of a result: put behind what there is, or in its place."""
        update = {
            **place,
            "artifact": self.artifact(artifact),
            "append": append,
            "lastChunk": last,
        }
        if self is Dialect.LEGACY:
            return {"kind": "artifact-update", **update}
        return {"artifactUpdate": update}


def _legacy_file(part: Json) -> Json:
    names = {"raw": "bytes", "url": "uri", "mediaType": "mimeType", "filename": "name"}
    return {names[key]: value for key, value in part.items() if key in names}


@dataclass(frozen=True, slots=True)
class Method:
    """A method of one dialect."""

    act: Act
    dialect: Dialect

    @property
    def streams(self) -> bool:
        """Tell whether the answer is a stream of events."""
        return self.act in (Act.STREAM, Act.SUBSCRIBE)


_LEGACY = {
    "message/send": Act.SEND,
    "message/stream": Act.STREAM,
    "tasks/get": Act.GET,
    "tasks/cancel": Act.CANCEL,
    "tasks/list": Act.LIST,
    "tasks/resubscribe": Act.SUBSCRIBE,
    "agent/getAuthenticatedExtendedCard": Act.CARD,
    "tasks/pushNotificationConfig/set": Act.PUSH,
    "tasks/pushNotificationConfig/get": Act.PUSH,
    "tasks/pushNotificationConfig/list": Act.PUSH,
    "tasks/pushNotificationConfig/delete": Act.PUSH,
}
_CURRENT = {
    "SendMessage": Act.SEND,
    "SendStreamingMessage": Act.STREAM,
    "GetTask": Act.GET,
    "CancelTask": Act.CANCEL,
    "ListTasks": Act.LIST,
    "SubscribeToTask": Act.SUBSCRIBE,
    "GetExtendedAgentCard": Act.CARD,
    "CreateTaskPushNotificationConfig": Act.PUSH,
    "GetTaskPushNotificationConfig": Act.PUSH,
    "ListTaskPushNotificationConfigs": Act.PUSH,
    "DeleteTaskPushNotificationConfig": Act.PUSH,
}
METHODS: dict[str, Method] = {
    **{name: Method(act, Dialect.LEGACY) for name, act in _LEGACY.items()},
    **{name: Method(act, Dialect.CURRENT) for name, act in _CURRENT.items()},
}


def plain_state(name: Any) -> str:
    """Return the plain word of a state in either dialect."""
    return str(name).removeprefix("TASK_STATE_").lower().replace("_", "-")
