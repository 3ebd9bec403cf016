"""Assistants as agents: each method of the protocol, in both dialects, over the engine's nouns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import orjson

from graphstead.engine.a2a.cards import HISTORY_SCOPE_HEADER, Profile, card, profile_of
from graphstead.engine.a2a.conversations import Conversations, Started
from graphstead.engine.a2a.dialects import METHODS, Act, Dialect, Method, plain_state
from graphstead.engine.a2a.faults import (
    CONTENT_TYPE,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    NO_PUSH,
    NOT_CANCELABLE,
    UNSUPPORTED,
    VERSION,
    Fault,
    fault_of,
    invalid,
    is_for_http,
)
from graphstead.engine.a2a.messages import Sent, read_sent
from graphstead.engine.a2a.tasks import ASKING, Task, Tasks
from graphstead.engine.a2a.telling import Wishes, task_body
from graphstead.engine.a2a.updates import Updates, final_updates, frames
from graphstead.engine.assistants import Assistants
from graphstead.engine.callers import Asked
from graphstead.engine.clock import Clock, as_uuid, wire_time
from graphstead.engine.run_stops import RunStops
from graphstead.engine.runs import Runs
from graphstead.engine.threads import Threads
from graphstead.problems import NotFound, Problem, TransportRefused, Unprocessable
from graphstead.storage.base import Storage
from graphstead.storage.rows import Json
from graphstead.streaming.log import await_end, follow

__all__ = ["A2A"]

Answer: TypeAlias = Awaitable[bytes] | AsyncIterator[bytes]
JSON = "application/json"
EVENTS = "text/event-stream"
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Call:
    """One JSON-RPC request to one assistant."""

    method: Method
    request_id: Any
    params: Mapping[str, Any]
    assistant: Json
    asked: Asked

    @property
    def assistant_id(self) -> str:
        return str(self.assistant["assistant_id"])

    @property
    def dialect(self) -> Dialect:
        return self.method.dialect

    def result(self, result: Any) -> bytes:
        """Return the answer's envelope around a result."""
        return _envelope(self.request_id, "result", result)

    def wishes(self, **others: Any) -> Wishes:
        """Return what the parameters and headers say about how much is to be told."""
        scope = _header(self.asked, HISTORY_SCOPE_HEADER)
        length = self.params.get("historyLength")
        return Wishes(**{"history_length": length, "whole_context": scope != "task", **others})


