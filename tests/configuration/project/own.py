"""A FastAPI application beside the contract, as a project would bring one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.middleware.base import BaseHTTPMiddleware


class Thread(BaseModel):
    """A name that the contract uses for something else."""

    colour: str


class Teapot(Exception):
    """Answered by a handler of the application."""


class Busy(Exception):
    """Answered by nobody."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    app.state.started = "before the first request"
    yield {"shared": "by the lifespan"}


app = FastAPI(lifespan=lifespan)


async def stamp(request: Request, call_next: Any) -> Any:
    if request.headers.get("x-stop"):
        raise HTTPException(418, "stopped by middleware")
    answer = await call_next(request)
    answer.headers["x-stamp"] = str(answer.status_code)
    if "user" in request.scope:
        answer.headers["x-stamp-user"] = request.user.identity
    return answer


app.add_middleware(BaseHTTPMiddleware, dispatch=stamp)


@app.exception_handler(Teapot)
async def teapot(request: Request, error: Teapot) -> JSONResponse:
    return JSONResponse({"short": "and stout"}, 418)


@app.get("/own/{name}", tags=["Own"])
async def own(name: str, request: Request) -> dict[str, Any]:
    """Tell what the application sees."""
    return {
        "name": name,
        "state": request.app.state.started,
        "shared": request.state.shared,
        "url": str(request.url_for("own", name=name)),
        "user": request.user.identity,
    }


@app.post("/own", tags=["Own"])
async def make(thread: Thread) -> Thread:
    return thread


@app.get("/fail/{how}")
async def fail(how: str) -> None:
    raise {"teapot": Teapot(), "http": HTTPException(409, "taken")}.get(how, Busy("hidden"))


@app.get("/info")
async def info() -> dict[str, Any]:
    return {"mine": True}


@app.get("/ok")
async def ok() -> dict[str, Any]:
    return {"never": "reached"}


@app.get("/threads/search")
async def search() -> list[str]:
    return ["the project's GET beside the contract's POST"]


@app.get("/llms.txt")
async def llms() -> str:
    return "the project's own"
