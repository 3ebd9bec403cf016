"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from httpx._transports import default as transports
from servers import Server
from xdist.scheduler import LoadScopeScheduling

TESTS = Path(__file__).parent
# Tests of these folders share what takes minutes to make; those of these files share nothing.
TOGETHER = frozenset({"conformance"})
APART = frozenset({"tests/sdk/test_on_postgres.py"})
STAGE = TESTS / "streaming" / "project" / "langgraph.json"

# Each of the thousands of clients would read the certificates of the machine: 24 ms of processor
# time, more than most of the requests take.
transports.create_ssl_context = cache(transports.create_ssl_context)  # type: ignore[attr-defined]


class TogetherScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps together, in one process, what shares a module's or a folder's fixtures."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if path in APART:
            return nodeid
        folder = path.split("/")[1]
        return folder if folder in TOGETHER else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> TogetherScheduling:
    """Say which process runs which tests where several do (`-n`)."""
    return TogetherScheduling(config, log)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Say at once what failed: a run that somebody ends has no summary."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        print(f"\n{report.nodeid} ({report.when}):\n{report.longreprtext[-4000:]}", flush=True)


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
