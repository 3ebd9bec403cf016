"""Clients of the official SDK, and a server whose graphs show what the examples do not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from factories import new_thread
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from servers import Server

PROJECT = Path(__file__).parent / "project" / "langgraph.json"


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the graphs of `project/`."""
    running = Server(tmp_path_factory.mktemp("lab") / "data", config=PROJECT).start()
    yield running
    assert running.stop() == 0, running.log


@pytest.fixture
async def client(server: Server) -> AsyncIterator[LangGraphClient]:
    """The SDK on the examples' server."""
    async with get_client(url=server.url) as made:
        yield made


@pytest.fixture
async def lab_client(lab: Server) -> AsyncIterator[LangGraphClient]:
    """The SDK on the lab's server."""
    async with get_client(url=lab.url) as made:
        yield made


@pytest.fixture
async def thread_id(client: LangGraphClient) -> str:
    """A fresh thread of the examples' server."""
    return await new_thread(client)
