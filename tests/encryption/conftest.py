"""Servers over encrypted databases, and what lies on their disk."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from servers import Server

PROJECT = Path(__file__).parent / "project"
KEY = "0123456789abcdef0123456789abcdef"
MakeServer = Callable[..., Server]
Clients = Callable[[Server], LangGraphClient]


def on_disk(server: Server) -> bytes:
    """Return every byte of the database and of its write-ahead log."""
    files = sorted(server.data_dir.glob("graphstead.sqlite3*"))
    return b"".join(file.read_bytes() for file in files if file.is_file())


def write_project(home: Path, **more: object) -> Path:
    """Write a langgraph.json with the keeper graph and whatever else is given."""
    path = home / "project" / "langgraph.json"
    path.parent.mkdir(exist_ok=True)
    graphs = {"keeper": f"{PROJECT}/graphs.py:keeper"}
    hooks = {"url": {"disable_loopback": False, "require_https": False}}
    told = {"dependencies": ["."], "graphs": graphs, "webhooks": hooks, **more}
    path.write_text(json.dumps(told))
    return path


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    return partial(write_project, tmp_path)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[MakeServer]:
    made: list[Server] = []

    def make(config: Path, **env: str) -> Server:
        server = Server(tmp_path / "data", config=config, env=env)
        made.append(server)
        return server

    yield make
    for server in made:
        if server.process is not None:
            server.kill()


@pytest_asyncio.fixture
async def clients() -> AsyncIterator[Clients]:
    made: list[LangGraphClient] = []

    def make(server: Server) -> LangGraphClient:
        made.append(get_client(url=server.url))
        return made[-1]

    yield make
    for client in made:
        await client.aclose()
