"""The contract of one assistant: sound, narrower than the open one, and true of real answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from servers import EXAMPLES, Server

from graphstead.conformance.exchange import Exchange
from graphstead.conformance.judge import Judge
from graphstead.contract.load import references
from graphstead.contract.schemas import Validator, schemas_for
from graphstead.contract.specification import placed_operations

GRAPHS = tuple(json.loads(EXAMPLES.read_text())["graphs"])
STEPS = {"assistant_id": "steps", "input": {"topic": "tea"}}
WAIT, STATE = "/threads/{thread_id}/runs/wait", "/threads/{thread_id}/state"

pytestmark = pytest.mark.filterwarnings("ignore:Use of allowEmptyValue:DeprecationWarning")


@cache
def contract(server: Server, name: str) -> Any:
    return server.get(f"/assistants/{name}/openapi.json").raise_for_status().json()


@cache
def judge_of(server: Server, name: str) -> Judge:
    return Judge(contract(server, name))


def body_of(document: Any, path: str, method: str = "post") -> Validator:
    """Return the judge of an operation's JSON body."""
    for one in placed_operations(document):
        if (one.path, one.method) == (path, method):
            content = one.place.child("requestBody").child("content")
            place = content.child("application/json").schema()
            return schemas_for(document).at(place.pointer)
    raise LookupError(path)


class Recorder:
    """A caller that keeps every exchange."""

    def __init__(self, url: str) -> None:
        self.exchanges: list[Exchange] = []
        self._url = url

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        answer = httpx.request(method, self._url + path, json=body, timeout=60)
        request = answer.request
        exchange = Exchange(
            method=method,
            url=str(request.url),
            request_headers=dict(request.headers),
            request_body=request.read(),
            status=answer.status_code,
            headers=dict(answer.headers),
            body=answer.content,
        )
        self.exchanges.append(exchange)
        return answer.json()


@pytest.mark.parametrize("name", GRAPHS)
def test_the_contract_of_every_example_is_sound_and_whole(server: Server, name: str) -> None:
    document = contract(server, name)
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    assert [to for _, to in references(document) if not to.startswith("#/components/")] == []
    assert {"GraphInput", "GraphOutput", "GraphState"} <= document["components"]["schemas"].keys()
    assert document["x-graphstead-assistant"]["graph_id"] == name


@pytest.mark.parametrize("name", GRAPHS)
def test_no_example_in_it_contradicts_its_schema(server: Server, name: str) -> None:
    document = contract(server, name)
    schemas = schemas_for(document)
    wrong = [
        f"{one.method} {one.path}: {title}"
        for one in placed_operations(document)
        if (body := one.place.get("requestBody")) is not None
        for _, media in body.children("content")
        for title, example in media.value.get("examples", {}).items()
        if not schemas.at(f"{media.pointer}/schema").ok(example["value"])
    ]
    assert wrong == []
    shown = [
        media.value["examples"]
        for one in placed_operations(document)
        if one.path.endswith("/runs/wait")
        for _, media in one.place.child("requestBody").children("content")
    ]
    assert all(shown)


def test_it_has_what_concerns_the_assistant_and_nothing_else(server: Server) -> None:
    paths = contract(server, "steps")["paths"]
    assert {WAIT, STATE, "/runs/crons", "/assistants/{assistant_id}", "/ok"} <= paths.keys()
    assert not {"/store/items", "/mcp", "/assistants", "/assistants/search"} & paths.keys()
    tags = {tag["name"] for tag in contract(server, "steps")["tags"]}
    assert "Stateless Runs" in tags
    assert "Store" not in tags


OPEN_ONLY: list[tuple[str, Any]] = [
    ("/runs/wait", {**STEPS, "input": {"topic": 5}}),
    ("/runs/wait", {**STEPS, "input": ["tea"]}),
    ("/runs/wait", {**STEPS, "assistant_id": "echo"}),
    ("/runs/batch", [STEPS, {**STEPS, "input": {"done": "all"}}]),
    ("/runs/stream", {**STEPS, "input": {"done": [1]}}),
    ("/runs/crons", {**STEPS, "schedule": "0 9 * * *", "input": 7}),
    (WAIT, {**STEPS, "input": {"topic": None}}),
    (STATE, {"values": {"topic": 5}}),
]
BOTH: list[tuple[str, Any]] = [
    ("/runs/wait", STEPS),
    ("/runs/batch", [STEPS, STEPS]),
    ("/runs/crons", {**STEPS, "schedule": "0 9 * * *"}),
    (WAIT, {**STEPS, "input": None}),
    (WAIT, {"assistant_id": "steps", "command": {"resume": {"any": ["thing"]}}}),
    (WAIT, {"assistant_id": "steps", "checkpoint_id": "1f0c6a52-9d3e-6c10-8003-5a1b2c3d4e5f"}),
    (STATE, {"values": {"topic": "tea"}, "as_node": "plan"}),
    (STATE, {"values": None}),
]


