"""No operation of the published contract is left for later, and none answers as if it were.

How one that is planned would be answered: tests/contract/test_routing.py.
"""

from __future__ import annotations

import pytest
from conformance.fuzzing import Outcome
from conformance.operations import FULL, OPERATIONS, Described


def test_no_operation_is_left_for_later() -> None:
    assert len(OPERATIONS) > 80
    assert [one.label for one in OPERATIONS if one.planned] == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("operation", FULL, ids=lambda one: one.label)
def test_none_answers_501_as_a_whole(operation: Described, fuzzed: Outcome) -> None:
    answers = [one for one in fuzzed.exchanges if one.operation == operation.label]
    assert not [one for one in answers if b"does not support it yet" in one.body]
    if "501" not in operation.responses:
        assert not [one for one in answers if one.status == 501]
