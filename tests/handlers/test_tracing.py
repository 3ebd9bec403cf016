"""OpenTelemetry: spans from the client's request to the nodes, seen by a real OTLP receiver."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from collectors import Collector, Span, collecting
from receivers import receiving
from servers import EXAMPLES, Server, until_true

MakeServer = Callable[..., Server]
GRAPHS = '''
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from opentelemetry import trace
from typing_extensions import TypedDict

class State(TypedDict, total=False):
    item: str
    fails: bool
    asks: bool

@tool
def price(item: str) -> str:
    """Tell a price."""
    return "3"

async def shop(state):
    model = GenericFakeChatModel(messages=iter([AIMessage("fine")]))
    await model.ainvoke(state["item"])
    await price.ainvoke({"item": state["item"]})
    with trace.get_tracer("shop").start_as_current_span("own work"):
        pass
    return {}

def pay(state):
    if state.get("fails"):
        raise ValueError("no money for " + state["item"])
    if state.get("asks"):
        interrupt("pay?")
    return {}

inner = StateGraph(State).add_node("pay", pay).add_edge(START, "pay").compile()
graph = (
    StateGraph(State).add_node("shop", shop).add_node("till", inner)
    .add_edge(START, "shop").add_edge("shop", "till").compile()
)
'''
LOOPBACK = {"url": {"disable_loopback": False, "require_https": False}}
CLIENT_TRACE, CLIENT_SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = {"traceparent": f"00-{CLIENT_TRACE}-{CLIENT_SPAN}-01"}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as one:
        yield one


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Server]:
    """An API process and a worker, both with tracing on by the usual variable alone."""
    folder = tmp_path_factory.mktemp("tracing")
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "LOG_JSON": "true",
        "GRAPHSTEAD_SHUTDOWN_GRACE_S": "1",
    }
    config = project(folder / "project")
    server = Server(folder / "data", command="serve", config=config, env=env)
    yield server.start()
    server.kill()


def project(folder: Path) -> Path:
    folder.mkdir()
    (folder / "graphs.py").write_text(GRAPHS)
    graphs = {"shop": "./graphs.py:graph"}
    path = folder / "langgraph.json"
    path.write_text(json.dumps({"dependencies": ["."], "graphs": graphs, "webhooks": LOOPBACK}))
    return path


def one(collector: Collector, name: str, trace_id: str) -> Span:
    until_true(lambda: bool(collector.named(name, trace_id)))
    (span,) = collector.named(name, trace_id)
    return span


def shopping(served: Server, trace: str, *, item: str = "tea", **more: object) -> str:
    """Run the graph in a client's trace; return the run's thread."""
    thread_id: str = served.post("/threads", {}).json()["thread_id"]
    body = {"assistant_id": "shop", "input": {"item": item, **more}}
    headers = {"traceparent": f"00-{trace}-{CLIENT_SPAN}-01"}
    served.post(f"/threads/{thread_id}/runs/wait", body, headers=headers)
    return thread_id


def test_request_run_and_nodes_hang_below_the_clients_span(
    served: Server, collector: Collector
) -> None:
    thread_id = shopping(served, CLIENT_TRACE)
    request = one(collector, "POST /threads/{thread_id}/runs/wait", CLIENT_TRACE)
    run = one(collector, "run shop", CLIENT_TRACE)
    shop, till = (one(collector, f"node {name}", CLIENT_TRACE) for name in ("shop", "till"))
    pay = one(collector, "node pay", CLIENT_TRACE)
    model = one(collector, "chat GenericFakeChatModel", CLIENT_TRACE)
    tool = one(collector, "execute_tool price", CLIENT_TRACE)
    own = one(collector, "own work", CLIENT_TRACE)
    assert request.parent_id == CLIENT_SPAN
    assert run.parent_id == request.span_id
    assert (shop.parent_id, till.parent_id) == (run.span_id, run.span_id)
    assert pay.parent_id == till.span_id
    assert {model.parent_id, tool.parent_id, own.parent_id} == {shop.span_id}
    assert request.attributes["http.response.status_code"] == 200
    (row,) = served.get(f"/threads/{thread_id}/runs").json()
    assert run.attributes == {
        "graphstead.run_id": row["run_id"],
        "graphstead.thread_id": thread_id,
        "graphstead.assistant_id": row["assistant_id"],
        "graphstead.graph_id": "shop",
        "graphstead.attempt": 1,
        "graphstead.status": "success",
    }
    assert not any(span.is_error for span in collector.spans if span.trace_id == CLIENT_TRACE)
    assert {span.service for span in collector.spans} == {"graphstead"}


def test_a_failure_is_recorded_on_node_and_run_without_what_it_says(
    served: Server, collector: Collector
) -> None:
    trace = "1" * 32
    shopping(served, trace, item="saffron-4711", fails=True)
    for name in ("node pay", "node till", "run shop"):
        span = one(collector, name, trace)
        assert span.is_error
        ((event, about),) = span.events
        assert (event, about["exception.type"]) == ("exception", "ValueError")
        assert "in pay" in about["exception.stacktrace"]
    assert one(collector, "run shop", trace).attributes["graphstead.status"] == "error"
    assert not any(b"saffron-4711" in body for body in collector.raw)


def test_a_question_is_no_failure(served: Server, collector: Collector) -> None:
    trace = "2" * 32
    shopping(served, trace, asks=True)
    pay = one(collector, "node pay", trace)
    assert pay.attributes["graphstead.interrupted"] is True
    assert not pay.is_error
    assert not one(collector, "run shop", trace).is_error


def test_a_webhook_is_called_in_the_trace_of_its_run(served: Server, collector: Collector) -> None:
    trace = "3" * 32
    with receiving() as receiver:
        body = {"assistant_id": "shop", "input": {"item": "tea"}, "webhook": f"{receiver.url}/h"}
        served.post("/runs/wait", body, headers={"traceparent": f"00-{trace}-{CLIENT_SPAN}-01"})
        until_true(lambda: len(receiver.calls) == 1)
        ((_, headers, _),) = receiver.calls
    call, run = one(collector, "webhook", trace), one(collector, "run shop", trace)
    assert call.parent_id == run.span_id
    assert headers["traceparent"] == f"00-{trace}-{call.span_id}-01"


def test_log_lines_of_request_and_run_name_the_trace(served: Server, collector: Collector) -> None:
    trace = "4" * 32
    shopping(served, trace)

    def told() -> bool:
        lines = [json.loads(line) for line in served.lines if line.startswith("{")]
        events = {line["event"] for line in lines if line.get("trace_id") == trace}
        return {"request", "run ended"} <= events

    until_true(told)


def test_what_is_gathered_is_sent_before_the_server_stops(
    make_server: MakeServer, collector: Collector, tmp_path: Path
) -> None:
    trace = "5" * 32
    env = {
        "GRAPHSTEAD_OTEL": "1",
        "GRAPHSTEAD_OTEL_CONTENT": "1",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/v1/traces",
        "OTEL_BSP_SCHEDULE_DELAY": "600000",
    }
    server = make_server(config=project(tmp_path / "project"), env=env)
    shopping(server, trace, item="cinnamon-4711")
    assert server.stop() == 0
    (shop,) = collector.named("node shop", trace)
    assert json.loads(shop.attributes["graphstead.input"])["item"] == "cinnamon-4711"
    assert collector.named("run shop", trace)


def test_without_the_extra_a_notice_is_given_and_the_server_starts(
    make_server: MakeServer, tmp_path: Path
) -> None:
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry" / "__init__.py").write_text("raise ImportError('not here')\n")
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "PYTHONPATH": str(tmp_path)}
    server = make_server(env=env)
    assert "pip install 'graphstead[otel]'" in server.log
    assert server.get("/info").json()["capabilities"]["opentelemetry"] is False
    body = {"assistant_id": "echo", "input": {"message": "hi"}}
    assert server.post("/runs/wait", body, headers=TRACEPARENT).json()["reply"] == "hi"


def test_no_exporter_is_imported_while_tracing_is_off() -> None:
    code = (
        "import sys; from pathlib import Path; from graphstead.app import create_app;"
        "from graphstead.graphs import load_project; from graphstead.settings import Settings;"
        f"create_app(Settings(), load_project(Path({str(EXAMPLES)!r})), run_worker=True);"
        "print([name for name in sys.modules if name.startswith('opentelemetry.exporter')])"
    )
    off = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=off)
    assert done.stdout.strip() == "[]", done.stderr
