"""Crons as clients see them; their runs are made in `timekeeper`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphstead.engine import assistant_rows, cron_rows, outbox, thread_rows
from graphstead.engine.access import OPEN, Access, Action, Grant
from graphstead.engine.assistants import Assistants, Created
from graphstead.engine.callers import Asked
from graphstead.engine.clock import Clock, as_uuid
from graphstead.engine.cron_rows import cron_body
from graphstead.engine.pages import Found, found, page_of, project
from graphstead.engine.replays import Once
from graphstead.graphs.webhooks import WebhookRules
from graphstead.problems import CronNotFound
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import CronFilter, CronRow, Json


@dataclass(frozen=True, slots=True)
class CronGrants:
    """What rules say of a cron, of its thread and of its assistant."""

    cron: Grant = OPEN
    thread: Grant = OPEN
    assistant: Grant = OPEN


class Crons:
    """Everything a client can ask of crons."""

    def __init__(
        self,
        storage: Storage,
        assistants: Assistants,
        clock: Clock,
        access: Access,
        webhooks: WebhookRules,
    ) -> None:
        self._storage = storage
        self._access = access
        self._assistants = assistants
        self._clock = clock
        self._webhooks = webhooks

    async def create(
        self, body: Mapping[str, Any], asked: Asked, *, thread_id: str | None = None
    ) -> Created:
        """Store a cron, for one thread or for threads of its own.

        Raises GraphNotFound, AssistantNotFound, ThreadNotFound, Unprocessable, BadRequest,
        Conflict.
        """
        outbox.check(body, self._webhooks)
        cron_id = self._clock.new_id()
        assistant_id = self._assistants.resolve(body["assistant_id"])
        thread_id = as_uuid(thread_id) if thread_id else None
        grants = await self._may_create(body, asked, cron_id, assistant_id, thread_id)
        row = cron_rows.new_row(
            grants.cron.over(body, "metadata"),
            cron_id=cron_id,
            assistant_id=assistant_id,
            thread_id=thread_id,
            caller=asked.caller,
            clock=self._clock,
        )
        self._access.tell_of_strangers(grants.cron, "crons", row.metadata)
        scope = f"crons {row.thread_id or ''} {asked.caller.identity}"
        once = Once(scope, asked.idempotency_key, body, self._clock)
        made = await self._storage.write(
            lambda tx: once.answer(tx, lambda tx: cron_body(_insert(tx, row, grants)))
        )
        return Created(made, once.headers)

    async def _may_create(
        self,
        body: Mapping[str, Any],
        asked: Asked,
        cron_id: str,
        assistant_id: str,
        thread_id: str | None,
    ) -> CronGrants:
        if self._access.is_open:
            return CronGrants()
        ask, caller, assistant, thread = self._access.ask, asked.caller, OPEN, OPEN
        cron = await ask(
            caller,
            "crons",
            "create",
            payload=dict(body),
            schedule=body["schedule"],
            cron_id=cron_id,
            thread_id=thread_id,
            user_id=caller.identity,
            end_time=body.get("end_time"),
            metadata=body.get("metadata") or {},
        )
        if not self._assistants.is_system(assistant_id):
            assistant = await ask(caller, "assistants", "read", assistant_id=assistant_id)
        if thread_id is not None:
            thread = await ask(caller, "threads", "read", thread_id=thread_id)
        return CronGrants(cron, thread, assistant)

    async def _may(self, asked: Asked, action: Action, cron_id: str, **value: Any) -> CronGrants:
        """Ask for a cron, and for its thread where it has one."""
        if self._access.is_open:
            return CronGrants()
        cron = await self._access.ask(asked.caller, "crons", action, cron_id=cron_id, **value)
        known = as_uuid(cron_id) or cron_id
        row = await self._storage.read(lambda tx: tx.crons.get(known))
        if row is None or row.thread_id is None:
            return CronGrants(cron)
        thread = await self._access.ask(asked.caller, "threads", "read", thread_id=row.thread_id)
        return CronGrants(cron, thread)

    async def get(self, cron_id: str, asked: Asked) -> Json:
        """Get a cron. Raises CronNotFound."""
        grants = await self._may(asked, "read", cron_id)
        return cron_body(await self._storage.read(lambda tx: _existing(tx, cron_id, grants)))

    async def patch(self, cron_id: str, body: Mapping[str, Any], asked: Asked) -> Json:
        """Change the given members. Raises CronNotFound, Unprocessable, BadRequest."""
        outbox.check(body, self._webhooks)
        now_ms = self._clock.now_ms()
        grants = await self._may(asked, "update", cron_id, **_asked_of_rule(body))
        given = grants.cron.over(body, "metadata")

        def change(tx: Tx) -> CronRow:
            row = cron_rows.changed(_existing(tx, cron_id, grants), given, now_ms)
            tx.crons.replace(row)
            return row

        return cron_body(await self._storage.write(change))

    async def delete(self, cron_id: str, asked: Asked) -> None:
        """Delete a cron; runs it has made go on. Raises CronNotFound."""

        grants = await self._may(asked, "delete", cron_id)

        def remove(tx: Tx) -> None:
            tx.crons.delete(_existing(tx, cron_id, grants).cron_id)

        await self._storage.write(remove)

    async def search(self, body: Mapping[str, Any], asked: Asked) -> Found:
        """Find crons, newest first by default. Raises GraphNotFound."""
        page = page_of(body)
        match = await self._match(body, asked, page.limit, page.offset)
        rows, total = await self._storage.read(
            lambda tx: (tx.crons.search(match, page), tx.crons.count(match))
        )
        return found([project(cron_body(row), body.get("select")) for row in rows], total, page)

    async def count(self, body: Mapping[str, Any], asked: Asked) -> int:
        """Count what a search with these filters finds. Raises GraphNotFound."""
        match = await self._match(body, asked, 0, 0)
        return await self._storage.read(lambda tx: tx.crons.count(match))

    async def _match(
        self, body: Mapping[str, Any], asked: Asked, limit: int, offset: int
    ) -> CronFilter:
        assistant_id, thread_id = body.get("assistant_id"), body.get("thread_id")
        grants = await self._may_search(body, asked, limit, offset)
        return CronFilter(
            assistant_id=self._assistants.resolve(assistant_id) if assistant_id else None,
            thread_id=as_uuid(thread_id) if thread_id else None,
            enabled=body.get("enabled"),
            metadata=grants.cron.over(body, "metadata").get("metadata"),
            access=grants.cron.condition,
            thread_access=grants.thread.condition,
        )

    async def _may_search(
        self, body: Mapping[str, Any], asked: Asked, limit: int, offset: int
    ) -> CronGrants:
        if self._access.is_open:
            return CronGrants()
        cron = await self._access.ask(
            asked.caller,
            "crons",
            "search",
            assistant_id=body.get("assistant_id"),
            thread_id=body.get("thread_id"),
            metadata=body.get("metadata") or {},
            limit=limit,
            offset=offset,
        )
        return CronGrants(cron, await self._access.ask(asked.caller, "threads", "search"))


def _asked_of_rule(body: Mapping[str, Any]) -> Json:
    """Return what a rule for crons.update sees beside the id."""
    names = ("schedule", "end_time", "enabled", "on_run_completed")
    return {
        **{name: body.get(name) for name in names},
        "payload": dict(body),
        "metadata": body.get("metadata") or {},
    }


def _insert(tx: Tx, row: CronRow, grants: CronGrants) -> CronRow:
    assistant_rows.existing(tx, row.assistant_id, grants.assistant)
    if row.thread_id:
        thread_rows.locked(tx, row.thread_id, grants.thread)
    tx.crons.insert(row)
    return row


def _existing(tx: Tx, cron_id: str, grants: CronGrants) -> CronRow:
    row = tx.crons.lock(as_uuid(cron_id) or cron_id)
    if row is None or not grants.cron.admits(row.metadata) or not _on_own_thread(tx, row, grants):
        raise CronNotFound(cron_id)
    return row


def _on_own_thread(tx: Tx, row: CronRow, grants: CronGrants) -> bool:
    if row.thread_id is None or grants.thread.condition is None:
        return True
    thread = tx.threads.get(row.thread_id)
    return thread is not None and grants.thread.admits(thread.metadata)
