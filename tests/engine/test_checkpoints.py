"""The saver against LangGraph's own conformance suite and against the promises of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import Capability

from graphstead.engine.checkpoints import Saver
from graphstead.storage.base import Storage
from graphstead.storage.sqlite import open_sqlite


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    storage = open_sqlite(tmp_path / "test.db")
    yield storage
    storage.close()


async def test_the_saver_passes_every_capability_of_the_conformance_suite(
    storage: Storage,
) -> None:
    async def savers() -> AsyncIterator[Saver]:
        yield Saver(storage)

    report = await validate(checkpointer_test("Saver")(savers))
    failures = [name for result in report.results.values() for name in result.failures]
    assert failures == []
    assert {name for name, result in report.results.items() if result.passed} == {
        capability.value for capability in Capability
    }
