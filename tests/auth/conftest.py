"""Servers that know their callers: by a project's rules, and by keys of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from auth.estate import Person
from databases import database_of, opened
from servers import EXAMPLES, Server

from graphstead.engine.clock import SystemClock
from graphstead.engine.keys import ApiKeys

PROJECT = Path(__file__).parent / "project" / "langgraph.json"


def make_key(server: Server, identity: str, **more: Any) -> str:
    """Make a key in the data of a running server, as the command line does."""
    storage = opened(server.data_dir)
    try:
        return ApiKeys(storage, SystemClock()).create(identity, **more).token
    finally:
        storage.close()


def keys(server: Server, *words: str) -> str:
    """Run `graphstead keys` on the server's data; return what it prints."""
    command = [sys.executable, "-m", "graphstead", "keys", *words, "--config", str(EXAMPLES)]
    command += ["--data", str(server.data_dir)]
    env = {**os.environ, **database_of(server.data_dir)}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout


@pytest.fixture(scope="session")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the rules of `project/`: the token is the name."""
    running = Server(tmp_path_factory.mktemp("ruled") / "data", config=PROJECT).start()
    yield running
    assert running.stop() == 0, running.log


@pytest.fixture(scope="session")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks for keys of its own."""
    data_dir = tmp_path_factory.mktemp("keyed") / "data"
    running = Server(data_dir, env={"GRAPHSTEAD_AUTH": "keys"}).start()
    yield running
    assert running.stop() == 0, running.log


def by_name(name: str) -> Person:
    return Person(name, {"Authorization": f"Bearer {name}"})


def by_key(server: Server, name: str, *permissions: str) -> Person:
    return Person(name, {"X-Api-Key": make_key(server, name, permissions=permissions)})
