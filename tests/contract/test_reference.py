"""The contract is searched, shown and applied by name."""

from __future__ import annotations

from typing import Any

import pytest

from graphstead.contract.load import packaged
from graphstead.contract.reference import ContractReference
from graphstead.problems import NotFound

BATCH = "run_batch_stateless_runs_post"


@pytest.fixture(scope="module")
def reference() -> ContractReference:
    return ContractReference(packaged())


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("create run batch", "/runs/batch"),
        ("thread state history", "/threads/{thread_id}/history"),
        ("cron search", "/runs/crons/search"),
        ("POST /store/items/search", "/store/items/search"),
        ("put an item", "/store/items"),
    ],
)
def test_words_find_the_operation_they_describe(
    reference: ContractReference, query: str, path: str
) -> None:
    assert path in [one["path"] for one in reference.search(query, 3)]


def test_a_search_is_bounded_and_may_find_nothing(reference: ContractReference) -> None:
    assert len(reference.search("", 7)) == 7
    assert reference.search("zzz", 7) == []


@pytest.mark.parametrize("name", [BATCH, "POST /runs/batch", "post  /runs/batch"])
def test_an_operation_is_shown_with_the_schemas_it_names(
    reference: ContractReference, name: str
) -> None:
    shown = reference.show(name)
    assert shown["operation_id"] == BATCH
    assert shown["body"]["$ref"] == "#/components/schemas/RunBatchCreate"
    assert {"Idempotency-Key", "X-Request-Id"} <= {one["name"] for one in shown["parameters"]}
    assert {"200", "422"} <= shown["responses"].keys()
    assert shown["schemas"]["RunBatchCreate"]["type"] == "array"


def test_a_schema_is_shown_by_its_name(reference: ContractReference) -> None:
    shown = reference.show("RunBatchCreate")
    assert list(shown["schemas"]) == ["RunCreateStateless"]


@pytest.mark.parametrize(
    ("payload", "places", "unknown"),
    [
        ([{"assistant_id": "echo"}], [], []),
        ([{"assistant_id": 7, "after_seconds": -1}], ["assistant_id", "after_seconds"], []),
        ([{"assistant_id": "echo", "inptu": 1}], [], [("[0].inptu", "input")]),
    ],
)
def test_a_payload_is_judged_as_a_request_would_be(
    reference: ContractReference, payload: Any, places: list[str], unknown: list[Any]
) -> None:
    judged = reference.judge(BATCH, payload)
    assert judged["valid"] is not bool(places)
    assert {one["loc"] for one in judged["errors"]} == {f"body[0].{name}" for name in places}
    assert [(one["path"], one["nearest"]) for one in judged["unknown_members"]] == unknown


@pytest.mark.parametrize("name", ["nothing", "GET /ok", "RunBatchCreate"])
def test_what_takes_no_payload_judges_none(reference: ContractReference, name: str) -> None:
    with pytest.raises(NotFound):
        reference.judge(name, {})


def test_any_schema_judges_a_value(reference: ContractReference) -> None:
    schema = {"properties": {"a": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "integer"}}}
    assert reference.faults_of(schema, {"a": 1}, "arguments") == []
    (fault,) = reference.faults_of(schema, {"a": "x"}, "arguments")
    assert fault == {"loc": "arguments.a", "msg": "'x' is not of type integer"}
