"""One campaign of Schemathesis for all tests of this folder."""

from __future__ import annotations

import pytest
from conformance.fuzzing import Outcome, fuzz_all
from conformance.operations import FULL


@pytest.fixture(scope="session")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What Schemathesis found in all phases and on all operations."""
    return fuzz_all(tmp_path_factory.mktemp("fuzzed"), [one.operation_id for one in FULL])
