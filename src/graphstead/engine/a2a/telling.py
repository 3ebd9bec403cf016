"""What a task tells: its status, its history, its results. All in the plain shape of `dialects`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from graphstead.engine.a2a.messages import chat_of, history_of, own_part, said_in, sent_ids
from graphstead.engine.a2a.tasks import ASKING, Outcome, Task
from graphstead.storage.rows import Json

__all__ = ["Wishes", "artifacts_of", "status_of", "task_body"]

TEXT = "text/plain"
JSON = "application/json"
RESPONSE = "Assistant Response"
QUESTION = "Interrupt"
ABANDONED = "The conversation went on without an answer to the question"


@dataclass(frozen=True, slots=True)
class Wishes:
    """How much a client wants to be told.

    `accepted` are media types, none for any; `history_length` None tells all there is;
    `whole_context` adds what was said on the context before the task.
    """

    accepted: frozenset[str] = frozenset()
    history_length: int | None = None
    whole_context: bool = True
    artifacts: bool = True

    def takes(self, media_type: str) -> bool:
        """Tell whether the client takes a media type; ranges such as ``text/*`` count."""
        family = f"{media_type.partition('/')[0]}/*"
        return not self.accepted or not self.accepted.isdisjoint((media_type, family, "*/*"))

    @property
    def takes_something(self) -> bool:
        """Tell whether anything that a graph can answer is among what the client takes."""
        return self.takes(TEXT) or self.takes(JSON)


def task_body(task: Task, outcome: Outcome, wishes: Wishes) -> Json:
    """Return a task with its status, its results once it has some, and its history."""
    body: Json = {
        "id": task.task_id,
        "contextId": task.begun.thread_id,
        "status": status_of(task, outcome),
    }
    if wishes.artifacts and (artifacts := artifacts_of(task, outcome, wishes)):
        body["artifacts"] = artifacts
    if wishes.history_length != 0:
        body["history"] = _history(task, outcome, wishes)
    return body


def _history(task: Task, outcome: Outcome, wishes: Wishes) -> list[Json]:
    chat = chat_of(outcome.values)
    own_from = own_part(chat, sent_ids(task.begun.kwargs))
    told = history_of(chat, task.place, own_from)
    if not wishes.whole_context:
        told = [message for message in told if "taskId" in message]
    return told if wishes.history_length is None else told[-wishes.history_length :]


def status_of(task: Task, outcome: Outcome) -> Json:
    """Return where a task stands; of a question or a failure with a message that says what."""
    status: Json = {"state": task.state, "timestamp": task.run.updated_at}
    if task.state == "failed":
        status["message"] = _message(task, "failure", [{"text": _failure(outcome.error)}])
    elif task.state == ASKING:
        status["message"] = _message(task, "question", _asked(task))
    elif task.state == "completed" and outcome.abandoned:
        status["state"] = "canceled"
        status["message"] = _message(task, "end", [{"text": ABANDONED}])
    return status


def _message(task: Task, what: str, parts: list[Json]) -> Json:
    return {
        "role": "agent",
        "parts": parts,
        "messageId": f"{task.run.run_id}-{what}",
        **task.place,
    }


def _failure(error: Json | None) -> str:
    if not error:
        return "The run failed"
    return f"{error.get('error', 'Error')}: {error.get('message', '')}"


def _asked(task: Task) -> list[Json]:
    """Return the questions as data, a question that is mere text as text before it."""
    parts: list[Json] = []
    for question in task.questions:
        if isinstance(question.get("value"), str):
            parts.append({"text": question["value"]})
        parts.append({"data": {"id": question.get("id"), "value": question.get("value")}})
    return parts


def artifacts_of(task: Task, outcome: Outcome, wishes: Wishes) -> list[Json]:
    """Return the results of a task that has some: its questions, or its answer."""
    if task.state == ASKING:
        return [_question(question) for question in task.questions]
    if task.state != "completed" or outcome.abandoned:
        return []
    parts = _answer(task, outcome.values, wishes)
    return [response(task, parts)] if parts else []


def _question(question: Json) -> Json:
    data = {"id": question.get("id"), "value": question.get("value")}
    return {
        "artifactId": str(question.get("id")),
        "name": QUESTION,
        "description": "Agent requires input to continue",
        "parts": [{"data": data}],
    }


def response(task: Task, parts: list[Json]) -> Json:
    """Return the answer of a task's newest run as an artifact; its id stays that of the run."""
    return {
        "artifactId": task.run.run_id,
        "name": RESPONSE,
        "description": f"Response from assistant {task.run.assistant_id}",
        "parts": parts,
    }


def _answer(task: Task, values: Any, wishes: Wishes) -> list[Json]:
    """Return what was said last of a chat; of other graphs the values, as text and as data."""
    if values is None:
        return []
    chat = chat_of(values)
    if chat:
        said = _last_words(task, chat)
        if wishes.takes(TEXT) or said is None:
            return said_in(said) if said else []
        return [{"data": dict(said)}]
    parts: list[Json] = []
    if wishes.takes(TEXT):
        parts.append({"text": orjson.dumps(values).decode()})
    if wishes.takes(JSON):
        parts.append({"data": values})
    return parts


def _last_words(task: Task, chat: list[Json]) -> Mapping[str, Any] | None:
    own = chat[own_part(chat, sent_ids(task.begun.kwargs)) :]
    answers = (one for one in reversed(own) if one["type"] == "ai" and said_in(one))
    return next(answers, None)
