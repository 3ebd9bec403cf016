"""The same operation three times: a 1.1 kB run request in, a 1.3 kB run out.

`contract` is this server's whole contract stack over an engine that only makes the answer;
`starlette` and `fastapi` are what one would write by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from graphstead.contract.app import build_app
from graphstead.contract.load import packaged
from graphstead.engine.runs import Made
from graphstead.logs import configure_logging
from graphstead.request_log import RequestLog
from graphstead.settings import read_settings
from graphstead.storage.rows import RunRow

__all__ = ["REQUEST", "contract", "fastapi", "logged", "starlette"]

RUN_ID = "019a0d7e-0000-7000-8000-000000000001"
THREAD_ID = "019a0d7e-0000-7000-8000-000000000002"
ASSISTANT_ID = "01d10e59-d4b4-51ec-8e94-9b2716b34de8"
NOW = "2026-01-01T00:00:00.000000+00:00"

REQUEST: dict[str, Any] = {
    "assistant_id": ASSISTANT_ID,
    "input": {"messages": [{"role": "user", "content": "x" * 600}]},
    "metadata": {"order": "A-1042", "customer": "c-77", "tags": ["nightly", "retry"]},
    "config": {"tags": ["a", "b"], "recursion_limit": 40, "configurable": {"model": "words"}},
    "stream_mode": ["values", "updates"],
    "interrupt_before": ["review"],
    "multitask_strategy": "enqueue",
    "if_not_exists": "create",
    "on_completion": "keep",
    "durability": "async",
    "stream_resumable": True,
    "after_seconds": 3600,
}


def _kwargs(body: dict[str, Any]) -> dict[str, Any]:
    names = ("input", "command", "config", "context", "stream_mode", "interrupt_before")
    return {name: body.get(name) for name in (*names, "interrupt_after", "webhook", "durability")}


def run_of(body: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of the hand-written peers."""
    return {
        "run_id": RUN_ID,
        "thread_id": THREAD_ID,
        "assistant_id": body["assistant_id"],
        "metadata": body["metadata"],
        "status": "pending",
        "kwargs": _kwargs(body),
        "multitask_strategy": body["multitask_strategy"],
        "created_at": NOW,
        "updated_at": NOW,
        "langsmith_session_name": None,
    }


class Runs:
    """The part of the engine that the measured operation calls."""

    async def create(self, body: dict[str, Any], asked: Any) -> Made:
        run = RunRow(
            run_id=RUN_ID,
            thread_id=THREAD_ID,
            assistant_id=body["assistant_id"],
            status="pending",
            metadata=body["metadata"],
            kwargs=_kwargs(body),
            multitask_strategy=body["multitask_strategy"],
            created_at=NOW,
            updated_at=NOW,
            start_ms=0,
            blocked=False,
            temporary=False,
        )
        return Made([run], {})


class System:
    """What tells that the process is up."""

    async def health(self, *, check_db: bool) -> dict[str, bool]:
        return {"ok": True}


@asynccontextmanager
async def _nothing(app: Any) -> AsyncIterator[None]:
    yield


def contract() -> ASGIApp:
    """Return every layer of this server but its request log."""
    engine = SimpleNamespace(runs=Runs(), system=System())
    return build_app(packaged(), engine=engine, lifespan=_nothing, drain=asyncio.Event())


def logged() -> ASGIApp:
    """Return every layer, writing a log line per request."""
    configure_logging(read_settings())
    return RequestLog(contract())


async def _ok(request: Request) -> JSONResponse:
    return JSONResponse({"ok": True})


async def _create(request: Request) -> JSONResponse:
    return JSONResponse(run_of(await request.json()))


def starlette() -> ASGIApp:
    """Return bare Starlette: no validation at all."""
    return Starlette(routes=[Route("/ok", _ok), Route("/runs", _create, methods=["POST"])])


class RunCreate(BaseModel):
    """What the request may hold, as one would write it for FastAPI."""

    model_config = ConfigDict(extra="allow")

    assistant_id: str
    input: Any = None
    command: dict[str, Any] | None = None
    metadata: dict[str, Any] = {}
    config: dict[str, Any] = {}
    context: dict[str, Any] | None = None
    stream_mode: list[str] | str = "values"
    interrupt_before: list[str] | str | None = None
    interrupt_after: list[str] | str | None = None
    webhook: str | None = None
    multitask_strategy: str = "enqueue"
    if_not_exists: str = "reject"
    on_completion: str = "delete"
    durability: str = "async"
    stream_resumable: bool = False
    after_seconds: float = 0


class RunOut(BaseModel):
    """What the answer holds."""

    run_id: str
    thread_id: str
    assistant_id: str
    metadata: dict[str, Any]
    status: str
    kwargs: dict[str, Any]
    multitask_strategy: str
    created_at: str
    updated_at: str
    langsmith_session_name: str | None


def fastapi() -> ASGIApp:
    """Return FastAPI with pydantic models on both sides."""
    app = FastAPI()

    @app.get("/ok")
    async def ok() -> dict[str, bool]:
        return {"ok": True}

    @app.post("/runs", response_model=RunOut)
    async def create(body: RunCreate) -> dict[str, Any]:
        return run_of(body.model_dump())

    return app
