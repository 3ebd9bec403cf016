"""Stateless Runs: runs that bring their own thread and by default take it with them."""

from __future__ import annotations

from typing import Any

from graphstead.contract.answers import EventStream, KeepAliveJson, Reply
from graphstead.contract.exchange import Disconnected
from graphstead.engine import Engine
from graphstead.engine.callers import Asked
from graphstead.engine.runs import places, run_body


async def run_stateless_runs_post(*, body: dict[str, Any], engine: Engine, asked: Asked) -> Reply:
    """Create a background run."""
    made = await engine.runs.create(body, asked)
    return Reply(run_body(made.run), places(made, stateless=True))


async def run_batch_stateless_runs_post(
    *, body: list[dict[str, Any]], engine: Engine, asked: Asked
) -> Reply:
    """Create runs in one transaction, in the order of the array."""
    made = await engine.runs.create_batch(body, asked)
    return Reply([run_body(run) for run in made.runs], made.headers)


async def wait_run_stateless_runs_wait_post(
    *, body: dict[str, Any], engine: Engine, asked: Asked, disconnected: Disconnected
) -> KeepAliveJson:
    """Create a run and answer with its output."""
    made = await engine.runs.create(body, asked)
    leaving = body.get("on_disconnect") == "cancel"
    output = engine.streams.output(made.run, cancel_on_leave=leaving, gone=disconnected)
    return KeepAliveJson(output, places(made, stateless=False, then="join"))


async def stream_run_stateless_runs_stream_post(
    *, body: dict[str, Any], engine: Engine, asked: Asked, disconnected: Disconnected
) -> EventStream:
    """Create a run and stream its events."""
    made = await engine.runs.create(body, asked)
    leaving = body.get("on_disconnect") == "cancel"
    frames = engine.streams.stream(made.run, gone=disconnected, cancel_on_leave=leaving)
    return EventStream(frames, places(made, stateless=True, then="stream"))


async def stream_run_stateless_get(
    *,
    run_id: str,
    last_event_id: str | None,
    stream_mode: list[str] | None,
    cancel_on_disconnect: bool,
    engine: Engine,
    asked: Asked,
    disconnected: Disconnected,
) -> EventStream:
    """Join the stream of a stateless run."""
    found = await engine.streams.find_end(None, run_id, asked, cancels=cancel_on_disconnect)
    frames = await engine.streams.join_stream(
        found,
        last_event_id=last_event_id,
        modes=stream_mode or (),
        gone=disconnected,
        cancel_on_leave=cancel_on_disconnect,
    )
    return EventStream(frames, {"content-location": f"/runs/{run_id}"})
