"""What a project configures, under `graphstead serve`: several processes, the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from configuration.projects import HERE, write_project
from langgraph_sdk import get_client
from sdk.test_js_sdk import JS, node
from servers import Server, until_true

__all__ = ["node"]

ECHO = {"assistant_id": "echo", "input": {"message": "hi"}}
HTTP = {
    "app": f"{HERE / 'own.py'}:app",
    "mount_prefix": "/api",
    "disable_store": True,
    "disable_webhooks": True,
    "cors": {"allow_origins": ["http://a.test"]},
    "logging_headers": {"includes": ["x-team"]},
    "middleware_order": "auth_first",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A project with an app of its own under gunicorn."""
    folder = tmp_path_factory.mktemp("serve")
    ui = {"echo": str(JS / "interface" / "weather.jsx")}
    config = write_project(folder / "project", http=HTTP, ui=ui)
    env = {
        "GRAPHSTEAD_SHUTDOWN_GRACE_S": "1",
        "LANGGRAPH_DISABLE_FILE_PERSISTENCE": "true",
        "BG_JOB_ISOLATED_LOOPS": "true",
        "LOG_JSON": "true",
    }
    server = Server(folder / "data", command="serve", config=config, env=env).start()
    server.url += "/api"
    yield server
    assert server.stop() == 0, server.log


async def test_one_request_each_shows_that_every_key_counts(served: Server, node: str) -> None:
    assert served.get("/own/tea").json()["shared"] == "by the lifespan"
    assert served.get("/info").json() == {"mine": True}
    assert served.post("/runs/wait", ECHO).headers["x-stamp"] == "200"
    assert served.post("/store/items/search", {}).status_code == 404
    assert served.post("/runs", {**ECHO, "webhook": "https://a.test/"}).status_code == 422
    place = f"{served.url.removeprefix('http:')}/ui/echo/entrypoint.js"
    assert place in served.post("/ui/echo", {"name": "weather"}).text
    assert served.get("/ui/echo/entrypoint.js").headers["content-type"].startswith("text/java")
    headers = {"origin": "http://a.test", "x-team": "blue"}
    answer = served.get("/own/tea", headers=headers)
    assert answer.headers["access-control-allow-origin"] == "http://a.test"
    until_true(lambda: '"headers":{"x-team":"blue"}' in served.log)
    async with get_client(url=served.url) as client:
        thread_id = (await client.threads.create())["thread_id"]
        waited: Any = await client.runs.wait(thread_id, "echo", input={"message": "hi"})
        assert waited["reply"] == "hi"


def test_all_processes_share_the_folder_that_goes_with_them(served: Server) -> None:
    assert not Path(served.data_dir).exists()
    assert "data is kept until this process ends" in served.log
