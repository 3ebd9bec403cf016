"""Components that graphs bring along: `ui` of langgraph.json and `/ui/{graph}`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from configuration.projects import write_project
from sdk.test_js_sdk import JS, node
from servers import EXAMPLES, Server

__all__ = ["node"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The examples, of which three have components: sound ones, broken ones, no bundler."""
    folder = tmp_path_factory.mktemp("ui")
    shutil.copy(JS / "interface" / "weather.jsx", folder / "alone.jsx")
    source = JS / "interface"
    ui = {"echo": source / "weather.jsx", "chat": source / "broken.jsx", "slow": "../alone.jsx"}
    files = {graph_id: str(path) for graph_id, path in ui.items()}
    config = write_project(folder / "project", ui=files, ui_config={"shared": ["three"]})
    server = Server(folder / "data", config=config).start()
    yield server
    assert server.stop() == 0, server.log


def test_a_component_loads_in_a_page_as_the_javascript_sdk_does_it(
    node: str, served: Server
) -> None:
    done = subprocess.run(
        [node, "interface.mjs"],
        cwd=JS,
        env={**os.environ, "GRAPHSTEAD_URL": served.url},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_graph_or_file_that_is_not_there_is_a_json_404(node: str, served: Server) -> None:
    for answer in (
        served.post("/ui/steps", {"name": "weather"}),
        served.get("/ui/steps/entrypoint.js"),
        served.get("/ui/echo/other.js"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_bundle_is_served_as_it_is(server: Server) -> None:
    assert server.post("/ui/chat", {"name": "note"}).text.startswith("<link")
    script = server.get("/ui/chat/entrypoint.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert (EXAMPLES.parent / "interfaces" / "chat.cjs").read_text() in script.text
    assert server.get("/ui/chat/entrypoint.css").text.startswith(".note")


def test_what_keeps_components_from_being_built_is_told(node: str, served: Server) -> None:
    broken = served.post("/ui/chat", {"name": "weather"})
    assert broken.status_code == 409
    assert "broken.jsx:1:" in broken.json()["detail"]
    alone = served.post("/ui/slow", {"name": "weather"})
    assert alone.status_code == 409
    assert "npm install esbuild" in alone.json()["detail"]


def test_a_name_cannot_break_out_of_the_fragment(node: str, served: Server) -> None:
    html = served.post("/ui/echo", {"name": '"><script>alert(1)</script>'}).text
    assert html.count("<script") == 1


def test_a_component_needs_its_name(served: Server) -> None:
    answer = served.post("/ui/echo", {})
    assert answer.status_code == 422
    assert "name" in answer.json()["detail"]
