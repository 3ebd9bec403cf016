"""What a fuzzer cannot guess: graphs and ids that exist. Schemathesis loads this module.

It works against any server with the example graphs; see schemathesis.toml for the rest.
"""

from __future__ import annotations

import zlib
from typing import Any
from uuid import UUID

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, CheckContext, HookContext, Response
from schemathesis.core.parameters import ParameterLocation

from .refusals import (
    GRAPHS,
    NODES,
    VERSIONS,
    Asked,
    is_deserved,
    is_deserved_by_message,
    items,
    leaves,
)
from .world import World

LONGEST_WAIT_S = 315360000
SHORT_WAIT_S = 0.05
ID = len(str(UUID(int=0)))
MOST_RUNS = 10000
FEW_RUNS = 20
# Answered 501 when they say something, which would keep most drawn runs from being created.
LATER_MEMBERS = frozenset({"feedback_keys", "langsmith_tracer"})
DESTRUCTIVE = frozenset({"DELETE", "PATCH"})
PROBES = frozenset(
    {"unspecified_http_method", "malformed_content_type", "unsupported_content_type"}
)

# Years away, so that no run comes in between.
schemathesis.openapi.format("cron", st.sampled_from(["0 0 29 2 *", "@yearly", "59 23 31 12 * 59"]))
schemathesis.openapi.format("iana-timezone", st.sampled_from(["Europe/Oslo", "UTC"]))

world = World()


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Put real names and ids where a request is meant to be right, and keep all runs short."""
    world.prepare(case.operation.schema)
    number = draw(case)
    if isinstance(case.body, list) and FEW_RUNS < len(case.body) <= MOST_RUNS:
        del case.body[FEW_RUNS:]
    for item in items(case.body):
        shorten(item)
    if is_positive(case, ParameterLocation.PATH) and number % 8 and not brings_ids(case):
        use_real_ids(case.path_parameters, number, waiting=case.path.endswith("/cancel"))
    if case.method in DESTRUCTIVE and world.keeps(case.path_parameters.values()):
        use_new_ids(case.path_parameters)
    if is_positive(case, ParameterLocation.BODY) and number % 8:
        graph = world.known.graphs.get(case.path_parameters.get("thread_id", ""))
        for index, item in enumerate(items(case.body)):
            use_real_names(item, number // 8 + index, graph)
    if case.path.startswith("/a2a/") and isinstance(case.body, dict) and number % 4:
        use_real_call(case, case.body, number // 4)
    if is_step(case):
        # Of a resource just made, its absence is reported only if nothing in the request was drawn.
        case.headers["X-Request-Id"] = f"step-{number}"
        # The answer to an earlier step tells of what others have deleted since.
        case.headers.pop("Idempotency-Key", None)
        ask_for_what_lasts(case)
    if is_positive(case, ParameterLocation.HEADER) and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = f"key-{number}"
    versioned = "MCP-Protocol-Version" in (case.headers or {}) and number % 8
    if versioned and is_positive(case, ParameterLocation.HEADER):
        case.headers["MCP-Protocol-Version"] = VERSIONS[number // 8 % len(VERSIONS)]


def draw(case: Case[Any]) -> int:
    """Return a number that is the same for the same request in every run."""
    return zlib.crc32(repr((case.path, case.path_parameters, case.query, case.body)).encode())


def shorten(item: dict[str, Any]) -> None:
    """Let no run wait long for its time; a delay that the contract refuses stays as it is."""
    delay = item.get("after_seconds")
    if isinstance(delay, (int, float)) and SHORT_WAIT_S < delay <= LONGEST_WAIT_S:
        item["after_seconds"] = SHORT_WAIT_S
    if isinstance(item.get("thread_ids"), list):
        item["thread_ids"] = [one for one in item["thread_ids"] if not world.keeps([one])]


def is_positive(case: Case[Any], location: ParameterLocation) -> bool:
    meta = case.meta
    return meta is not None and location in meta.components and not meta.is_negative_at(location)


def is_step(case: Case[Any]) -> bool:
    """Tell whether the case belongs to a sequence, which brings its own ids."""
    return case.meta is not None and case.meta.phase.name == "stateful"


def brings_ids(case: Case[Any]) -> bool:
    """Tell whether a step of a sequence goes on with what a step before it was answered."""
    return is_step(case) and world.told.issuperset(map(str, case.path_parameters.values()))


@schemathesis.hook
def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
    """Remember the ids that sequences may go on with."""
    if is_step(case) and response.headers.get("content-type") == ["application/json"]:
        world.told.update(text for text in map(str, leaves(response.json())) if len(text) == ID)


def use_real_ids(path: dict[str, Any], number: int, *, waiting: bool) -> None:
    """Point the path at what exists; `waiting` asks for a run that has not ended."""
    known = world.known
    thread_id, run_id = known.runs[number // 8 % len(known.runs)]
    if waiting:
        thread_id, run_id = world.waiting_run()
    references = [*GRAPHS, *known.assistants]
    real = {
        "thread_id": thread_id,
        "run_id": run_id,
        "checkpoint_id": known.checkpoints.get(thread_id),
        "assistant_id": references[number // 8 % len(references)],
        "cron_id": known.crons[0],
        "graph": "chat",
        "asset": "entrypoint.js",
    }
    path.update({name: real[name] for name in path.keys() & real.keys()})


def ask_for_what_lasts(case: Case[Any]) -> None:
    """Let what a step makes be there for the next ones: a thread's time may be a moment."""
    if isinstance(case.body, dict) and is_positive(case, ParameterLocation.BODY):
        case.body.pop("ttl", None)


