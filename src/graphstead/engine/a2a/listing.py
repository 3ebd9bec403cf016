"""Listing an assistant's tasks, page by page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from graphstead.engine.a2a.calls import Call
from graphstead.engine.a2a.dialects import plain_state
from graphstead.engine.a2a.faults import Fault, invalid
from graphstead.engine.a2a.tasks import Task, Tasks
from graphstead.engine.a2a.telling import Wishes, task_body
from graphstead.engine.clock import as_uuid
from graphstead.storage.rows import Json

__all__ = ["Listing"]

PAGE_SIZE = 50
ANY_STATE = (None, "", "TASK_STATE_UNSPECIFIED")


class Listing:
    """Answers ListTasks."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    async def page(self, call: Call) -> Json:
        """Return the page that is asked for. Raises Fault."""
        params = call.params
        size, offset = params.get("pageSize") or PAGE_SIZE, _offset(params.get("pageToken"))
        tasks, left = await self._matching(call)
        wishes = call.wishes(artifacts=bool(params.get("includeArtifacts")))
        page = [await self._listed(call, task, wishes) for task in tasks[offset : offset + size]]
        following = offset + size
        return {
            "tasks": [body for body in page if body is not None],
            "totalSize": len(tasks) + left,
            "pageSize": size,
            "nextPageToken": str(following) if following < len(tasks) else "",
        }

    async def _matching(self, call: Call) -> tuple[list[Task], int]:
        """Return the tasks that are asked for, and how many contexts nobody has looked at."""
        params = call.params
        context_id = params.get("contextId") or None
        if context_id is not None and as_uuid(context_id) is None:
            raise invalid(f"params.contextId: {context_id!r} is not a UUID, as contexts here are")
        tasks, left = await self._tasks.all(call.assistant_id, context_id, call.asked)
        state, after = params.get("status"), params.get("statusTimestampAfter")
        if state in ANY_STATE and not after:
            return tasks, left
        wanted = None if state in ANY_STATE else plain_state(state)
        since = _instant(after)
        return [
            task for task in tasks if wanted in (None, task.state) and task.run.updated_at >= since
        ], 0

    async def _listed(self, call: Call, task: Task, wishes: Wishes) -> Json | None:
        """Return a listed task, None where it has been deleted since."""
        try:
            task = await self._tasks.find(task.task_id, call.assistant_id, call.asked)
        except Fault:
            return None
        return call.dialect.task(
            task_body(task, await self._tasks.outcome(task, call.asked), wishes)
        )


def _offset(token: Any) -> int:
    if not token:
        return 0
    if not str(token).isdecimal():
        raise invalid("params.pageToken: expected the nextPageToken of an earlier page")
    return int(token)


def _instant(text: Any) -> str:
    """Return an instant in the form that rows have; leap seconds and the like have none."""
    if not text:
        return ""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError):
        raise invalid(f"params.statusTimestampAfter: {text!r} is no instant that can be") from None
