"""Every operation keeps the contract on Postgres with Redis, too: fewer examples of everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance.fuzzing import Outcome, fuzz_alone
from conformance.operations import FULL
from databases import REDIS, PostgresPlace, check_redis

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
EXAMPLES = 2


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    check_redis()
    place, folder = PostgresPlace(), tmp_path_factory.mktemp("postgres")
    env = {
        "GRAPHSTEAD_DATABASE_URI": place.uri,
        "REDIS_URI": REDIS,
        "REDIS_KEY_PREFIX": place.redis_prefix,
    }
    yield fuzz_alone(
        Path(folder) / "fuzzed",
        env=env,
        operation_ids=[one.operation_id for one in FULL],
        phases=("examples", "fuzzing"),
        max_examples=EXAMPLES,
    )
    place.await_the_end()
    place.leave()


def test_no_check_fails_on_any_operation(fuzzed: Outcome) -> None:
    assert {one.label for one in FULL} <= {one.operation for one in fuzzed.exchanges}
    assert not fuzzed.failures, fuzzed.details
    assert fuzzed.errors == []


def test_the_server_logged_no_fault_of_its_own(fuzzed: Outcome) -> None:
    assert fuzzed.logged == []
