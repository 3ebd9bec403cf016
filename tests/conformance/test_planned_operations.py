"""What comes later says so, and nothing else does."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from conformance.fuzzing import Outcome
from conformance.operations import FULL, PLANNED, Described
from servers import Server


def path_of(operation: Described) -> str:
    return re.sub(r"\{[^}]+\}", lambda _: str(uuid4()), operation.path)


@pytest.mark.parametrize("operation", PLANNED, ids=lambda one: one.label)
def test_a_planned_operation_answers_501_with_a_detail(
    operation: Described, server: Server
) -> None:
    answer = server.call(operation.method, path_of(operation), json={})
    assert answer.status_code == 501
    assert answer.json()["code"] == "not_implemented"
    assert "does not support it yet" in answer.json()["detail"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("operation", FULL, ids=lambda one: one.label)
def test_no_other_operation_answers_501_as_a_whole(operation: Described, fuzzed: Outcome) -> None:
    answers = [one for one in fuzzed.exchanges if one.operation == operation.label]
    assert not [one for one in answers if b"does not support it yet" in one.body]
    if "501" not in operation.responses:
        assert not [one for one in answers if one.status == 501]
