"""Runs as clients see them: create, get, list; the decisions are in `transitions`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphstead import tracing
from graphstead.engine import drafts, lookups, outbox, run_creation, run_grants
from graphstead.engine.access import Access
from graphstead.engine.assistants import Assistants
from graphstead.engine.callers import Asked
from graphstead.engine.clock import Clock
from graphstead.engine.drafts import Draft
from graphstead.engine.explain import explain
from graphstead.engine.replays import Once
from graphstead.engine.run_grants import RunGate
from graphstead.graphs.headers import HeaderRule
from graphstead.graphs.webhooks import WebhookRules
from graphstead.problems import Problem
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import Json, RunRow

Bodies = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Made:
    """Runs that were made, now or by an earlier request with the same key."""

    runs: list[RunRow]
    headers: Mapping[str, str]

    @property
    def run(self) -> RunRow:
        """Return the only run."""
        return self.runs[0]


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key of a protocol's own, which makes a run once within a place."""

    place: str
    key: str


class Runs:
    """Creating and reading runs."""

    def __init__(
        self,
        storage: Storage,
        assistants: Assistants,
        clock: Clock,
        header_rule: HeaderRule,
        access: Access,
        thread_ttl: Json | None = None,
        webhooks: WebhookRules | None = None,
    ) -> None:
        self._storage = storage
        self._access = access
        self._gate = RunGate(access, assistants.is_system)
        self._header_rule = header_rule
        self._assistants = assistants
        self._clock = clock
        self._thread_ttl = thread_ttl
        self._webhooks = webhooks or WebhookRules()

    async def create(
        self,
        body: Mapping[str, Any],
        asked: Asked,
        *,
        thread_id: str | None = None,
        own_key: OwnKey | None = None,
        thread_ttl: Json | None = None,
        also: Callable[[Tx, RunRow], None] | None = None,
    ) -> Made:
        """Store a pending run, durable when this returns.

        `own_key` stands in for the request's; `thread_ttl` is for a thread that is made for it,
        instead of the project's; `also` has a look or writes more in the same transaction, once the
        run is in it, and may raise.

        Raises GraphNotFound, AssistantNotFound, ThreadNotFound, ThreadBusy, BadRequest, Conflict,
        and what `also` raises.
        """
        draft, clock = await self._draft(body, thread_id, asked, thread_ttl), self._clock

        def work(tx: Tx) -> list[RunRow]:
            run = run_creation.create(tx, draft, clock)
            if also is not None:
                also(tx, run)
            return [run]

        return await self._make(body, asked, thread_id or "", work, own_key)

    async def create_batch(self, bodies: Bodies, asked: Asked) -> Made:
        """Store stateless runs in one transaction, in the order of the array, all or none."""
        made, clock = [], self._clock
        for index, body in enumerate(bodies):
            with _at(index):
                made.append(await self._draft(body, None, asked))

        def create_all(tx: Tx) -> list[RunRow]:
            runs = []
            for index, draft in enumerate(made):
                with _at(index):
                    runs.append(run_creation.create(tx, draft, clock))
            return runs

        return await self._make(bodies, asked, "", create_all)

    async def _make(
        self,
        body: Any,
        asked: Asked,
        place: str,
        work: Callable[[Tx], list[RunRow]],
        own_key: OwnKey | None = None,
    ) -> Made:
        key = asked.idempotency_key
        if own_key is not None:
            place, key = own_key.place, own_key.key
        once = Once(f"runs {place} {asked.caller.identity}", key, body, self._clock)
        runs = await self._storage.write(lambda tx: once.act(tx, work, _encode, _decode))
        return Made(runs, once.headers)

    async def _draft(
        self,
        body: Mapping[str, Any],
        thread_id: str | None,
        asked: Asked,
        thread_ttl: Json | None = None,
    ) -> Draft:
        drafts.check(body, stateless=thread_id is None)
        outbox.check(body, self._webhooks)
        run_id, assistant_id = self._clock.new_id(), self._assistants.resolve(body["assistant_id"])
        grants = await self._gate.ask(asked.caller, body, run_id, thread_id, assistant_id)
        return Draft(
            run_id=run_id,
            thread_id=thread_id,
            assistant_id=assistant_id,
            body=run_grants.granted(body, grants, stateless=thread_id is None),
            grants=grants,
            caller=asked.caller,
            headers=self._header_rule.pick(asked.headers),
            request_id=asked.request_id,
            requested_ms=self._clock.now_ms(),
            thread_ttl=thread_ttl or self._thread_ttl,
            traceparent=tracing.traceparent(),
        )

    async def explained(self, thread_id: str, run_id: str, asked: Asked) -> Json:
        """Get a run in its wire form, with why it waits, its attempt, worker and cancellation.

        Raises ThreadNotFound, RunNotFound.
        """
        now_ms = self._clock.now_ms()
        grant = await self._access.ask(
            asked.caller, "threads", "read", thread_id=thread_id, run_id=run_id
        )

        def read(tx: Tx) -> Json:
            lookups.thread_of(tx, thread_id, grant)
            run = lookups.get_run(tx, thread_id, run_id)
            return {**run_body(run), **explain(tx, run, now_ms)}

        return await self._storage.read(read)

    async def list(
        self, thread_id: str, asked: Asked, status: str | None, limit: int, offset: int
    ) -> list[RunRow]:
        """List a thread's runs, newest first. Raises ThreadNotFound."""

        ask, caller = self._access.ask, asked.caller
        grant = await ask(caller, "threads", "read", thread_id=thread_id)
        searching = await ask(caller, "threads", "search", thread_id=thread_id, metadata={})

        def listed(tx: Tx) -> list[RunRow]:
            thread = lookups.thread_of(tx, thread_id, grant)
            if not searching.admits(thread.metadata):
                return []
            return tx.runs.list(thread_id, status, limit=limit, offset=offset)

        return await self._storage.read(listed)


class _at:
    """Name the item of a batch that a problem is about."""

    def __init__(self, index: int) -> None:
        self._index = index

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, problem: BaseException | None, trace: Any) -> None:
        if isinstance(problem, Problem):
            problem.detail = f"body[{self._index}]: {problem.detail.removeprefix('body.')}"


def places(made: Made, *, stateless: bool, then: str = "") -> dict[str, str]:
    """Return Content-Location, and Location where a client can reconnect (`stream` or `join`)."""
    run = made.run
    home = f"/runs/{run.run_id}" if stateless else f"/threads/{run.thread_id}/runs/{run.run_id}"
    headers = {**made.headers, "content-location": home}
    if then:
        headers["location"] = f"{home}/{then}"
    return headers


def run_body(run: RunRow) -> Json:
    """Return a run in its wire form."""
    return {
        "run_id": run.run_id,
        "thread_id": run.thread_id,
        "assistant_id": run.assistant_id,
        "metadata": run.metadata,
        "status": run.status,
        "kwargs": run.kwargs,
        "multitask_strategy": run.multitask_strategy,
        "created_at": run.created_at,
        "updated_at": run.updated_at,
        "langsmith_session_name": None,
    }


def _encode(runs: list[RunRow]) -> list[Json]:
    return [run_body(run) for run in runs]


def _decode(bodies: list[Json]) -> list[RunRow]:
    return [_run_of_body(body) for body in bodies]


def _run_of_body(body: Json) -> RunRow:
    """Return the row behind a remembered answer; its times of execution are not known."""
    known = {key: value for key, value in body.items() if key != "langsmith_session_name"}
    return RunRow(**known, start_ms=0, temporary=bool(body["kwargs"]["temporary"]))
