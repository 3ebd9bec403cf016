"""The contract holds on a server that asks for keys, too: Schemathesis shows one."""

from __future__ import annotations

import pytest
from conformance.fuzzing import Outcome, fuzz_alone
from conformance.operations import FULL, Described

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

each_operation = pytest.mark.parametrize("operation", FULL, ids=lambda one: one.label)
IDS = [one.operation_id for one in FULL]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What Schemathesis found where it showed a key, with the contract's own examples."""
    folder = tmp_path_factory.mktemp("known") / "run"
    return fuzz_alone(folder, keyed=True, operation_ids=IDS, phases=("examples",))


@each_operation
def test_whoever_shows_a_key_gets_what_the_contract_says(
    operation: Described, known: Outcome
) -> None:
    checks = known.failures.get(operation.label, set())
    assert not checks, "\n\n".join(known.details[operation.label][:5])
    assert known.statuses(operation.label) - {401}


def test_without_its_key_the_same_request_is_refused(known: Outcome) -> None:
    """Schemathesis repeats most requests without; every operation is in tests/auth."""
    refused = [one for one in FULL if 401 in known.statuses(one.label)]
    assert len(refused) > len(FULL) / 2
    assert all(one.value.get("security") != [] for one in refused)


def test_the_keyed_server_logged_no_fault_of_its_own(known: Outcome) -> None:
    assert known.errors == [] and known.logged == []
