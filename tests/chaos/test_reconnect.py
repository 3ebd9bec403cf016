"""Both SDKs reconnect over two hundred broken connections without losing or doubling an event."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos.storm import JS_STREAMS, STREAMS, UPTO, WAITS, Heard, weather
from factories import names, payloads, seq_of
from langgraph_sdk.schema import StreamPart
from servers import Server

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parent / "project" / "langgraph.json"
SDK = Path(__file__).parent.parent / "sdk" / "js" / "node_modules" / "@langchain" / "langgraph-sdk"


def node_with_sdk() -> str | None:
    """Return the Node binary if the JavaScript SDK is installed for it; CI has to have both."""
    node = shutil.which("node")
    ready = node is not None and SDK.is_dir()
    assert ready or os.environ.get("CI", "").lower() not in ("1", "true"), "needs Node and its SDK"
    return node if ready else None


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Heard]:
    """What all clients heard in the storm."""
    data = tmp_path_factory.mktemp("chaos") / "data"
    server = Server(data, config=PROJECT, env={"N_JOBS_PER_WORKER": "40"}).start()
    try:
        yield asyncio.run(weather(server.url, node_with_sdk()))
        assert server.stop() == 0, server.log
    finally:
        server.kill()


def assert_whole(parts: list[StreamPart]) -> None:
    """Check that a stream is what an undisturbed client would have seen."""
    said = [data["number"] for data in payloads(parts, "custom")]
    assert said == list(range(1, UPTO + 1))
    assert [seq_of(part.id) for part in parts] == list(range(1, len(parts) + 1))
    assert names(parts) == ["metadata", "values", *["custom"] * UPTO, "values"]
    assert all(data["text"].isprintable() for data in payloads(parts, "custom"))


def test_the_storm_was_worth_the_name(heard: Heard) -> None:
    wanted = 200 if heard.js_streams else 130
    assert heard.drops["stream"] >= wanted
    assert heard.drops["wait"] >= 2 * WAITS


def test_the_python_sdk_hears_every_event_once_and_in_order(heard: Heard) -> None:
    assert len(heard.streams) == STREAMS
    for parts in heard.streams:
        assert_whole(parts)


def test_the_javascript_sdk_hears_every_event_once_and_in_order(heard: Heard) -> None:
    if not heard.js_streams:
        pytest.skip("Node or the JavaScript SDK is not installed")
    assert len(heard.js_streams) == JS_STREAMS
    for parts in heard.js_streams:
        assert_whole(parts)


def test_wait_gives_the_output_although_its_answer_was_cut_twice(heard: Heard) -> None:
    assert [output["said"] for output in heard.outputs] == [UPTO] * WAITS
