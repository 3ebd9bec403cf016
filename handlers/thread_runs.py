"""Thread Runs: runs that read and change the state of a thread."""

from __future__ import annotations

from typing import Any

from graphstead.contract.answers import EventStream, KeepAliveJson, Raw, Reply
from graphstead.contract.exchange import Disconnected
from graphstead.engine import Engine
from graphstead.engine.callers import Asked
from graphstead.engine.pages import project
from graphstead.engine.runs import places, run_body
from graphstead.storage.rows import CancelAction


async def create_run_threads__thread_id__runs_post(
    *, thread_id: str, body: dict[str, Any], engine: Engine, asked: Asked
) -> Reply:
    """Create a background run on a thread."""
    made = await engine.runs.create(body, asked, thread_id=thread_id)
    return Reply(run_body(made.run), places(made, stateless=False))


async def wait_run_threads__thread_id__runs_wait_post(
    *,
    thread_id: str,
    body: dict[str, Any],
    engine: Engine,
    asked: Asked,
    disconnected: Disconnected,
) -> KeepAliveJson:
    """Create a run on a thread and answer with its output."""
    made = await engine.runs.create(body, asked, thread_id=thread_id)
    leaving = body.get("on_disconnect") == "cancel"
    output = engine.streams.output(made.run, cancel_on_leave=leaving, gone=disconnected)
    return KeepAliveJson(output, places(made, stateless=False, then="join"))


async def stream_run_threads__thread_id__runs_stream_post(
    *,
    thread_id: str,
    body: dict[str, Any],
    engine: Engine,
    asked: Asked,
    disconnected: Disconnected,
) -> EventStream:
    """Create a run on a thread and stream its events."""
    made = await engine.runs.create(body, asked, thread_id=thread_id)
    leaving = body.get("on_disconnect") == "cancel"
    frames = engine.streams.stream(made.run, gone=disconnected, cancel_on_leave=leaving)
    return EventStream(frames, places(made, stateless=False, then="stream"))


async def get_run_http_threads__thread_id__runs__run_id__get(
    *, thread_id: str, run_id: str, engine: Engine, asked: Asked
) -> dict[str, Any]:
    """Get a run of a thread."""
    return await engine.runs.explained(thread_id, run_id, asked)


async def join_run_http_threads__thread_id__runs__run_id__join_get(
    *, thread_id: str, run_id: str, engine: Engine, asked: Asked
) -> KeepAliveJson:
    """Wait for a run and answer with its output."""
    found = await engine.streams.find_end(thread_id, run_id, asked)
    here = f"/threads/{thread_id}/runs/{run_id}"
    headers = {"content-location": here, "location": f"{here}/join"}
    return KeepAliveJson(engine.streams.join(found), headers)


async def stream_run_http_threads__thread_id__runs__run_id__join_get(
    *,
    thread_id: str,
    run_id: str,
    last_event_id: str | None,
    stream_mode: list[str] | None,
    cancel_on_disconnect: bool,
    engine: Engine,
    asked: Asked,
    disconnected: Disconnected,
) -> EventStream:
    """Join the stream of a run."""
    found = await engine.streams.find_end(thread_id, run_id, asked, cancels=cancel_on_disconnect)
    frames = await engine.streams.join_stream(
        found,
        last_event_id=last_event_id,
        modes=stream_mode or (),
        gone=disconnected,
        cancel_on_leave=cancel_on_disconnect,
    )
    here = f"/threads/{thread_id}/runs/{run_id}"
    return EventStream(frames, {"content-location": here, "location": f"{here}/stream"})


async def list_runs_http_threads__thread_id__runs_get(
    *,
    thread_id: str,
    limit: int,
    offset: int,
    status: str | None,
    select: list[str] | None,
    engine: Engine,
    asked: Asked,
) -> list[dict[str, Any]]:
    """List the runs of a thread, newest first."""
    runs = await engine.runs.list(thread_id, asked, status, limit, offset)
    return [project(run_body(run), select) for run in runs]


async def delete_run_threads__thread_id__runs__run_id__delete(
    *, thread_id: str, run_id: str, engine: Engine, asked: Asked
) -> None:
    """Delete a run and what it wrote."""
    await engine.stops.delete(thread_id, run_id, asked)


async def cancel_run_http_threads__thread_id__runs__run_id__cancel_post(
    *, thread_id: str, run_id: str, wait: bool, action: CancelAction, engine: Engine, asked: Asked
) -> Raw | Reply:
    """Cancel a run; with `wait` answer with the state it left."""
    state = await engine.stops.cancel(thread_id, run_id, asked, action, wait=bool(wait))
    here = f"/threads/{thread_id}/runs/{run_id}"
    headers = {"content-location": here, "location": f"{here}/join"}
    return Reply(empty=True) if state is None else Raw(state, headers=headers)


async def cancel_runs_post(
    *, body: dict[str, Any], action: CancelAction, engine: Engine, asked: Asked
) -> None:
    """Cancel many runs."""
    await engine.stops.cancel_many(body, asked, action)
