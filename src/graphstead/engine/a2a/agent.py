"""Assistants as agents: each method of the protocol, in both dialects, over the engine's nouns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import TypeAlias

from graphstead.engine.a2a.calls import Call, check_accept, check_version, ready, refused
from graphstead.engine.a2a.cards import Profile, card, profile_of
from graphstead.engine.a2a.conversations import Conversations, Started
from graphstead.engine.a2a.dialects import METHODS, Act
from graphstead.engine.a2a.faults import (
    CONTENT_TYPE,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    NO_PUSH,
    NOT_CANCELABLE,
    UNSUPPORTED,
    Fault,
    invalid,
    is_for_http,
)
from graphstead.engine.a2a.listing import Listing
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
        self._listing = Listing(self._tasks)
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
            return await self._card(await self._assistants.get(wanted, asked), asked)
        except (NotFound, Unprocessable) as problem:
            raise TransportRefused(problem.detail, rpc_code=INVALID_PARAMS) from problem

    async def _card(self, assistant: Json, asked: Asked) -> Json:
        profile = await self._profile(assistant, asked)
        return card(assistant, profile, asked.base_url, secured=bool(asked.caller.identity))

    async def _profile(self, assistant: Json, asked: Asked) -> Profile:
        schemas = await self._assistants.schemas(assistant["assistant_id"], asked)
        return profile_of(assistant, schemas["input_schema"])

    async def answer(self, assistant_id: str, request: Json, asked: Asked) -> Answer:
        """Carry out one request: what is to be awaited for its answer, or the frames of a stream.

        Faults inside the protocol are answers. Raises TransportRefused for an Accept header that
        takes no answer, Unauthorized, Forbidden and Unavailable.
        """
        method = METHODS.get(request["method"])
        check_accept(asked, method)
        request_id = request["id"]
        try:
            check_version(asked)
            if method is None:
                raise Fault(METHOD_NOT_FOUND, f"Method not found: {request['method']}")
            assistant = await self._assistant(assistant_id, asked)
            call = Call(method, request_id, request.get("params") or {}, assistant, asked)
            return await self._acts[method.act](call)
        except (Fault, Problem) as failure:
            if isinstance(failure, Problem) and is_for_http(failure):
                raise
            return ready(refused(request_id, failure))

    async def _assistant(self, assistant_id: str, asked: Asked) -> Json:
        try:
            return await self._assistants.get(assistant_id, asked)
        except (NotFound, Unprocessable) as problem:
            raise invalid(problem.detail) from problem

    async def _send(self, call: Call) -> Answer:
        sent, wishes = self._read(call)
        started = await self._start(call, sent)
        if sent.waits:
            return self._ended(call, started.task, wishes)
        body = await self._first(call, started, sent, wishes)
        return ready(call.result(call.dialect.sent(body)))

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
        keys = (await self._profile(call.assistant, call.asked)).keys if sent.said else ()
        return await self._conversations.begin(call.assistant, sent, keys, call.asked)

    async def _first(self, call: Call, started: Started, sent: Sent, wishes: Wishes) -> Json:
        """Return the task as it is told at first: submitted, or as it stands if that was before."""
        task = started.task
        if not started.fresh:
            return await self._body(task, wishes, call.asked)
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
            return call.result(call.dialect.sent(await self._body(task, wishes, call.asked)))
        except (Fault, Problem) as failure:
            return refused(call.request_id, failure)

    async def _body(self, task: Task, wishes: Wishes, asked: Asked) -> Json:
        return task_body(task, await self._tasks.outcome(task, asked), wishes)

    async def _stream(self, call: Call) -> Answer:
        sent, wishes = self._read(call)
        started = await self._start(call, sent)
        body = await self._first(call, started, sent, wishes)
        return self._followed(call, started.task, wishes, body)

    async def _subscribe(self, call: Call) -> Answer:
        task = await self._asked_task(call)
        if not task.live and task.state != ASKING:
            raise Fault(UNSUPPORTED, f"Task {task.task_id} is {task.state}; get it instead")
        wishes = call.wishes()
        return self._followed(call, task, wishes, await self._body(task, wishes, call.asked))

    def _followed(self, call: Call, task: Task, wishes: Wishes, body: Json) -> AsyncIterator[bytes]:
        """Return the frames of a task from the first event of its newest run on."""

        async def ending() -> Iterable[Json]:
            try:
                now = await self._tasks.find(task.task_id, call.assistant_id, call.asked)
            except Fault:
                gone = {"state": "canceled", "timestamp": wire_time()}
                return [call.dialect.status_update(task.place, gone, final=True)]
            return final_updates(
                now, await self._tasks.outcome(now, call.asked), call.dialect, wishes
            )

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
        return ready(
            call.result(call.dialect.task(await self._body(task, call.wishes(), call.asked)))
        )

    async def _cancel(self, call: Call) -> Answer:
        task = await self._asked_task(call)
        if not task.live:
            raise _not_cancelable(task)
        try:
            await self._stops.cancel(
                task.run.thread_id, task.run.run_id, call.asked, "interrupt", wait=False
            )
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
            return call.result(call.dialect.task(await self._body(task, call.wishes(), call.asked)))
        except (Fault, Problem) as failure:
            return refused(call.request_id, failure)

    async def _list(self, call: Call) -> Answer:
        return ready(call.result(await self._listing.page(call)))

    async def _extended_card(self, call: Call) -> Answer:
        return ready(call.result(await self._card(call.assistant, call.asked)))

    async def _push(self, call: Call) -> Answer:
        raise Fault(NO_PUSH, "Push notifications are not supported; stream, subscribe or ask again")


def _not_cancelable(task: Task) -> Fault:
    return Fault(
        NOT_CANCELABLE, f"Task {task.task_id} is {task.state}: nothing runs to be cancelled"
    )
