"""Loading a project's `Auth`: which rule answers, what stops the start, what is remembered."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from auth.conftest import PROJECT
from langgraph_sdk import Auth
from servers import EXAMPLES

from graphstead.authentication import CachedCallers, check_auth
from graphstead.contract.auth import AuthRequest, Caller
from graphstead.engine.access import ACTIONS
from graphstead.graphs import load_project
from graphstead.graphs.auth import ProjectAuth, load_auth
from graphstead.graphs.auth_config import AuthCache, AuthConfig
from graphstead.problems import StartupError
from graphstead.settings import AuthMode, Settings, read_settings

CONFIG = AuthConfig("./auth.py", "auth")


def made() -> Auth:
    auth = Auth()

    @auth.authenticate
    async def who(authorization: str) -> str:
        return authorization

    return auth


def registered(*places: tuple[str, str] | None) -> ProjectAuth:
    """Return an auth with a rule for each place; None stands for the global one."""
    auth = made()
    for place in places:

        async def rule(ctx: Auth.types.AuthContext, value: Any) -> None:
            return None

        if place is None:
            auth.on(rule)
        else:
            auth.on(resources=place[0], actions=place[1])(rule)
    return ProjectAuth(auth, CONFIG)


PLACES = [("threads", "read"), ("threads", "*"), ("*", "read"), None]


@pytest.mark.parametrize("first", range(4))
def test_the_most_specific_rule_answers_alone(first: int) -> None:
    auth = registered(*PLACES[first:])
    expected = ["threads.read", "threads.*", "*.read", "*.*"][first]
    found = auth.rule_for("threads", "read")
    assert found is not None and found[0] == expected


def test_without_a_rule_for_it_an_act_is_allowed() -> None:
    assert registered(("threads", "read")).rule_for("store", "put") is None


def start(folder: Path, auth: Any, code: str, mode: AuthMode = "none") -> None:
    """Load a project with this auth as a start does. Raises StartupError."""
    folder.mkdir(exist_ok=True)
    (folder / "rules.py").write_text(code)
    graph = EXAMPLES.parent / "graphs" / "echo.py"
    config = {"dependencies": ["."], "graphs": {"echo": f"{graph}:graph"}, "auth": auth}
    (folder / "langgraph.json").write_text(json.dumps(config))
    check_auth(Settings(auth=mode), load_auth(load_project(folder)))


RULES = {"path": "./rules.py:auth"}
BODY = """
from langgraph_sdk import Auth
auth = Auth()
@auth.authenticate
async def who(body): return "ada"
"""


@pytest.mark.parametrize(
    ("auth", "code", "fault"),
    [
        ({"disable_studio_auth": True}, "", "auth.path: expected './file.py:variable'"),
        ({"path": "./rules.py"}, "", "auth.path: expected './file.py:variable'"),
        (RULES, "auth = 1", "expected a langgraph_sdk.Auth, found int"),
        (RULES, "import nowhere", "rules.py line 1: ModuleNotFoundError"),
        (RULES, "from langgraph_sdk import Auth\naut = Auth()", "did you mean 'aut'?"),
        (RULES, "from langgraph_sdk import Auth\nauth = Auth()", "there is no @auth.authenticate"),
        (RULES, BODY, "takes 'body'; it can take request, path"),
        ({**RULES, "cache": {"ttl_seconds": 5}}, "", "auth.cache.cache_keys: expected a list"),
        ({**RULES, "allow_langsmith_api_keys": True}, "", "asks no other service about keys"),
        ({**RULES, "openapi": {"security": {}}}, "", "auth.openapi.security: expected a list"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_auth_that_cannot_be_served_stops_the_start(
    auth: Any, code: str, fault: str, tmp_path: Path
) -> None:
    with pytest.raises(StartupError) as refused:
        start(tmp_path / "project", auth, code)
    assert fault in str(refused.value)


def test_keys_and_an_authenticator_are_one_too_many(tmp_path: Path) -> None:
    code = BODY.replace("body", "path")
    with pytest.raises(StartupError, match=r"has an @auth\.authenticate of its own; use one"):
        start(tmp_path / "project", RULES, code, "keys")


@pytest.mark.parametrize("value", ["noop", "custom"])
def test_the_references_auth_types_are_understood(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGGRAPH_AUTH_TYPE", value)
    assert read_settings().auth == "none"


def test_asking_another_service_about_keys_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGGRAPH_AUTH_TYPE", "langsmith")
    with pytest.raises(StartupError, match="asks no other service about keys"):
        read_settings()


def test_check_tells_which_rule_answers_each_act() -> None:
    command = [sys.executable, "-m", "graphstead", "check", "--config", str(PROJECT)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "callers: by rules.who" in told
    for resource, actions in ACTIONS.items():
        for action in actions:
            assert f"  {resource}.{action} " in told
    assert "store.put               rules.own_items  (on store.*)" in told


async def test_a_caller_is_remembered_by_the_headers_named() -> None:
    asked: list[str] = []

    async def behind(request: AuthRequest) -> Caller:
        asked.append(request.headers["x-token"])
        return Caller(request.headers["x-token"])

    callers = CachedCallers(behind, AuthCache(("x-token",), ttl_s=60, size=2))

    async def seen(token: str, **more: str) -> str:
        headers = [(b"x-token", token.encode())]
        headers += [(k.encode(), v.encode()) for k, v in more.items()]
        scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
        return (await callers(AuthRequest(scope, None))).identity

    assert [await seen("a"), await seen("a", other="x"), await seen("b"), await seen("a")] == [
        *"aaba"
    ]
    assert asked == ["a", "b"]
    await seen("c")
    await seen("a")
    assert asked == ["a", "b", "c", "a"]
