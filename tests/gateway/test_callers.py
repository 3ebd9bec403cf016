"""Keys of ours, or the project's own code, decide who may pass."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gateway.gateways import Gateway
from gateway.upstreams import Upstream, says_json
from servers import until_true

from graphstead.engine.clock import SystemClock
from graphstead.engine.keys import ApiKeys
from graphstead.storage.sqlite import open_sqlite

PROJECT = Path(__file__).parents[1] / "auth" / "project" / "langgraph.json"


def new_key(data: Path, identity: str) -> str:
    """Make a key on the command line, where there is no project."""
    command = [sys.executable, "-m", "graphstead", "keys", "create", "--identity", identity]
    command += ["--data", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=data.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def revoke(data: Path, token: str) -> None:
    storage = open_sqlite(data / "graphstead.sqlite3")
    try:
        assert ApiKeys(storage, SystemClock()).revoke(token)
    finally:
        storage.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def test_keys_open_the_gateway_and_go_no_further(
    behind: Upstream, make_gateway: Callable[..., Gateway], data: Path
) -> None:
    token = new_key(data, "ann")
    words = ("--auth", "keys", "--data", str(data), "--identity-header", "x-caller")
    gateway = make_gateway(behind.url, *words, "--mode", "enforce").wait_ok()
    behind.answer = says_json([])
    for wrong in ({}, {"x-api-key": "gsk_00000000_no"}, {"authorization": f"Basic {token}"}):
        refused = gateway.post("/threads/search", {}, headers=wrong)
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
    assert gateway.get("/nowhere").status_code == 401, "nobody learns by trying what is there"
    assert behind.seen == []
    sent = {"x-api-key": token, "authorization": "Bearer theirs", "x-caller": "the boss"}
    assert gateway.post("/threads/search", {}, headers=sent).json() == []
    seen = behind.seen[-1]
    assert seen.header("x-api-key") is None
    assert seen.header("authorization") == "Bearer theirs"
    assert [v for k, v in seen.headers if k == "x-caller"] == ["ann"]
    bearer = {"authorization": f"Bearer {token}"}
    assert gateway.post("/threads/search", {}, headers=bearer).json() == []
    assert behind.seen[-1].header("authorization") is None
    behind.answer = says_json({"ok": True})
    assert gateway.get("/ok").json() == {"ok": True}, "public operations ask nobody"
    assert token not in gateway.log
    revoke(data, token)
    until_true(lambda: gateway.post("/threads/search", {}, headers=bearer).status_code == 401)


def test_the_projects_own_code_recognises_callers(
    behind: Upstream, make_gateway: Callable[..., Gateway]
) -> None:
    words = ("--auth", "project", "--config", str(PROJECT), "--identity-header", "x-caller")
    gateway = make_gateway(behind.url, *words).wait_ok()
    behind.answer = says_json([])
    refused = gateway.post("/threads/search", {})
    assert (refused.status_code, refused.json()["detail"]) == (401, "Who are you?")
    assert refused.headers["www-authenticate"] == "Bearer"
    bearer = {"authorization": "Bearer zoë"}.items()
    sent: Any = [(name, value.encode("latin-1")) for name, value in bearer]
    assert gateway.post("/threads/search", {}, headers=sent).json() == []
    assert behind.seen[-1].header("x-caller") == "zo%C3%AB"
    assert behind.seen[-1].header("authorization") == "Bearer zoë", "the server judges it, too"
