"""Every operation keeps the contract, whatever Schemathesis sends to it."""

from __future__ import annotations

import pytest
from conformance.fuzzing import UNIT_PHASES, Outcome
from conformance.operations import FULL, Described

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

every_operation = pytest.mark.parametrize("operation", FULL, ids=lambda one: one.label)
BODILESS = frozenset({"/docs", "/info"})
# All that the contract has for these is a refusal.
REFUSING = frozenset({"GET /mcp", "GET /mcp/"})


@every_operation
def test_it_fails_no_check(operation: Described, fuzzed: Outcome) -> None:
    checks = fuzzed.failures.get(operation.label, set())
    assert not checks, "\n\n".join(fuzzed.details[operation.label][:5])


@every_operation
@pytest.mark.parametrize("phase", UNIT_PHASES)
def test_it_is_tried_in_each_phase(operation: Described, phase: str, fuzzed: Outcome) -> None:
    if phase == "coverage" and not fuzzed.statuses(operation.label, [phase]):
        pytest.skip("it has nothing to vary") if operation.path in BODILESS else None
    assert fuzzed.statuses(operation.label, [phase])


@every_operation
def test_well_formed_requests_succeed_too(operation: Described, fuzzed: Outcome) -> None:
    seen = [one for one in fuzzed.exchanges if one.operation == operation.label]
    accepted = [one for one in seen if one.mode == "positive" and one.status < 300]
    if operation.label in REFUSING:
        assert {one.status for one in seen if one.mode == "positive"} == {405}
        return
    assert accepted, f"only {sorted({one.status for one in seen})}"


def test_nothing_failed_anywhere(fuzzed: Outcome) -> None:
    assert not fuzzed.failures, fuzzed.details


def test_no_operation_was_left_out(fuzzed: Outcome) -> None:
    assert {one.label for one in FULL} <= {one.operation for one in fuzzed.exchanges}


def test_sequences_of_operations_were_tried(fuzzed: Outcome) -> None:
    steps = [one for one in fuzzed.exchanges if one.phase == "stateful"]
    assert len({one.operation for one in steps if one.status < 300}) >= len(FULL) // 3


def test_schemathesis_itself_had_no_trouble(fuzzed: Outcome) -> None:
    assert fuzzed.errors == []


def test_the_server_logged_no_fault_of_its_own(fuzzed: Outcome) -> None:
    assert fuzzed.logged == []
