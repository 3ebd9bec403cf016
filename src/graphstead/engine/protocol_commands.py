"""The commands of the event protocol: checked by hand, answered in an envelope, never by a status.

A command that cannot be carried out is an answer of its own, `{type: error, error, message}`, with
a code clients act on. What the rest of the server refuses (`Problem`) becomes such an answer too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast, get_args

import structlog

from graphstead.engine import protocol_source
from graphstead.engine.access import Access
from graphstead.engine.callers import Asked
from graphstead.engine.protocol_sight import sight
from graphstead.engine.protocol_tree import tree_of
from graphstead.engine.run_stops import RunStops
from graphstead.engine.runs import Runs
from graphstead.problems import (
    Forbidden,
    NotFound,
    NotImplementedYet,
    Problem,
    ServerError,
    Unauthorized,
)
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import CancelAction, Json, ThreadRow
from graphstead.streaming.protocol_log import ThreadFrames

log = structlog.get_logger("graphstead.protocol")
Params = Mapping[str, Any]
Command = Callable[[str, Params, Asked], Awaitable[Json]]
STRATEGIES = ("reject", "enqueue", "interrupt", "rollback")
PASSED_ON = (
    "context",
    "metadata",
    "webhook",
    "interrupt_before",
    "interrupt_after",
    "durability",
    "after_seconds",
    "langsmith_tracer",
    "strict_resume",
)


class Refused(Exception):
    """A command that is not carried out: a code of the protocol, and a sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


def success(command_id: int, result: Json, seq: int) -> Json:
    """Return the answer to a command that was carried out."""
    meta = {"applied_through_seq": seq}
    return {"type": "success", "id": command_id, "result": result, "meta": meta}


def error(command_id: int | None, refused: Refused) -> Json:
    """Return the answer to a command that was not."""
    return {
        "type": "error",
        "id": command_id,
        "error": refused.code,
        "message": refused.message,
    }


class Commands:
    """Carry out commands on threads; a connection adds its subscriptions to these."""

    def __init__(self, storage: Storage, runs: Runs, stops: RunStops, access: Access) -> None:
        self._storage = storage
        self._access = access
        self._runs = runs
        self._stops = stops
        self._known: Mapping[str, Command] = {
            "run.start": self._start,
            "run.cancel": self._cancel,
            "input.respond": self._respond,
            "agent.getTree": self._tree,
        }

    async def answer(
        self,
        thread_id: str,
        command: Mapping[str, Any],
        asked: Asked,
        also: Mapping[str, Command] | None = None,
    ) -> Json:
        """Carry out a command with an id and a method; `also` are those of the connection."""
        command_id, method = command["id"], command["method"]
        known = {**self._known, **(also or NO_SUBSCRIPTIONS)}
        try:
            if method not in known:
                raise Refused("unknown_command", f"There is no command {method}")
            params = command.get("params") or {}
            if not isinstance(params, Mapping):
                raise Refused("invalid_argument", "params must be an object")
            await sight(self._storage, self._access, thread_id, asked)
            seq = await self.last_seq(thread_id)
            return success(command_id, await known[method](thread_id, params, asked), seq)
        except Refused as refused:
            return error(command_id, refused)
        except Problem as problem:
            return error(command_id, _refusal(problem, asked))

    async def last_seq(self, thread_id: str) -> int:
        """Return the number of the thread's last event."""
        walk = await ThreadFrames.newest(self._storage, thread_id)
        while await walk.new():
            continue
        return walk.seq

    async def _start(self, thread_id: str, params: Params, asked: Asked) -> Json:
        assistant_id = params.get("assistant_id")
        if not isinstance(assistant_id, str) or not assistant_id:
            raise Refused("invalid_argument", "run.start requires an assistant_id")
        thread = await self._storage.read(lambda tx: tx.threads.get(thread_id))
        body = {**_body(params), "assistant_id": assistant_id, "input": params.get("input")}
        if _answers(thread, body):
            body["command"] = {"resume": body.pop("input")}
        made = await self._runs.create(body, asked, thread_id=thread_id)
        return {"run_id": made.run.run_id}

    async def _respond(self, thread_id: str, params: Params, asked: Asked) -> Json:
        resume = _responses(params)
        thread, taken = await self._storage.read(lambda tx: _waiting(tx, thread_id))
        if thread is None or not thread.interrupts:
            raise Refused("no_such_run", "No run of this thread waits for an answer")
        waiting = {one["id"] for asked_by in thread.interrupts.values() for one in asked_by}
        for interrupt_id in resume:
            if interrupt_id not in waiting or interrupt_id in taken:
                raise Refused("no_such_interrupt", f"No question waits under {interrupt_id}")
        command = {"resume": resume}
        command |= {key: params[key] for key in ("update", "goto") if params.get(key) is not None}
        assistant_id = thread.metadata["assistant_id"]
        body = {**_body(params), "assistant_id": assistant_id, "command": command}
        body.pop("strict_resume", None)  # unknown questions are refused here already
        made = await self._runs.create(body, asked, thread_id=thread_id)
        return {"run_id": made.run.run_id}

    async def _cancel(self, thread_id: str, params: Params, asked: Asked) -> Json:
        run_id, action = params.get("run_id"), params.get("action") or "interrupt"
        if action not in get_args(CancelAction):
            raise Refused("invalid_argument", "params.action must be interrupt or rollback")
        active = await self._storage.read(lambda tx: tx.runs.active(thread_id))
        found = [run.run_id for run in active if run_id in (None, run.run_id)]
        if not found:
            raise Refused("no_such_run", "No such run of this thread is pending or running")
        await self._stops.cancel(thread_id, found[0], asked, cast(CancelAction, action), wait=False)
        return {"run_id": found[0]}

    async def _tree(self, thread_id: str, params: Params, asked: Asked) -> Json:
        walk = await ThreadFrames.newest(self._storage, thread_id)
        tree = tree_of(await walk.rest())
        if tree is None:
            raise Refused("no_such_run", "No run of this thread can be told about")
        return {"tree": tree}


