"""`http` of langgraph.json seen from outside: one server with many of its keys at once."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from chaos.storm import UPTO, weather
from configuration.projects import example_graphs, write_project
from factories import collect, names, payloads
from langgraph.pregel.remote import RemoteGraph
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from sdk.test_js_sdk import JS, node
from servers import ROOT, Server, until_true

__all__ = ["node"]

CHAOS = ROOT / "tests" / "chaos" / "project"
ECHO = {"assistant_id": "echo", "input": {"message": "hi"}}
PREFLIGHT = {
    "origin": "http://a.test",
    "access-control-request-method": "POST",
    "access-control-request-headers": "x-api-key",
    "access-control-request-private-network": "true",
}
HTTP = {
    "mount_prefix": "/team/api",
    "disable_store": True,
    "disable_mcp": True,
    "disable_webhooks": True,
    "cors": {"allow_origins": ["http://a.test"], "allow_credentials": True, "max_age": 7},
    "logging_headers": {"includes": ["*"], "excludes": ["x-dull"]},
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The examples under a prefix, without store, MCP and webhooks."""
    folder = tmp_path_factory.mktemp("http")
    graphs = {**example_graphs(), "numbers": f"{CHAOS}/graphs.py:numbers"}
    config = write_project(folder / "project", http=HTTP, graphs=graphs)
    server = Server(folder / "data", config=config, env={"LOG_JSON": "true"}).start()
    server.url += "/team/api"
    yield server
    assert server.stop() == 0, server.log


@pytest.fixture
async def client(served: Server) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=served.url) as made:
        yield made


def request_line(server: Server, request_id: str) -> dict[str, Any]:
    def lines() -> list[dict[str, Any]]:
        told = [json.loads(line) for line in server.lines if request_id in line]
        return [line for line in told if line["request_id"] == request_id and "path" in line]

    until_true(lambda: bool(lines()))
    return lines()[0]


def test_places_and_links_carry_the_prefix(served: Server) -> None:
    answer = served.post("/runs/wait", ECHO)
    assert answer.headers["content-location"].startswith("/team/api/threads/")
    assert answer.headers["location"].startswith("/team/api/threads/")
    document = served.get("/openapi.json").json()
    assert document["servers"] == [{"url": "/team/api"}]
    assert f"{served.url}/docs" in served.log
    (echo,) = served.post("/assistants/search", {"graph_id": "echo"}).json()
    card = served.get(f"/a2a/{echo['assistant_id']}/.well-known/agent-card.json").json()
    assert card["url"] == f"{served.url}/a2a/{echo['assistant_id']}"


async def test_the_python_sdk_works_below_a_prefix(client: LangGraphClient) -> None:
    created: list[Any] = []
    run = client.runs.stream(
        None, "echo", input={"message": "hi"}, stream_mode="values", on_run_created=created.append
    )
    assert "values" in names(await collect(run))
    thread_id = (await client.threads.create())["thread_id"]
    waited: Any = await client.runs.wait(thread_id, "echo", input={"message": "hi"})
    assert waited["reply"] == "hi"
    assert created[0]["run_id"]


async def test_both_sdks_reconnect_below_a_prefix(served: Server, node: str) -> None:
    """They append `Location` to their base address: what has the prefix twice is found, too."""
    heard = await weather(served.url, node, streams=1, js_streams=1, waits=1, mean_bytes=3000)
    assert min(heard.drops["stream"], heard.drops["wait"]) > 0
    for parts in (*heard.streams, *heard.js_streams):
        said = [data["number"] for data in payloads(parts, "custom")]
        assert said == list(range(1, UPTO + 1))
    assert [output["said"] for output in heard.outputs] == [UPTO]


async def test_a_remote_graph_works_below_a_prefix(client: LangGraphClient) -> None:
    graph = RemoteGraph("echo", client=client)
    assert (await graph.ainvoke({"message": "hi"}))["reply"] == "hi"


def test_the_javascript_sdk_works_below_a_prefix(node: str, served: Server) -> None:
    done = subprocess.run(
        [node, "--test", "--test-reporter=spec", "runs.test.mjs", "streams.test.mjs"],
        cwd=JS,
        env={**os.environ, "GRAPHSTEAD_URL": served.url},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_switched_off_is_not_found_and_not_described(served: Server) -> None:
    answer = served.post("/store/items/search", {})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert served.post("/mcp", {}).status_code == 404
    paths = served.get("/openapi.json").json()["paths"]
    assert not [path for path in paths if path.startswith(("/store", "/mcp"))]
    assert "/runs/batch" in paths


@pytest.mark.parametrize("path", ["/runs", "/runs/crons"])
def test_a_webhook_is_refused_by_name_where_webhooks_are_switched_off(
    served: Server, path: str
) -> None:
    body = {**ECHO, "schedule": "0 9 * * *", "webhook": "https://example.com/hook"}
    answer = served.post(path, body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == "body.webhook"
    assert "http.disable_webhooks" in answer.json()["detail"]


def test_written_cors_rules_replace_the_defaults_and_keep_what_clients_need(
    served: Server,
) -> None:
    allowed = served.call("OPTIONS", "/threads", headers=PREFLIGHT)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "http://a.test"
    assert allowed.headers["access-control-allow-credentials"] == "true"
    assert allowed.headers["access-control-allow-private-network"] == "true"
    assert allowed.headers["access-control-max-age"] == "7"
    assert "x-api-key" in allowed.headers["access-control-allow-headers"]
    refused = served.call("OPTIONS", "/threads", headers={**PREFLIGHT, "origin": "http://b.test"})
    assert (refused.status_code, refused.json()["code"]) == (400, "cors_refused")
    exposed = served.get("/info", headers={"origin": "http://a.test"}).headers
    assert "Content-Location" in exposed["access-control-expose-headers"]
    other = served.get("/info", headers={"origin": "http://b.test"}).headers
    assert "access-control-allow-origin" not in other


def test_headers_are_logged_by_rule_and_secrets_never(served: Server) -> None:
    sent = {
        "x-request-id": "header-test",
        "x-team": "blue",
        "x-dull": "no",
        "authorization": "Bearer s3cret",
        "x-api-key": "s3cret",
        "cookie": "session=s3cret",
        "x-session-token": "s3cret",
    }
    served.get("/info", headers=sent)
    line = request_line(served, "header-test")
    assert line["headers"]["x-team"] == "blue"
    assert not {"x-dull", "authorization", "x-api-key", "cookie"} & line["headers"].keys()
    assert "s3cret" not in served.log


def test_a_log_line_names_run_and_thread(served: Server) -> None:
    answer = served.post("/runs/wait", ECHO, headers={"x-request-id": "run-line"})
    line = request_line(served, "run-line")
    assert f"/threads/{line['thread_id']}/runs/{line['run_id']}" in answer.headers["location"]
    assert {"method", "path", "status", "latency_ms"} <= line.keys()


def test_health_probes_are_not_logged(served: Server) -> None:
    served.get("/ok")
    served.get("/info", headers={"x-request-id": "after-probe"})
    request_line(served, "after-probe")
    assert '"path":"/team/api/ok"' not in served.log
