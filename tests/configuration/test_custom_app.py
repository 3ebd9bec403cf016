"""A project's own web application beside the contract: `http.app` of langgraph.json."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from configuration.projects import HERE, write_project
from ports import free_port
from servers import Server, until_true

from graphstead.contract.check import check_document
from graphstead.graphs import load_project
from graphstead.graphs.custom_app import load_custom_app
from graphstead.problems import StartupError

MakeServer = Callable[..., Server]
APP = f"{HERE / 'own.py'}:app"
ECHO = {"assistant_id": "echo", "input": {"message": "hi"}}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The examples and `project/own.py`, without a prefix."""
    folder = tmp_path_factory.mktemp("own")
    server = Server(folder / "data", config=write_project(folder / "project", http={"app": APP}))
    yield server.start()
    assert server.stop() == 0, server.log


def test_its_routes_see_its_state_and_what_its_lifespan_yielded(served: Server) -> None:
    answer = served.get("/own/tea").json()
    assert answer["state"] == "before the first request"
    assert answer["shared"] == "by the lifespan"
    assert answer["url"] == f"{served.url}/own/tea"


def test_its_routes_win_except_over_health_figures_and_the_contract(served: Server) -> None:
    assert served.get("/info").json() == {"mine": True}
    assert served.get("/llms.txt").json() == "the project's own"
    assert served.get("/llms-full.txt").text.startswith("# ")
    assert served.get("/ok").json() == {"ok": True, "services": {}}
    assert "swagger-ui" in served.get("/docs").text
    assert served.get("/openapi.json").json()["info"]["title"] == "graphstead"


def test_where_both_know_a_path_the_method_decides(served: Server) -> None:
    assert served.get("/threads/search").json() == ["the project's GET beside the contract's POST"]
    assert isinstance(served.post("/threads/search", {}).json(), list)
    assert served.call("PUT", "/own").status_code == 405
    assert served.call("PUT", "/threads/search").json()["code"] == "method_not_allowed"


def test_what_neither_knows_is_a_json_404(served: Server) -> None:
    answer = served.get("/nowhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_its_middleware_wraps_its_routes_and_those_of_the_contract(served: Server) -> None:
    assert served.get("/own/tea").headers["x-stamp"] == "200"
    assert served.post("/runs/wait", ECHO).headers["x-stamp"] == "200"
    assert served.get("/threads/none").headers["x-stamp"] == "422"
    assert served.get("/nowhere").headers["x-stamp"] == "404"


def test_an_error_of_its_middleware_is_answered_as_others_are(served: Server) -> None:
    answer = served.get("/info", headers={"x-stop": "1"})
    assert (answer.status_code, answer.json()["detail"]) == (418, "stopped by middleware")


def test_its_errors_are_its_own_and_what_it_forgot_is_a_json_500(served: Server) -> None:
    teapot, http, forgotten = (served.get(f"/fail/{how}") for how in ("teapot", "http", "other"))
    assert (teapot.status_code, teapot.json()) == (418, {"short": "and stout"})
    assert (http.status_code, http.json()) == (409, {"detail": "taken"})
    assert (forgotten.status_code, forgotten.json()["code"]) == (500, "server_error")
    assert forgotten.json()["request_id"] == forgotten.headers["x-request-id"]
    assert "hidden" not in forgotten.text
    until_true(lambda: "own.Busy: hidden" in served.log)
    assert served.log.count("Traceback") == 1


def test_request_ids_and_cors_cover_its_routes_too(served: Server) -> None:
    headers = {"origin": "http://a.test", "x-request-id": "mine"}
    answer = served.get("/own/tea", headers=headers)
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["access-control-allow-origin"] == "*"
    until_true(lambda: "path=/own/tea" in served.log and "request_id=mine" in served.log)


def test_streams_pass_its_middleware_event_by_event(served: Server) -> None:
    body = {"assistant_id": "slow", "input": {"steps": 4, "sleep_s": 0.2}, "stream_mode": "custom"}
    with httpx.stream("POST", f"{served.url}/runs/stream", json=body, timeout=60) as stream:
        kinds = [line for line in stream.iter_lines() if line.startswith("event: ")]
        assert stream.headers["x-stamp"] == "200"
    assert kinds.count("event: custom") >= 4


def test_its_operations_are_in_the_contract_that_is_served(served: Server) -> None:
    document = served.get("/openapi.json").json()
    paths, schemas = document["paths"], document["components"]["schemas"]
    assert paths["/own/{name}"]["get"]["tags"] == ["Own"]
    assert {"get", "post"} <= paths["/threads/search"].keys()
    assert paths["/info"]["get"]["security"] == []
    assert "thread_id" in schemas["Thread"]["properties"]
    assert list(schemas["CustomThread"]["properties"]) == ["colour"]
    body = paths["/own"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/CustomThread"}


def test_its_operations_are_in_the_contract_of_an_assistant_too(served: Server) -> None:
    document = served.get("/assistants/echo/openapi.json").json()
    assert document["paths"]["/own/{name}"]["get"]["tags"] == ["Own"]
    assert list(document["components"]["schemas"]["CustomThread"]["properties"]) == ["colour"]
    assert check_document(document) == []


def test_a_start_up_that_fails_in_its_lifespan_refuses_the_start(tmp_path: Path) -> None:
    failing = (
        "from contextlib import asynccontextmanager\n"
        "from starlette.applications import Starlette\n"
        "@asynccontextmanager\n"
        "async def lifespan(app):\n"
        "    raise RuntimeError('no connection to the wine cellar')\n"
        "    yield\n"
        "app = Starlette(lifespan=lifespan)\n"
    )
    (tmp_path / "web.py").write_text(failing)
    config = write_project(tmp_path, http={"app": "./web.py:app"})
    command = [sys.executable, "-m", "graphstead", "dev", "--no-reload", "--no-browser"]
    done = subprocess.run(
        [*command, "--config", str(config), "--port", str(free_port())],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 3
    assert "no connection to the wine cellar" in done.stderr


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("from fastapi import FastAPI\napp = FastAPI(on_startup=[print])\n", "give it a lifespan"),
        ("app = 7\n", "expected a Starlette or FastAPI app, not int"),
        ("app = 1 / 0\n", "web.py line 1: ZeroDivisionError"),
        ("other = None\n", "has no variable 'app'"),
    ],
)
def test_an_app_that_cannot_be_served_refuses_the_start(
    tmp_path: Path, source: str, words: str
) -> None:
    # A name of its own: Python remembers modules by theirs.
    name = f"web_{uuid4().hex}"
    (tmp_path / f"{name}.py").write_text(source)
    project = load_project(write_project(tmp_path, http={"app": f"./{name}.py:app"}))
    with pytest.raises(StartupError) as caught:
        load_custom_app(project)
    assert words in str(caught.value).replace(name, "web")
