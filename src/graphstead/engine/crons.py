"""Crons as clients see them; their runs are made in `timekeeper`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphstead.engine import cron_rows, outbox
from graphstead.engine.assistants import Assistants, Created
from graphstead.engine.callers import Asked
from graphstead.engine.clock import Clock, as_uuid
from graphstead.engine.cron_rows import cron_body
from graphstead.engine.pages import Found, found, page_of, project
from graphstead.engine.replays import Once
from graphstead.graphs.webhooks import WebhookRules
from graphstead.problems import AssistantNotFound, CronNotFound, ThreadNotFound
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import CronFilter, CronRow, Json


class Crons:
    """Everything a client can ask of crons."""

    def __init__(
        self, storage: Storage, assistants: Assistants, clock: Clock, webhooks: WebhookRules
    ) -> None:
        self._storage = storage
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
        row = cron_rows.new_row(
            body,
            assistant_id=self._assistants.resolve(body["assistant_id"]),
            thread_id=as_uuid(thread_id) if thread_id else None,
            caller=asked.caller,
            clock=self._clock,
        )
        scope = f"crons {row.thread_id or ''} {asked.caller.identity}"
        once = Once(scope, asked.idempotency_key, body, self._clock)
        made = await self._storage.write(
            lambda tx: once.answer(tx, lambda tx: cron_body(_insert(tx, row)))
        )
        return Created(made, once.headers)

    async def get(self, cron_id: str, asked: Asked) -> Json:
        """Get a cron. Raises CronNotFound."""
        return cron_body(await self._storage.read(lambda tx: _existing(tx, cron_id)))

    async def patch(self, cron_id: str, body: Mapping[str, Any], asked: Asked) -> Json:
        """Change the given members. Raises CronNotFound, Unprocessable, BadRequest."""
        outbox.check(body, self._webhooks)
        now_ms = self._clock.now_ms()

        def change(tx: Tx) -> CronRow:
            row = cron_rows.changed(_existing(tx, cron_id), body, now_ms)
            tx.crons.replace(row)
            return row

        return cron_body(await self._storage.write(change))

    async def delete(self, cron_id: str, asked: Asked) -> None:
        """Delete a cron; runs it has made go on. Raises CronNotFound."""

        def remove(tx: Tx) -> None:
            tx.crons.delete(_existing(tx, cron_id).cron_id)

        await self._storage.write(remove)

    async def search(self, body: Mapping[str, Any], asked: Asked) -> Found:
        """Find crons, newest first by default. Raises GraphNotFound."""
        match, page = self._match(body), page_of(body)
        rows, total = await self._storage.read(
            lambda tx: (tx.crons.search(match, page), tx.crons.count(match))
        )
        return found([project(cron_body(row), body.get("select")) for row in rows], total, page)

    async def count(self, body: Mapping[str, Any], asked: Asked) -> int:
        """Count what a search with these filters finds. Raises GraphNotFound."""
        match = self._match(body)
        return await self._storage.read(lambda tx: tx.crons.count(match))

    def _match(self, body: Mapping[str, Any]) -> CronFilter:
        assistant_id, thread_id = body.get("assistant_id"), body.get("thread_id")
        return CronFilter(
            assistant_id=self._assistants.resolve(assistant_id) if assistant_id else None,
            thread_id=as_uuid(thread_id) if thread_id else None,
            enabled=body.get("enabled"),
            metadata=body.get("metadata"),
        )


def _insert(tx: Tx, row: CronRow) -> CronRow:
    if tx.assistants.get(row.assistant_id) is None:
        raise AssistantNotFound(row.assistant_id)
    if row.thread_id and tx.threads.lock(row.thread_id) is None:
        raise ThreadNotFound(row.thread_id)
    tx.crons.insert(row)
    return row


def _existing(tx: Tx, cron_id: str) -> CronRow:
    row = tx.crons.lock(as_uuid(cron_id) or cron_id)
    if row is None:
        raise CronNotFound(cron_id)
    return row