async def _subscribe(thread_id: str, params: Params, asked: Asked) -> Json:
    raise Refused("not_supported", "Subscriptions need a WebSocket, or POST stream/events")


async def _unsubscribe(thread_id: str, params: Params, asked: Asked) -> Json:
    raise Refused("no_such_subscription", "Subscriptions need a WebSocket")


NO_SUBSCRIPTIONS: Mapping[str, Command] = {
    "subscription.subscribe": _subscribe,
    "subscription.unsubscribe": _unsubscribe,
}


def _body(params: Params) -> Json:
    """Return the body of a run that says everything the protocol tells. Raises Refused."""
    for name in ("config", "metadata", "context"):
        if not isinstance(params.get(name), Mapping | None):
            raise Refused("invalid_argument", f"params.{name} must be an object")
    strategy = params.get("multitask_strategy") or params.get("multitaskStrategy") or "enqueue"
    if strategy not in STRATEGIES:
        known = ", ".join(STRATEGIES)
        raise Refused("invalid_argument", f"params.multitaskStrategy must be one of {known}")
    given = {key: params[key] for key in PASSED_ON if params.get(key) is not None}
    return {
        **given,
        "config": dict(params.get("config") or {}),
        "multitask_strategy": strategy,
        "if_not_exists": "create",
        "on_completion": "keep",
        "stream_mode": list(protocol_source.MODES),
        "stream_subgraphs": True,
        "stream_resumable": True,
    }


def _answers(thread: ThreadRow | None, body: Json) -> bool:
    """Tell whether the input answers what the thread waits for; a fork asks anew."""
    if thread is None or thread.status != "interrupted" or not thread.interrupts:
        return False
    configurable = body["config"].get("configurable") or {}
    return body["input"] is not None and not configurable.get("checkpoint_id")


def _responses(params: Params) -> Json:
    """Return the answers by interrupt. Raises Refused."""
    many = params.get("responses")
    entries = [params] if many is None else many
    if not isinstance(entries, list) or not entries:
        raise Refused("invalid_argument", "params.responses must be a list with an answer")
    found: Json = {}
    for entry in entries:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("interrupt_id"), str):
            raise Refused("invalid_argument", "input.respond requires an interrupt_id")
        if "response" not in entry:
            raise Refused("invalid_argument", "input.respond requires a response")
        found[entry["interrupt_id"]] = entry["response"]
    return found


def _waiting(tx: Tx, thread_id: str) -> tuple[ThreadRow | None, set[str]]:
    """Return the thread, and the questions that a run under way already answers."""
    taken: set[str] = set()
    for run in tx.runs.active(thread_id):
        resume = (run.kwargs.get("command") or {}).get("resume")
        if isinstance(resume, Mapping):
            taken.update(resume)
    return tx.threads.get(thread_id), taken


def _refusal(problem: Problem, asked: Asked) -> Refused:
    if isinstance(problem, Unauthorized | Forbidden):
        return Refused("permission_denied", problem.detail)
    if isinstance(problem, NotImplementedYet):
        return Refused("not_supported", problem.detail)
    if isinstance(problem, NotFound) or problem.status in (400, 422):
        return Refused("invalid_argument", problem.detail)
    if isinstance(problem, ServerError):
        log.error("command failed", request_id=asked.request_id, exc_info=problem)
    return Refused("unknown_error", problem.detail)
