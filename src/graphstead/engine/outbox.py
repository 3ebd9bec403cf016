"""What a webhook is told: written with the end of the run, in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from graphstead.engine.clock import Clock, wire_time
from graphstead.graphs.webhooks import WebhookRules
from graphstead.problems import Unprocessable
from graphstead.storage.base import Tx
from graphstead.storage.rows import DeliveryRow, Json, RunRow


def check(body: Mapping[str, Any], rules: WebhookRules) -> None:
    """Refuse a webhook that may not be called. Raises Unprocessable."""
    url = body.get("webhook")
    why = rules.refusal(url) if url else None
    if why is not None:
        blocked = "Webhook refused" if rules.switched_off else "Webhook host blocked"
        detail = f"{blocked}: {why}"
        raise Unprocessable(detail, errors=[{"loc": "body.webhook", "msg": detail}])


def owe(tx: Tx, run: RunRow, status: str, values: Any, error: Json | None, clock: Clock) -> None:
    """Store the call that is owed for the end of this run, if it has a webhook."""
    url = run.kwargs.get("webhook")
    if url is None:
        return
    now_ms = clock.now_ms()
    payload = orjson.dumps(_payload(run, status, values, error))
    tx.deliveries.add(DeliveryRow(run.run_id, url, payload, now_ms, now_ms))


def _payload(run: RunRow, status: str, values: Any, error: Json | None) -> Json:
    ended = wire_time()
    payload = {
        "run_id": run.run_id,
        "thread_id": run.thread_id,
        "assistant_id": run.assistant_id,
        "metadata": run.metadata,
        "status": status,
        "kwargs": run.kwargs,
        "multitask_strategy": run.multitask_strategy,
        "created_at": run.created_at,
        "updated_at": ended,
        "langsmith_session_name": None,
        "run_started_at": run.updated_at if run.status == "running" else None,
        "run_ended_at": ended,
        "values": None if run.temporary else values,
    }
    return payload if error is None else {**payload, "error": error}