@pytest.mark.parametrize(("path", "body"), OPEN_ONLY)
def test_what_does_not_fit_the_graph_fits_the_open_contract_alone(
    server: Server, path: str, body: Any
) -> None:
    everything = server.get("/openapi.json").json()
    assert body_of(everything, path).ok(body)
    assert not body_of(contract(server, "steps"), path).ok(body)


@pytest.mark.parametrize(("path", "body"), BOTH)
def test_what_fits_the_graph_fits_both(server: Server, path: str, body: Any) -> None:
    assert body_of(server.get("/openapi.json").json(), path).ok(body)
    assert body_of(contract(server, "steps"), path).ok(body)


def test_its_id_and_the_name_of_its_graph_are_the_only_names(server: Server) -> None:
    document = contract(server, "steps")
    facts = document["x-graphstead-assistant"]
    names = document["components"]["schemas"]["AssistantRef"]["enum"]
    assert names == [facts["assistant_id"], "steps"]
    parameter = document["components"]["parameters"]["AssistantIdPath"]
    assert parameter["schema"] == {"$ref": "#/components/schemas/AssistantRef"}
    assert parameter["example"] in names


USER = {"role": "user", "content": "hi"}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
BLOCKS = [{"type": "text", "text": "hi"}]
MESSAGES: list[Any] = [
    [USER],
    [{"role": "human", "content": BLOCKS}, {"role": "assistant", "content": "ho"}],
    [{"role": "assistant", "content": None, "tool_calls": [CALL]}, USER],
    [USER, {"role": "tool", "content": "done", "tool_call_id": "1"}],
    [{"role": "system", "content": "Be brief."}, {"type": "user", "content": "hi"}],
    [["user", "hi"], ("ai", BLOCKS)],
    ["hi"],
    "hi",
    USER,
    {"type": "human", "content": "hi"},
    [{"lc": 1, "type": "constructor", "kwargs": {"content": "hi"},
      "id": ["langchain_core", "messages", "HumanMessage"]}],
]  # fmt: skip
NO_MESSAGES: list[Any] = [
    [{"role": "nobody", "content": "hi"}],
    [{"role": "user"}],
    [{"content": "hi"}],
    [USER, {"role": "tool", "content": "done"}],
    [["user", "hi", "ho"]],
    [["nobody", "hi"]],
    [7],
]


@pytest.mark.parametrize("given", MESSAGES)
def test_messages_are_admitted_in_every_form_that_the_graph_takes(
    server: Server, given: Any
) -> None:
    send = Recorder(server.url)
    thread = f"/threads/{send('POST', '/threads', {})['thread_id']}"
    body = {"assistant_id": "chat", "input": {"messages": given}}
    output = send("POST", f"{thread}/runs/wait", body)
    assert output["messages"][-1]["type"] == "ai"
    send("POST", f"{thread}/state", {"values": {"messages": given}})
    send("GET", f"{thread}/state")
    judge = judge_of(server, "chat")
    assert [one.status for one in send.exchanges] == [200] * 4
    found = [[*judge.of_request(one), *judge.of_answer(one)] for one in send.exchanges]
    assert found == [[]] * 4


@pytest.mark.parametrize("given", NO_MESSAGES)
def test_what_the_graph_takes_for_no_message_is_not_admitted(server: Server, given: Any) -> None:
    body = {"assistant_id": "chat", "input": {"messages": given}}
    assert "__error__" in server.post("/runs/wait", body).json()
    assert not body_of(contract(server, "chat"), "/runs/wait").ok(body)
    assert not body_of(contract(server, "chat"), STATE).ok({"values": {"messages": given}})


def test_answers_have_messages_in_one_form_and_examples_name_a_role(server: Server) -> None:
    document = contract(server, "chat")
    for part in ("GraphOutput", "GraphState"):
        judge = schemas_for(document).at(f"/components/schemas/{part}")
        assert judge.ok({"messages": [{"type": "ai", "content": "ho"}]})
        assert not judge.ok({"messages": [USER]})
    assert document["components"]["schemas"]["RunInput"]["examples"] == [
        {"messages": [{"role": "user", "content": "Hello"}]}
    ]


def session(send: Recorder, name: str, given: Any) -> None:
    """Use an assistant as its clients do: run, read, answer what it asks, write, go on."""
    thread_id = send("POST", "/threads", {})["thread_id"]
    thread = f"/threads/{thread_id}"
    send("GET", f"{thread}/state")
    output = send("POST", f"{thread}/runs/wait", {"assistant_id": name, "input": given})
    send("GET", f"{thread}/state?subgraphs=true")
    if "__interrupt__" in output:
        resumed = {"assistant_id": name, "command": {"resume": True}}
        send("POST", f"{thread}/runs/wait", resumed)
    send("GET", thread)
    values = send("GET", f"{thread}/state")["values"]
    send("POST", f"{thread}/state", {"values": values})
    send("POST", f"{thread}/history", {"limit": 20})
    send("POST", "/runs/wait", {"assistant_id": name, "input": given})
    run_id = send("POST", f"{thread}/runs", {"assistant_id": name, "input": given})["run_id"]
    send("POST", f"{thread}/runs/{run_id}/cancel?wait=true")
    send("GET", f"{thread}/runs/{run_id}/join")
    send("GET", f"/assistants/{name}")
    send("GET", f"/assistants/{name}/schemas")


