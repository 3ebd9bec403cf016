"""Messages become runs: a new one on a thread, or one that goes on with an answer.

The id of a message makes it count once: sent again with the same content it is the same task, with
other content on the same context it is refused, for it would take the place of what was said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from graphstead.engine.a2a.faults import UNSUPPORTED, Fault, invalid
from graphstead.engine.a2a.messages import CONTINUES, Sent, chat_of
from graphstead.engine.a2a.tasks import Task, Tasks, task_id_of
from graphstead.engine.a2a.updates import STREAM_MODES
from graphstead.engine.callers import Asked
from graphstead.engine.clock import Clock
from graphstead.engine.replays import fingerprint
from graphstead.engine.runs import OwnKey, Runs
from graphstead.engine.transitions import FINAL
from graphstead.storage.base import Tx
from graphstead.storage.rows import Json, RunRow

__all__ = ["Conversations", "Started"]


@dataclass(frozen=True, slots=True)
class Started:
    """The task of a message; `fresh` where this request has made its run, not one before it."""

    task: Task
    fresh: bool


class Conversations:
    """Starts the runs that messages ask for."""

    def __init__(self, runs: Runs, tasks: Tasks, clock: Clock) -> None:
        self._runs = runs
        self._tasks = tasks
        self._clock = clock

    async def begin(
        self, assistant: Json, sent: Sent, keys: Sequence[str], asked: Asked
    ) -> Started:
        """Start a new task on the message's context, or on a new one.

        Raises Fault, and whatever creating a run raises.
        """
        assistant_id = assistant["assistant_id"]
        body = _body(assistant_id, sent) | {
            "input": sent.graph_input(assistant["name"], keys),
            "if_not_exists": "create",
        }
        key = sent.message_id
        if sent.context_id is None:
            # Ids are unique among the messages of a context alone; this one has none yet.
            key = f"{key} {fingerprint(body)[:32]}"
        own_key = OwnKey(f"a2a {assistant_id} {sent.context_id or ''}", key)
        is_new = partial(_is_new, sent.context_id, sent.message_id)
        thread_id = sent.context_id or self._clock.new_id()
        return await self._start(body, own_key, is_new, thread_id, asked)

    async def resume(self, task: Task, sent: Sent, asked: Asked) -> Started:
        """Go on with a task that asks. Raises Fault where it asks for nothing."""
        thread_id = task.begun.thread_id
        if sent.context_id not in (None, thread_id):
            raise invalid(f"params.message.contextId: task {task.task_id} is on {thread_id}")
        assistant_id = task.begun.assistant_id
        body = _body(assistant_id, sent)
        body["command"] = {"resume": sent.resume_value()}
        body["metadata"] = {**sent.metadata, CONTINUES: task.begun.run_id}
        own_key = OwnKey(f"a2a {assistant_id} {thread_id}", sent.message_id)
        return await self._start(body, own_key, partial(_asks, task), thread_id, asked)

    async def _start(
        self,
        body: Json,
        own_key: OwnKey,
        holds: Callable[[Tx, RunRow], None],
        thread_id: str,
        asked: Asked,
    ) -> Started:
        made = await self._runs.create(
            body, asked, thread_id=thread_id, own_key=own_key, also=holds
        )
        run = made.run
        task = await self._tasks.find(task_id_of(run), run.assistant_id, asked)
        return Started(task, fresh=not made.headers)


def _body(assistant_id: str, sent: Sent) -> Json:
    return {
        "assistant_id": assistant_id,
        "metadata": sent.metadata,
        "stream_mode": list(STREAM_MODES),
        "stream_resumable": True,
    }


def _is_new(context_id: str | None, message_id: str, tx: Tx, run: RunRow) -> None:
    """Refuse a message whose id is taken on its context."""
    thread = tx.threads.get(context_id) if context_id else None
    if thread is not None and message_id in {one.get("id") for one in chat_of(thread.values)}:
        raise invalid(
            f"params.message.messageId: {message_id!r} is the id of an earlier message on this "
            "context; a new message needs an id of its own"
        )


def _asks(task: Task, tx: Tx, run: RunRow) -> None:
    """Refuse an answer to a task that has not asked; the answer's own run is already there."""
    runs = tx.runs.list(task.begun.thread_id, None, limit=2, offset=0)
    before = runs[1] if len(runs) > 1 else None
    still = before is not None and before.run_id == task.run.run_id and before.status in FINAL
    if not still or not task.questions:
        raise Fault(
            UNSUPPORTED,
            f"Task {task.task_id} is {task.state} and takes no message; "
            "send one without taskId for a new task on its context",
        )
