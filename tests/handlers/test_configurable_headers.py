"""Request headers that a project lets into config.configurable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from configuration.projects import write_project
from servers import Server

from graphstead.graphs.headers import HeaderRule

SENT = {"X-Tenant": "acme", "X-Secret": "s", "X-Api-Key": "k", "Authorization": "Bearer b"}


def configurable(server: Server) -> dict[str, Any]:
    body = {"assistant_id": "echo", "input": {"message": "hi"}}
    run = server.post("/runs", body, headers=SENT).json()
    found: dict[str, Any] = run["kwargs"]["config"]["configurable"]
    return found


def test_by_default_no_header_of_a_client_gets_in(server: Server) -> None:
    assert not [name for name in configurable(server) if name.startswith("x-")]


def test_headers_that_the_project_includes_reach_the_run(make_server, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    rule = {"includes": ["X-*"], "excludes": ["x-secret"]}
    config = write_project(tmp_path / "project", http={"configurable_headers": rule})
    found = configurable(make_server(config=config))
    assert {name: value for name, value in found.items() if name.startswith("x-")} == {
        "x-tenant": "acme"
    }


def test_credentials_never_pass_whatever_is_included() -> None:
    headers = [(name.encode(), value.encode()) for name, value in SENT.items()]
    assert HeaderRule(includes=("*",)).pick(headers) == {"x-tenant": "acme", "x-secret": "s"}