INPUTS: dict[str, Any] = {
    "steps": {"topic": "tea"},
    "chat": {"messages": [{"type": "human", "content": "hi"}]},
    "approval": {"request": "an invoice"},
    "nested": {"trail": ["start"]},
    "failing": {"message": "hi"},
}


@pytest.mark.parametrize("name", INPUTS)
def test_requests_and_real_answers_are_as_it_says(server: Server, name: str) -> None:
    send = Recorder(server.url)
    session(send, name, INPUTS[name])
    assert [(one.url, one.body) for one in send.exchanges if one.status >= 500] == []
    judge = judge_of(server, name)
    told = [
        f"{one.method} {one.url}: {fault}"
        for one in send.exchanges
        for fault in [*judge.of_request(one), *judge.of_answer(one)]
    ]
    assert told == []


def test_an_answer_of_another_graph_is_not_as_it_says(server: Server) -> None:
    send = Recorder(server.url)
    thread_id = send("POST", "/threads", {})["thread_id"]
    other = {"assistant_id": "echo", "input": {"message": "hi"}}
    send("POST", f"/threads/{thread_id}/runs/wait", other)
    ours, run = judge_of(server, "steps"), send.exchanges[-1]
    assert "assistant_id" in ours.of_request(run)[0]
    state = send("GET", f"/threads/{thread_id}/state")
    narrow = schemas_for(contract(server, "steps")).at("/components/schemas/ThreadState")
    assert narrow.ok(state)
    assert narrow.ok({**state, "values": {"topic": "tea"}})
    assert not narrow.ok({**state, "values": {"topic": ["tea"]}})


def test_a_new_version_is_another_document_and_an_old_copy_costs_no_body(server: Server) -> None:
    made = server.post("/assistants", {"graph_id": "steps", "name": "Careful"}).json()
    path = f"/assistants/{made['assistant_id']}/openapi.json"
    first = server.get(path)
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.json()["components"]["schemas"]["AssistantRef"]["enum"] == [made["assistant_id"]]
    same = server.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    server.call("PATCH", f"/assistants/{made['assistant_id']}", json={"name": "Bold"})
    second = server.get(path, headers={"if-none-match": first.headers["etag"]})
    facts = second.json()["x-graphstead-assistant"]
    assert (second.status_code, facts["name"], facts["version"]) == (200, "Bold", 2)
    server.call("DELETE", f"/assistants/{made['assistant_id']}")
    assert server.get(path).status_code == 404


@pytest.mark.parametrize("file", ["openapi.json", "skill.zip"])
def test_an_assistant_that_is_not_there_has_none(server: Server, file: str) -> None:
    unknown = server.get(f"/assistants/7d7a9c52-0c1e-4b8e-8c53-6b4a3f2d1e00/{file}")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "assistant_not_found")
    assert server.get(f"/assistants/nope/{file}").json()["code"] == "graph_not_found"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of one graph below a prefix, without store and crons."""
    folder = tmp_path_factory.mktemp("elsewhere")
    graph = {"path": str(EXAMPLES.parent / "graphs" / "steps.py:graph")}
    http = {"mount_prefix": "/agents", "disable_runs": True}
    project = {"dependencies": [str(EXAMPLES.parent)], "graphs": {"steps": graph}, "http": http}
    (folder / "langgraph.json").write_text(json.dumps(project))
    one = Server(folder / "data", config=folder / "langgraph.json").start()
    yield one
    one.stop()


def test_switches_and_prefix_are_honoured(elsewhere: Server) -> None:
    document = elsewhere.get("/agents/assistants/steps/openapi.json").json()
    assert document["servers"] == [{"url": "/agents"}]
    assert "/threads/{thread_id}/state" in document["paths"]
    assert not [path for path in document["paths"] if "runs" in path]
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_a_server_that_tells_nothing_of_itself_tells_no_assistants_contract(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    graph = {"path": str(EXAMPLES.parent / "graphs" / "steps.py:graph")}
    project = {"dependencies": [str(EXAMPLES.parent)], "graphs": {"steps": graph}}
    config = tmp_path / "langgraph.json"
    config.write_text(json.dumps({**project, "http": {"disable_meta": True}}))
    silent = make_server(config=config)
    assert silent.get("/assistants/steps").status_code == 200
    assert silent.get("/assistants/steps/openapi.json").status_code == 404
    assert silent.get("/assistants/steps/skill.zip").status_code == 404
