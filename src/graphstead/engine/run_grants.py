"""What rules say of a run that shall be made, and what they change about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphstead.engine.access import OPEN, Access, Grant
from graphstead.engine.callers import Caller
from graphstead.engine.drafts import Grants, durability, stream_modes
from graphstead.storage.rows import Json

# What of a request a rule sees as `kwargs`, and may change there.
KWARGS = ("input", "command", "config", "context", "interrupt_before", "interrupt_after", "webhook")
OBJECTS = frozenset({"config", "context"})


class RunGate:
    """Asks for everything that making a run takes.

    threads.create_run   always; its filter is for the thread, where there is one already
    assistants.read      unless the assistant is a graph's own
    threads.create       where a thread may be made for the run; a refusal counts if it is
    """

    def __init__(self, access: Access, is_system: Callable[[str], bool]) -> None:
        self._access = access
        self._is_system = is_system

    @property
    def is_open(self) -> bool:
        """Tell whether there are no rules to ask."""
        return self._access.is_open

    async def ask(
        self,
        caller: Caller,
        body: Mapping[str, Any],
        run_id: str,
        thread_id: str | None,
        assistant_id: str,
    ) -> Grants:
        """Return the grants. Raises Forbidden, RuleFailed, or what a rule raises."""
        if self._access.is_open:
            return Grants()
        value = shown(body, run_id, thread_id, assistant_id)
        run = await self._access.ask(caller, "threads", "create_run", **value)
        assistant = thread = OPEN
        if not self._is_system(assistant_id):
            assistant = await self._access.ask(
                caller, "assistants", "read", assistant_id=assistant_id
            )
        if thread_id is None or body.get("if_not_exists") == "create":
            metadata = run.changes.get("metadata", body.get("metadata") or {})
            thread = await self._access.ask_ahead(
                caller, "threads", "create", thread_id=thread_id, metadata=metadata
            )
        return Grants(run, assistant, thread)


def shown(body: Mapping[str, Any], run_id: str, thread_id: str | None, assistant_id: str) -> Json:
    """Return what a rule for threads.create_run sees."""
    strategy = body.get("multitask_strategy") or "enqueue"
    kept = body.get("on_completion", "delete") == "keep"
    return {
        "thread_id": thread_id,
        "assistant_id": assistant_id,
        "run_id": run_id,
        "status": "pending",
        "metadata": body.get("metadata") or {},
        "prevent_insert_if_inflight": strategy == "reject",
        "multitask_strategy": strategy,
        "if_not_exists": body.get("if_not_exists") or "reject",
        "after_seconds": body.get("after_seconds") or 0,
        "kwargs": {
            **{name: _member(body, name) for name in KWARGS},
            "stream_mode": stream_modes(body),
            "temporary": thread_id is None and not kept,
            "subgraphs": bool(body.get("stream_subgraphs")),
            "resumable": bool(body.get("stream_resumable")),
            "durability": durability(body),
        },
    }


def _member(body: Mapping[str, Any], name: str) -> Any:
    given = body.get(name)
    return {} if given is None and name in OBJECTS else given


def granted(body: Mapping[str, Any], grants: Grants, *, stateless: bool) -> Mapping[str, Any]:
    """Return the body of a run as the rules left it.

    A temporary run stands for its thread, so it gets what the thread would have got.
    """
    run: Grant = grants.run
    body = run.over(body, "metadata")
    stamps = grants.thread.changes.get("metadata")
    if stateless and stamps:
        body = {**body, "metadata": {**(body.get("metadata") or {}), **stamps}}
    kwargs = run.changes.get("kwargs")
    if not isinstance(kwargs, Mapping):
        return body
    changed = {n: kwargs[n] for n in KWARGS if n in kwargs and kwargs[n] != _member(body, n)}
    return {**body, **changed}
