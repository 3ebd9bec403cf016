"""A server with faults sown into it: `python -m conformance.mutants PORT DATA FAULT...`.

Each fault changes one handler or the contract that one operation is served with. The published
contract stays the real one: that is what the suite must hold against it.
"""

from __future__ import annotations

import copy
import functools
import importlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvicorn
from servers import EXAMPLES, ROOT, Server

from graphstead import app as application
from graphstead.cli.project import open_project
from graphstead.contract import route
from graphstead.contract.answers import EventStream, Raw, Reply
from graphstead.contract.load import Document, packaged
from graphstead.problems import Conflict, NotFound, Problem
from graphstead.serving import DrainServer, server_options


@dataclass(frozen=True)
class Fault:
    """One thing gone wrong: where, how, and the check that has to notice."""

    name: str
    operation: str
    operation_id: str
    check: str
    sow: Callable[[Document], None]
    with_steps: tuple[str, ...] = ()


class Mutant(Server):
    """A server process with faults."""

    def __init__(self, folder: Path, faults: Iterable[Fault]) -> None:
        paths = [str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
        super().__init__(folder / "data", env={"PYTHONPATH": os.pathsep.join(filter(None, paths))})
        names = [fault.name for fault in faults]
        self.command = [sys.executable, "-m", "conformance.mutants", str(self.port)]
        self.command += [str(self.data_dir), *names]


class Teapot(Problem):
    """A status that no operation declares."""

    status = 418
    code = "teapot"


def patch(tag: str, operation_id: str, change: Callable[[Any], Any]) -> Callable[[Document], None]:
    """Return what puts `change` between a handler and its result."""

    def sow(document: Document) -> None:
        module = importlib.import_module(f"graphstead.handlers.{tag}")
        original = getattr(module, operation_id)

        async def changed(**arguments: Any) -> Any:
            return change(await original(**arguments))

        # The handler's arguments are read from its signature.
        setattr(module, operation_id, functools.wraps(original)(changed))

    return sow


def always(problem: Problem) -> Callable[[Any], Any]:
    def change(result: Any) -> Any:
        raise problem

    return change


def break_down(result: Any) -> Any:
    return 1 // 0


def list_as_metadata(result: Any) -> Any:
    return {**result, "metadata": ["no", "object"]}


def total_in_words(result: Any) -> Any:
    return Reply(result.body, {**result.headers, "x-pagination-total": "many"})


def unknown_event(result: EventStream) -> EventStream:
    async def frames() -> AsyncIterator[bytes]:
        yield b'event: surprise\r\ndata: {"x":1}\r\n\r\n'

    return replace(result, frames=frames())


def broken_stream(result: EventStream) -> EventStream:
    async def frames() -> AsyncIterator[bytes]:
        yield b": nothing yet\r\n\r\n"
        raise ZeroDivisionError

    return replace(result, frames=frames())


def accept_any_body(document: Document) -> None:
    body = document["paths"]["/assistants/count"]["post"]["requestBody"]
    body["content"]["application/json"]["schema"] = {}


def answer_other_type(document: Document) -> None:
    content = document["paths"]["/ok"]["get"]["responses"]["200"]["content"]
    content["text/plain"] = {}
    patch("system", HEALTH, lambda result: Raw(b"fine", "text/plain"))(document)


def deny_wrong_methods(document: Document) -> None:
    vars(route)["MethodNotAllowed"] = lambda allow: NotFound()


def forget_to_delete(document: Document) -> None:
    module = importlib.import_module("graphstead.handlers.threads")

    async def delete(*, thread_id: str) -> None:
        return None

    setattr(module, DELETE, delete)


def lose_an_event(result: EventStream) -> EventStream:
    async def frames() -> AsyncIterator[bytes]:
        sent = b""
        async for frame in result.frames:
            sent += frame
        parts = sent.split(b"\r\n\r\n")
        yield b"\r\n\r\n".join([*parts[:2], *parts[3:]])

    return replace(result, frames=frames())


def ask_for(tag: str, operation_id: str, **members: Any) -> Callable[[Document], None]:
    """Return what puts other members into the body before a handler sees it."""

    def sow(document: Document) -> None:
        module = importlib.import_module(f"graphstead.handlers.{tag}")
        original = getattr(module, operation_id)

        async def changed(**arguments: Any) -> Any:
            body = {**arguments["body"], **members}
            return await original(**{**arguments, "body": body})

        setattr(module, operation_id, functools.wraps(original)(changed))

    return sow


def one_by_one(document: Document) -> None:
    """Make the runs of a batch in a transaction each."""
    module = importlib.import_module("graphstead.handlers.stateless_runs")
    original = getattr(module, BATCH)

    async def changed(**arguments: Any) -> Any:
        answers = [await original(**{**arguments, "body": [item]}) for item in arguments["body"]]
        return answers[-1]

    setattr(module, BATCH, functools.wraps(original)(changed))


def forget_to_remove(document: Document) -> None:
    module = importlib.import_module("graphstead.handlers.store")

    async def changed(**arguments: Any) -> None:
        return None

    setattr(module, DELETE_ITEM, functools.wraps(getattr(module, DELETE_ITEM))(changed))


HEALTH = "health_check_ok_get"
CREATE_THREAD = "create_thread_threads_post"
CREATE_RUN = "create_run_threads__thread_id__runs_post"
GET_THREAD = "get_thread_threads__thread_id__get"
GET_RUN = "get_run_http_threads__thread_id__runs__run_id__get"
STATE = "get_latest_thread_state_threads__thread_id__state_get"
COUNT = "count_threads_threads_count_post"
SEARCH = "search_threads_threads_search_post"
COPY = "copy_thread_post_threads__thread_id__copy_post"
RUN_EVENTS = "stream_run_http_threads__thread_id__runs__run_id__join_get"
EVENTS = "stream_run_stateless_get"
LIST_RUNS = "list_runs_http_threads__thread_id__runs_get"
ASSISTANTS_COUNT = "count_assistants_assistants_count_post"
BATCH = "run_batch_stateless_runs_post"
DELETE_ITEM = "delete_item"
DELETE = "delete_thread_threads__thread_id__delete"

FAULTS = (
    Fault(
        "wrong type in an answer",
        "GET /threads/{thread_id}",
        GET_THREAD,
        "response_schema_conformance",
        patch("threads", GET_THREAD, list_as_metadata),
    ),
    Fault(
        "undeclared status",
        "POST /threads/count",
        COUNT,
        "status_code_conformance",
        patch("threads", COUNT, always(Teapot("short and stout"))),
    ),
    Fault(
        "unexpected exception",
        "GET /threads/{thread_id}/runs",
        LIST_RUNS,
        "not_a_server_error",
        patch("thread_runs", LIST_RUNS, break_down),
    ),
    Fault(
        "dropped request validation",
        "POST /assistants/count",
        ASSISTANTS_COUNT,
        "negative_data_rejection",
        accept_any_body,
    ),
    Fault(
        "wrong event in a stream",
        "GET /threads/{thread_id}/runs/{run_id}/stream",
        RUN_EVENTS,
        "response_schema_conformance",
        patch("thread_runs", RUN_EVENTS, unknown_event),
    ),
    Fault(
        "exception in a stream",
        "GET /runs/{run_id}/stream",
        EVENTS,
        "answers_hide_no_server_fault",
        patch("stateless_runs", EVENTS, broken_stream),
    ),
    Fault(
        "wrong header",
        "POST /threads/search",
        SEARCH,
        "response_headers_conformance",
        patch("threads", SEARCH, total_in_words),
    ),
    Fault(
        "wrong media type",
        "GET /ok",
        HEALTH,
        "content_type_conformance",
        answer_other_type,
    ),
    Fault(
        "refusal without a reason",
        "POST /threads/{thread_id}/copy",
        COPY,
        "refusals_are_deserved",
        patch("threads", COPY, always(Conflict("not today"))),
    ),
    Fault(
        "wrong method not answered 405",
        "POST /threads/count",
        COUNT,
        "unsupported_method",
        deny_wrong_methods,
    ),
)
# These show only when one operation follows another.
FAULTS_OF_SEQUENCES = (
    Fault(
        "deleted but still there",
        "GET /threads/{thread_id}",
        DELETE,
        "use_after_free",
        forget_to_delete,
        with_steps=(CREATE_THREAD, GET_THREAD),
    ),
    Fault(
        "created but not there",
        "GET /threads/{thread_id}/runs/{run_id}",
        GET_RUN,
        "ensure_resource_availability",
        patch("thread_runs", GET_RUN, always(NotFound("Run not found"))),
        with_steps=(CREATE_THREAD, CREATE_RUN),
    ),
)
# For `graphstead conform`; the check is the id of one of its own.
FAULTS_OF_BEHAVIOUR = (
    Fault(
        "event lost on replay",
        "GET /threads/{thread_id}/runs/{run_id}/stream",
        RUN_EVENTS,
        "replay/a resumable run is told again",
        patch("thread_runs", RUN_EVENTS, lose_an_event),
    ),
    Fault(
        "reject taken for enqueue",
        "POST /threads/{thread_id}/runs",
        CREATE_RUN,
        "multitask/reject",
        ask_for("thread_runs", CREATE_RUN, multitask_strategy="enqueue"),
    ),
    Fault(
        "every page is the first",
        "POST /threads/search",
        SEARCH,
        "pagination/pages hold each thread once",
        ask_for("threads", SEARCH, offset=0),
    ),
    Fault(
        "batch in several transactions",
        "POST /runs/batch",
        BATCH,
        "batch/a batch with an unknown assistant makes none",
        one_by_one,
    ),
    Fault(
        "deleted item still there",
        "DELETE /store/items",
        DELETE_ITEM,
        "store/a deleted item is gone",
        forget_to_remove,
    ),
)


def main(port: int, data_dir: Path, names: list[str]) -> None:
    """Serve with the named faults until a signal comes."""
    document = copy.deepcopy(packaged())
    for fault in (*FAULTS, *FAULTS_OF_SEQUENCES, *FAULTS_OF_BEHAVIOUR):
        if fault.name in names:
            fault.sow(document)
    vars(application)["packaged"] = lambda: document
    flags = {"port": port, "data_dir": data_dir, "response_validation": "off"}
    project, settings = open_project(EXAMPLES, flags, {})
    served = application.create_app(settings, project, run_worker=True)
    config = uvicorn.Config(served, port=port, **server_options(settings))
    DrainServer(config, served.drain, lambda: None).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