class A2A:
    """Everything that other agents can ask of an assistant."""

    def __init__(
        self,
        *,
        storage: Storage,
        assistants: Assistants,
        threads: Threads,
        runs: Runs,
        stops: RunStops,
        clock: Clock,
        heartbeat_s: float,
        default_assistant_id: str | None,
    ) -> None:
        self._storage = storage
        self._assistants = assistants
        self._stops = stops
        self._heartbeat_s = heartbeat_s
        self._default_assistant_id = default_assistant_id
        self._tasks = Tasks(storage, threads, runs)
        self._conversations = Conversations(runs, self._tasks, clock)
        self._acts: Mapping[Act, Callable[[Call], Awaitable[Answer]]] = {
            Act.SEND: self._send,
            Act.STREAM: self._stream,
            Act.SUBSCRIBE: self._subscribe,
            Act.GET: self._get,
            Act.CANCEL: self._cancel,
            Act.LIST: self._list,
            Act.CARD: self._extended_card,
            Act.PUSH: self._push,
        }

    async def card(self, assistant_id: str | None, asked: Asked) -> Json:
        """Return an assistant's card; without an id that of the default one.

        Raises TransportRefused where there is no such assistant.
        """
        wanted = assistant_id or self._default_assistant_id
        if wanted is None:
            raise TransportRefused(
                "Missing required query parameter: assistant_id", rpc_code=INVALID_PARAMS
            )
        try:
            return await self._card(await self._assistants.get(wanted), asked)
        except (NotFound, Unprocessable) as problem:
            raise TransportRefused(problem.detail, rpc_code=INVALID_PARAMS) from problem

    async def _card(self, assistant: Json, asked: Asked) -> Json:
        profile = await self._profile(assistant)
        return card(assistant, profile, asked.base_url, secured=bool(asked.caller.identity))

    async def _profile(self, assistant: Json) -> Profile:
        schemas = await self._assistants.schemas(assistant["assistant_id"])
        return profile_of(assistant, schemas["input_schema"])

    async def answer(self, assistant_id: str, request: Json, asked: Asked) -> Answer:
        """Carry out one request: what is to be awaited for its answer, or the frames of a stream.

        Faults inside the protocol are answers. Raises TransportRefused for an Accept header that
        takes no answer, Unauthorized, Forbidden and Unavailable.
        """
        method = METHODS.get(request["method"])
        _check_accept(asked, method)
        request_id = request["id"]
        try:
            _check_version(asked)
            if method is None:
                raise Fault(METHOD_NOT_FOUND, f"Method not found: {request['method']}")
            assistant = await self._assistant(assistant_id)
            call = Call(method, request_id, request.get("params") or {}, assistant, asked)
            return await self._acts[method.act](call)
        except (Fault, Problem) as failure:
            if isinstance(failure, Problem) and is_for_http(failure):
                raise
            return _ready(_refused(request_id, failure))

    async def _assistant(self, assistant_id: str) -> Json:
        try:
            return await self._assistants.get(assistant_id)
        except (NotFound, Unprocessable) as problem:
            raise invalid(problem.detail) from problem

    async def _send(self, call: Call) -> Answer:
        sent, wishes = self._read(call)
        started = await self._start(call, sent)
        if sent.waits:
            return self._ended(call, started.task, wishes)
        body = await self._first(started, sent, wishes)
        return _ready(call.result(call.dialect.sent(body)))

    def _read(self, call: Call) -> tuple[Sent, Wishes]:
        """Read a message and what is wished of the answer. Raises Fault."""
        sent = read_sent(call.params, profile_of(call.assistant, None).own_input_modes)
        wishes = call.wishes(accepted=sent.accepted, history_length=sent.history_length)
        if not wishes.takes_something:
            taken = ", ".join(sorted(sent.accepted))
            raise Fault(CONTENT_TYPE, f"Nothing here is answered as {taken}")
        return sent, wishes

    async def _start(self, call: Call, sent: Sent) -> Started:
        """Start the run that a message asks for, once."""
        if sent.task_id is not None:
            task = await self._tasks.find(sent.task_id, call.assistant_id, call.asked)
            return await self._conversations.resume(task, sent, call.asked)
        keys = (await self._profile(call.assistant)).keys if sent.said else ()
        return await self._conversations.begin(call.assistant, sent, keys, call.asked)

    async def _first(self, started: Started, sent: Sent, wishes: Wishes) -> Json:
        """Return the task as it is told at first: submitted, or as it stands if that was before."""
        task = started.task
        if not started.fresh:
            return await self._body(task, wishes)
        began = task.run.run_id == task.begun.run_id
        state = "submitted" if began else "working"
        body: Json = {
            "id": task.task_id,
            "contextId": task.begun.thread_id,
            "status": {"state": state, "timestamp": task.run.created_at},
        }
        if wishes.history_length != 0:
            body["history"] = [sent.as_message(task.place)]
        return body

    async def _ended(self, call: Call, task: Task, wishes: Wishes) -> bytes:
        """Wait for the end of a task's run and return the answer to the message."""
        try:
            await await_end(self._storage, task.run.run_id)
            task = await self._tasks.find(task.task_id, call.assistant_id, call.asked)
            return call.result(call.dialect.sent(await self._body(task, wishes)))
        except (Fault, Problem) as failure:
            return _refused(call.request_id, failure)

    async def _body(self, task: Task, wishes: Wishes) -> Json:
        return task_body(task, await self._tasks.outcome(task), wishes)

    async def _stream(self, call: Call) -> Answer:
        sent, wishes = self._read(call)
        started = await self._start(call, sent)
        body = await self._first(started, sent, wishes)
        return self._followed(call, started.task, wishes, body)

    async def _subscribe(self, call: Call) -> Answer:
        task = await self._asked_task(call)
        if not task.live and task.state != ASKING:
            raise Fault(UNSUPPORTED, f"Task {task.task_id} is {task.state}; get it instead")
        wishes = call.wishes()
        return self._followed(call, task, wishes, await self._body(task, wishes))

    def _followed(self, call: Call, task: Task, wishes: Wishes, body: Json) -> AsyncIterator[bytes]:
        """Return the frames of a task from the first event of its newest run on."""

        async def ending() -> Iterable[Json]:
            try:
                now = await self._tasks.find(task.task_id, call.assistant_id, call.asked)
            except Fault:
                gone = {"state": "canceled", "timestamp": wire_time()}
                return [call.dialect.status_update(task.place, gone, final=True)]
            return final_updates(now, await self._tasks.outcome(now), call.dialect, wishes)

        return frames(
            call.dialect.sent(body),
            follow(self._storage, task.run.run_id, 0),
            Updates(task, call.dialect, wishes),
            ending,
            call.result,
            self._heartbeat_s,
        )

    async def _asked_task(self, call: Call) -> Task:
        task = await self._tasks.find(call.params["id"], call.assistant_id, call.asked)
        context_id = call.params.get("contextId")
        if context_id and as_uuid(context_id) != task.begun.thread_id:
            raise invalid(f"params.contextId: task {task.task_id} is on another context")
        return task

    async def _get(self, call: Call) -> Answer:
        task = await self._asked_task(call)
        return _ready(call.result(call.dialect.task(await self._body(task, call.wishes()))))

    async def _cancel(self, call: Call) -> Answer:
        task = await self._asked_task(call)
        if not task.live:
            raise _not_cancelable(task)
        try:
            await self._stops.cancel(task.run.thread_id, task.run.run_id, "interrupt", wait=False)
        except NotFound:
            raise _not_cancelable(task) from None
        return self._cancelled(call, task)

    async def _cancelled(self, call: Call, task: Task) -> bytes:
        """Wait until a task that is to be cancelled has stopped."""
        try:
            await await_end(self._storage, task.run.run_id)
            task = await self._tasks.find(task.task_id, call.assistant_id, call.asked)
            if task.state != "canceled":
                raise _not_cancelable(task)
            return call.result(call.dialect.task(await self._body(task, call.wishes())))
        except (Fault, Problem) as failure:
            return _refused(call.request_id, failure)

    async def _list(self, call: Call) -> Answer:
        params = call.params
        size, offset = params.get("pageSize") or PAGE_SIZE, _offset(params.get("pageToken"))
        tasks, left = await self._matching(call)
        wishes = call.wishes(artifacts=bool(params.get("includeArtifacts")))
        page = [await self._listed(call, task, wishes) for task in tasks[offset : offset + size]]
        following = offset + size
        result = {
            "tasks": [body for body in page if body is not None],
            "totalSize": len(tasks) + left,
            "pageSize": size,
            "nextPageToken": str(following) if following < len(tasks) else "",
        }
        return _ready(call.result(result))

    async def _matching(self, call: Call) -> tuple[list[Task], int]:
        """Return the tasks that are asked for, and how many contexts nobody has looked at."""
        params = call.params
        context_id = params.get("contextId") or None
        if context_id is not None and as_uuid(context_id) is None:
            raise invalid(f"params.contextId: {context_id!r} is not a UUID, as contexts here are")
        tasks, left = await self._tasks.all(call.assistant_id, context_id, call.asked)
        state, after = params.get("status"), params.get("statusTimestampAfter")
        if state in (None, "", "TASK_STATE_UNSPECIFIED") and not after:
            return tasks, left
        wanted = None if state in (None, "", "TASK_STATE_UNSPECIFIED") else plain_state(state)
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
        return call.dialect.task(await self._body(task, wishes))

    async def _extended_card(self, call: Call) -> Answer:
        return _ready(call.result(await self._card(call.assistant, call.asked)))

    async def _push(self, call: Call) -> Answer:
        raise Fault(NO_PUSH, "Push notifications are not supported; stream, subscribe or ask again")


