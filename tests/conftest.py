"""Fixtures that every folder of tests may use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import Server

STAGE = Path(__file__).parent / "streaming" / "project" / "langgraph.json"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the example graphs, shared by all tests: make threads of your own."""
    running = Server(tmp_path_factory.mktemp("server") / "data").start()
    yield running
    assert running.stop() == 0, running.log


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose graphs show what the event protocol tells; its heart beats each second."""
    often = {"GRAPHSTEAD_HEARTBEAT_S": "1"}
    data = tmp_path_factory.mktemp("stage") / "data"
    running = Server(data, config=STAGE, env=often).start()
    yield running
    assert running.stop() == 0, running.log


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start servers of one's own: `make_server(*args, start=True, data_dir=…, env=…, …)`."""
    made: list[Server] = []

    def make(
        *args: str, start: bool = True, data_dir: Path | None = None, **options: Any
    ) -> Server:
        one = Server(data_dir or tmp_path / "data", args=args, **options)
        made.append(one)
        return one.start() if start else one

    yield make
    for one in made:
        if one.process is not None:
            one.kill()
