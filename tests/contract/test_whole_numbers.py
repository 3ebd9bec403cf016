"""Integers are handed on as such, however JSON wrote them; free-form data is left alone."""

from typing import Any

import pytest

from graphstead.contract.compile import Contract, compile_contract
from graphstead.contract.load import packaged


@pytest.fixture(scope="module")
def contract() -> Contract:
    return compile_contract(packaged())


@pytest.mark.parametrize(
    ("operation_id", "body", "read"),
    [
        (
            "search_threads_threads_search_post",
            {"limit": 1.0, "offset": 2.0, "values": {"n": 1.0}},
            {"limit": 1, "offset": 2, "values": {"n": 1.0}},
        ),
        (
            "set_latest_assistant_version_assistants__assistant_id__versions_post",
            {"version": 3.0},
            {"version": 3},
        ),
        (
            "run_batch_stateless_runs_post",
            [{"config": {"recursion_limit": 9.0, "configurable": {"n": 1.0}}}],
            [{"config": {"recursion_limit": 9, "configurable": {"n": 1.0}}}],
        ),
        (
            "create_run_threads__thread_id__runs_post",
            {"after_seconds": 2.0, "input": {"limit": 1.0}},
            {"after_seconds": 2.0, "input": {"limit": 1.0}},
        ),
        ("put_item", {"value": {"limit": 1.0}, "ttl": 5.0}, {"value": {"limit": 1.0}, "ttl": 5.0}),
        (
            "post_a2a",
            {"id": 7.0, "params": {"historyLength": 2.0, "pageSize": 3.0, "metadata": 1.0}},
            {"id": 7, "params": {"historyLength": 2, "pageSize": 3, "metadata": 1.0}},
        ),
        (
            "post_mcp",
            [{"id": 7.0, "params": {"arguments": {"n": 1.0}}}],
            [{"id": 7, "params": {"arguments": {"n": 1.0}}}],
        ),
    ],
)
def test_a_number_becomes_an_integer_only_where_one_is_asked_for(
    contract: Contract, operation_id: str, body: Any, read: Any
) -> None:
    declared = contract.operations[operation_id].body
    assert declared is not None
    if declared.first.whole_numbers is not None:
        declared.first.whole_numbers.restore(body)
    assert repr(body) == repr(read)
