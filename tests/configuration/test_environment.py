"""Environment variables seen from outside: real servers that were started with them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from configuration.projects import HERE, example_graphs
from servers import EXAMPLES, Server, until_true

from graphstead.cli.project import open_project
from graphstead.http_rules import cors_policy, mount_prefix
from graphstead.problems import StartupError

MakeServer = Callable[..., Server]
ECHO = {"assistant_id": "echo", "input": {"message": "hi"}}
BURN = {"assistant_id": "burn", "input": {"seconds": 0.6}}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without langgraph.json, configured by its environment alone."""
    folder = tmp_path_factory.mktemp("environment")
    env = {
        "LANGSERVE_GRAPHS": json.dumps({**example_graphs(), "gated": f"{HERE}/gated.py:graph"}),
        "LANGGRAPH_HTTP": json.dumps({"disable_store": True}),
        "CORS_CONFIG": json.dumps({"allow_origin_regex": "https://.*[.]a[.]test"}),
        "MOUNT_PREFIX": "/env",
        "BG_JOB_ISOLATED_LOOPS": "true",
        "FF_CRONS_ENABLED": "false",
        "LANGGRAPH_DISABLE_FILE_PERSISTENCE": "true",
        "PYTHONPATH": str(EXAMPLES.parent),
        "REDIS_URI": "redis://127.0.0.1:1/0",
        "GRAPHSTEAD_LAESE_S": "3",
    }
    config = folder / "langgraph.json"
    server = Server(folder / "data", config=config, env=env).start()
    server.url += "/env"
    yield server
    assert server.stop() == 0, server.log
    assert not data_folder(server).exists()


def data_folder(server: Server) -> Path:
    found = re.search(r"Data\s+(\S+)", server.log)
    assert found
    return Path(found[1]).parent


def test_graphs_and_http_come_from_the_environment_without_a_file(served: Server) -> None:
    assert served.post("/runs/wait", ECHO).json()["reply"] == "hi"
    assert served.post("/store/items/search", {}).status_code == 404


def test_cors_rules_come_from_the_environment(served: Server) -> None:
    for origin, allowed in (("https://x.a.test", True), ("https://a.example", False)):
        headers = served.get("/info", headers={"origin": origin}).headers
        assert ("access-control-allow-origin" in headers) is allowed


def test_data_stays_in_a_folder_that_goes_with_the_process(served: Server) -> None:
    assert data_folder(served).name.startswith("graphstead-")
    assert not served.data_dir.exists()


def test_what_was_set_in_vain_is_told_once(served: Server) -> None:
    assert served.log.count("REDIS_URI has no effect") == 1
    assert "GRAPHSTEAD_LAESE_S is no setting" in served.log
    assert "did you mean GRAPHSTEAD_LEASE_S?" in served.log


def test_crons_wait_where_they_are_switched_off(served: Server) -> None:
    assert served.get("/info").json()["flags"]["crons"] is False
    cron = served.post("/runs/crons", {**ECHO, "schedule": "* * * * * *"}).json()
    time.sleep(2.2)
    found = served.post("/threads/search", {"metadata": {"cron_id": cron["cron_id"]}}).json()
    assert found == []


def test_runs_on_loops_of_their_own_do_not_wait_for_each_other(
    served: Server, tmp_path: Path
) -> None:
    thread_id = served.post("/threads", {}).json()["thread_id"]
    gate = tmp_path / "gate"
    body = {"assistant_id": "gated", "input": {"gate": str(gate)}}
    blocking = served.post(f"/threads/{thread_id}/runs", body).json()
    place = f"/threads/{thread_id}/runs/{blocking['run_id']}"
    until_true(gate.exists)
    reply = served.post("/runs/wait", ECHO).json()["reply"]
    status = served.get(place).json()["status"]
    gate.unlink()
    assert (reply, status) == ("hi", "running")
    assert served.get(f"{place}/join").json() == {"gate": str(gate)}


def test_runs_on_loops_of_their_own_are_cancelled_and_resumed_like_others(served: Server) -> None:
    thread_id = served.post("/threads", {}).json()["thread_id"]
    body = {"assistant_id": "slow", "input": {"steps": 600, "sleep_s": 0.1}}
    run = served.post(f"/threads/{thread_id}/runs", body).json()
    place = f"/threads/{thread_id}/runs/{run['run_id']}"
    until_true(lambda: served.get(place).json()["status"] == "running")
    assert served.post(f"{place}/cancel?wait=true").status_code in (200, 202, 204)
    assert served.get(place).json()["status"] == "interrupted"
    asked = {"assistant_id": "approval", "input": {}}
    assert "__interrupt__" in served.post(f"/threads/{thread_id}/runs/wait", asked).json()
    answer = {"assistant_id": "approval", "command": {"resume": "yes"}}
    assert "__interrupt__" not in served.post(f"/threads/{thread_id}/runs/wait", answer).json()


def test_a_graph_that_blocks_is_reported_by_file_and_line(server: Server) -> None:
    told = re.compile(r"a graph blocks its worker.* at=\S*/graphs/burn\.py:\d+ function=burn")

    def is_told() -> bool:
        """Block again and again: the watch looks now and then, and may sleep through one."""
        assert server.post("/runs/wait", BURN).status_code == 200
        return told.search(server.log) is not None

    until_true(is_told)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("LANGGRAPH_AUTH_TYPE", "langsmith", "use auth of langgraph.json"),
        ("LANGGRAPH_HTTP", "{", "LANGGRAPH_HTTP: not JSON"),
        ("LANGSERVE_GRAPHS", "[]", "LANGSERVE_GRAPHS: expected a JSON object"),
        ("MOUNT_PREFIX", "no-slash", "expected a path such as '/api'"),
        ("CORS_CONFIG", '{"origins": []}', "expected one of allow_origins"),
    ],
)
def test_a_variable_that_cannot_be_honoured_refuses_the_start(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(StartupError) as caught:
        project, settings = open_project(EXAMPLES, {})
        cors_policy(settings, project)
        mount_prefix(settings, project)
    assert words in str(caught.value)