def use_new_ids(path: dict[str, Any]) -> None:
    """Let a request that destroys have something of its own."""
    if "assistant_id" in path:
        path["assistant_id"] = world.new_assistant()
    elif "cron_id" in path:
        path["cron_id"] = world.new_cron()
    else:
        thread_id, run_id = world.finished_run()
        new = {"thread_id": thread_id, "run_id": run_id}
        path.update({name: new[name] for name in path.keys() & new.keys()})


def use_real_names(item: dict[str, Any], number: int, graph: str | None) -> None:
    """Name graphs that are registered, on a thread its own, and nodes that these have."""
    references = [graph] if graph else [*GRAPHS, *world.known.assistants]
    chosen = graph or GRAPHS[number % len(GRAPHS)]
    if isinstance(item.get("assistant_id"), str):
        item["assistant_id"] = references[number % len(references)]
    for owner in (item, item.get("metadata")):
        if isinstance(owner, dict) and "graph_id" in owner:
            owner["graph_id"] = chosen
    if "as_node" in item:
        item["as_node"] = NODES[chosen]
    if number % 4:
        for name in LATER_MEMBERS & item.keys():
            del item[name]
    if "thread_ids" in item:
        item["thread_ids"] = [str(UUID(int=number)), world.finished_run()[0]]
    if "run_ids" in item:
        item["thread_id"], run_id = world.waiting_run()
        item["run_ids"] = [run_id]


def use_real_call(case: Case[Any], request: dict[str, Any], number: int) -> None:
    """Ask an agent something in one of its methods, of a task that exists where it is about one."""
    if not is_positive(case, ParameterLocation.BODY):
        return
    thread_id, run_id = world.known.runs[number // 8 % len(world.known.runs)]
    legacy, message_id = number % 2 == 0, f"message-{number}"
    part = {"data": {"message": number, "messages": []}}
    message = {"role": "user" if legacy else "ROLE_USER", "messageId": message_id, "parts": [part]}
    calls = (
        ("message/send", "SendMessage", {"message": message}),
        ("message/stream", "SendStreamingMessage", {"message": message}),
        ("tasks/get", "GetTask", {"id": f"{thread_id}:{run_id}"}),
        ("tasks/list", "ListTasks", {"pageSize": 1 + number % 100}),
    )
    older, newer, params = calls[number // 2 % len(calls)]
    request.update(method=older if legacy else newer, params=params)


@schemathesis.check
def refusals_are_deserved(ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """Let a well-formed request be refused only for a reason that it shows."""
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive or response.status_code < 400:
        return None
    if getattr(meta.phase.data, "scenario", None) in PROBES:
        return None
    problem = unwrapped(response.json())
    if "jsonrpc" in problem:
        if not is_deserved_by_message(problem["error"], dict(case.headers or {}), case.body):
            raise AssertionError(f"{response.status_code} without a reason: {problem['error']}")
        return None
    if response.status_code == 405 and "405" in case.operation.definition.raw["responses"]:
        return None
    asked = Asked(
        path=case.path_parameters or {},
        query=case.query or {},
        headers=dict(case.headers or {}),
        body=case.body,
        template=case.path,
        breaks_contract=breaks_contract(case),
    )
    if not is_deserved(problem, asked, world.known):
        raise AssertionError(f"{response.status_code} without a reason: {problem}")
    return None


def unwrapped(problem: dict[str, Any]) -> dict[str, Any]:
    """Return what refuses a command, which has an envelope of its own, in the usual shape."""
    if problem.get("type") == "error":
        return {"detail": problem["message"], "code": "unprocessable"}
    return problem


def breaks_contract(case: Case[Any]) -> bool:
    """Tell whether the body breaks its schema after all: drawn values need not keep formats."""
    if case.operation.definition.raw.get("requestBody") is None or case.media_type is None:
        return False
    path = case.path.replace("~", "~0").replace("/", "~1")
    place = f"paths/{path}/{case.method.lower()}/requestBody/content/application~1json/schema"
    return not world.schema_at(case.operation.schema, place).is_valid(case.body)


@schemathesis.check
def answers_hide_no_server_fault(
    ctx: CheckContext, response: Response, case: Case[Any]
) -> bool | None:
    """Find faults of the server behind a status line that had already left as 200."""
    if response.status_code == 200 and b'"error":"ServerError"' in (response.content or b""):
        raise AssertionError("a fault of the server was told inside a 200")
    return None


@schemathesis.check
def rpc_refusals_are_told(ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """Find JSON-RPC requests that break the contract and are answered as if they did not."""
    raw = case.operation.definition.raw
    if raw.get("x-graphstead-faults") != "json-rpc" or response.status_code != 200:
        return None
    if isinstance(case.body, bytes) or not breaks_contract(case):
        return None
    if (
        not (response.content or b"").startswith(b'{"jsonrpc":"2.0"')
        or "error" not in response.json()
    ):
        raise AssertionError("a request that the contract refuses was carried out")
    return None
