"""Gateways before a scripted server and before a real one; those of a session start at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gateway.gateways import Gateway
from gateway.upstreams import Upstream, says_json, upstream
from servers import Server

SMALL = ("--max-body-mib", "1")


@pytest.fixture(scope="session")
def scripted() -> Iterator[Upstream]:
    with upstream() as told:
        yield told


@pytest.fixture(scope="session")
def both(scripted: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Gateway]]:
    folder = tmp_path_factory.mktemp("gateways")
    strict = ("--mode", "enforce", "--profile", "full", "--allow-path", "/app/*")
    made = [
        Gateway(folder, scripted.url, "--profile", "full", *SMALL),
        Gateway(folder, scripted.url, *strict, *SMALL),
    ]
    yield [one.wait_ok() for one in made]
    for one in made:
        assert one.stop() == 0, one.log


@pytest.fixture
def behind(scripted: Upstream) -> Upstream:
    """The server behind `reporting` and `enforcing`, with a clean slate."""
    scripted.answer = says_json({})
    scripted.seen.clear()
    return scripted


@pytest.fixture
def reporting(both: list[Gateway], behind: Upstream) -> Gateway:
    return both[0]


@pytest.fixture
def enforcing(both: list[Gateway], behind: Upstream) -> Gateway:
    return both[1]


@pytest.fixture
def make_gateway(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Start gateways of one's own: `make_gateway(upstream, *args, env=…)`."""
    made: list[Gateway] = []

    def make(url: str, *args: str, **options: dict[str, str]) -> Gateway:
        made.append(Gateway(tmp_path, url, *args, **options))
        return made[-1]

    yield make
    for one in made:
        one.kill()


@pytest.fixture(scope="session")
def front(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """An enforcing gateway before the server with the example graphs."""
    folder = tmp_path_factory.mktemp("front")
    one = Gateway(folder, server.url, "--mode", "enforce", "--profile", "full").wait_ok()
    yield one
    assert one.stop() == 0, one.log
