"""Questions that a graph stopped with: how a client learns of them, and how it answers.

Models answer with the tool `graphstead_resume`. A client of version 2026-07-28 that can ask its
user gets the questions as a form, and sends the same call again with what the user said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from graphstead.engine.clock import as_uuid
from graphstead.engine.mcp.messages import invalid_params
from graphstead.problems import BadRequest
from graphstead.storage.rows import Json

RESUME_TOOL = "graphstead_resume"
THREAD_KEY = "graphstead/thread_id"
ANSWER_FORM: Json = {
    "type": "object",
    "properties": {
        "answer": {
            "type": "string",
            "title": "Answer",
            "description": "JSON such as true or 42; anything else is taken as text.",
        }
    },
    "required": ["answer"],
}


def interrupts_of(output: Any) -> list[Json]:
    """Return the questions in a run's output."""
    asks = output.get("__interrupt__") if isinstance(output, Mapping) else None
    return list(asks) if isinstance(asks, list) else []


def waiting(thread: Json) -> Json:
    """Return a thread that waits for an answer. Raises BadRequest for any other."""
    if thread["status"] != "interrupted" or "assistant_id" not in thread["metadata"]:
        raise BadRequest(f"Thread '{thread['thread_id']}' waits for no answer")
    return thread


def how_to_answer(thread_id: str, asks: Sequence[Json]) -> Json:
    """Return a block of text that tells a model how to go on."""
    values = "; ".join(orjson.dumps(ask.get("value")).decode() for ask in asks)
    several = "" if len(asks) == 1 else " as an object from question id to answer"
    text = (
        f"The run stopped with a question and waits on thread {thread_id}: {values}\n"
        f"Call the tool {RESUME_TOOL} with this thread_id, and the answer as `resume`{several}."
    )
    return {"type": "text", "text": text}


def input_required(thread_id: str, asks: Sequence[Json]) -> Json:
    """Return the result that puts the questions to the client's user."""
    requests = {
        str(ask["id"]): {
            "method": "elicitation/create",
            "params": {"mode": "form", "message": _asked(ask), "requestedSchema": ANSWER_FORM},
        }
        for ask in asks
    }
    return {"resultType": "input_required", "inputRequests": requests, "requestState": thread_id}


def _asked(ask: Mapping[str, Any]) -> str:
    value = ask.get("value")
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def answered(params: Mapping[str, Any]) -> tuple[str, Any] | None:
    """Return the thread and the answer in a call that is sent again; None for a first call.

    Raises RpcFault for answers that have another form than was asked for, BadRequest where the
    user declined: the thread goes on waiting.
    """
    state, responses = params.get("requestState"), params.get("inputResponses")
    if state is None and responses is None:
        return None
    thread_id = as_uuid(state) if isinstance(state, str) else None
    if thread_id is None or not isinstance(responses, Mapping) or not responses:
        raise invalid_params("params.requestState and params.inputResponses must be as asked for")
    answers = {ask_id: _answer(response, thread_id) for ask_id, response in responses.items()}
    return thread_id, answers


def _answer(response: Any, thread_id: str) -> Any:
    action = response.get("action") if isinstance(response, Mapping) else None
    if action in ("decline", "cancel"):
        raise BadRequest(f"The question was not answered ({action}); thread {thread_id} waits on")
    content = response.get("content") if action == "accept" else None
    if not isinstance(content, Mapping) or "answer" not in content:
        raise invalid_params("params.inputResponses must hold an accepted form with an answer")
    text = content["answer"]
    try:
        return orjson.loads(text) if isinstance(text, str) else text
    except orjson.JSONDecodeError:
        return text