def _not_cancelable(task: Task) -> Fault:
    return Fault(
        NOT_CANCELABLE, f"Task {task.task_id} is {task.state}: nothing runs to be cancelled"
    )


def _envelope(request_id: Any, member: str, value: Any) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "id": request_id, member: value})


def _refused(request_id: Any, failure: Fault | Problem) -> bytes:
    fault = fault_of(failure) if isinstance(failure, Problem) else failure
    return _envelope(request_id, "error", fault.to_body())


async def _ready(content: bytes) -> bytes:
    return content


def _offset(token: Any) -> int:
    if not token:
        return 0
    if not str(token).isdecimal():
        raise invalid("params.pageToken: expected the nextPageToken of an earlier page")
    return int(token)


def _instant(text: Any) -> str:
    """Return an instant in the form that rows have; the contract has checked that it is one."""
    if not text:
        return ""
    return datetime.fromisoformat(text).astimezone(UTC).isoformat(timespec="microseconds")


def _header(asked: Asked, name: bytes) -> str | None:
    for key, value in asked.headers:
        if key == name:
            return value.decode("latin-1").strip()
    return None


def _check_version(asked: Asked) -> None:
    version = _header(asked, b"a2a-version")
    if version and version.partition(".")[0] not in ("0", "1"):
        raise Fault(VERSION, f"A2A {version} is not spoken here; send 1.0 or 0.3")


def _check_accept(asked: Asked, method: Method | None) -> None:
    """Refuse a client that cannot read the answer (measured on 0.16.7)."""
    accept = _header(asked, b"accept")
    if accept is None:
        return
    taken = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    wanted = EVENTS if method is not None and method.streams else JSON
    family = f"{wanted.partition('/')[0]}/*"
    if method is None and EVENTS in taken:
        return
    if taken.isdisjoint((wanted, family, "*/*")):
        streaming = " for streaming" if wanted == EVENTS else ""
        raise TransportRefused(f"Accept header must include {wanted}{streaming}")
