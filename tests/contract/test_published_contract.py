"""The contract this project publishes: fresh, sound, complete, and true to its own examples."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphstead.contract.check import check_document
from graphstead.contract.compile import Contract, Operation, compile_contract
from graphstead.contract.load import Document, bundle, escape, follow, packaged, render
from graphstead.contract.response import close_answers
from graphstead.contract.route import RouteTable
from graphstead.contract.schemas import schemas_for
from graphstead.contract.specification import METHODS

SPEC = Path(__file__).parents[2] / "spec"

NEVER_REFUSED = {"x_request_id", "if_none_match"}


@pytest.fixture(scope="module")
def published() -> Document:
    """The bundle the package ships with."""
    return packaged()


@pytest.fixture(scope="module")
def contract(published: Document) -> Contract:
    """The published contract, compiled."""
    return compile_contract(published)


def test_the_bundle_is_fresh() -> None:
    assert (SPEC / "openapi.json").read_bytes() == render(bundle(SPEC)), "run scripts/derive"


def test_the_document_is_sound(published: Document) -> None:
    assert check_document(published) == []


def test_every_operation_is_in_the_route_table(contract: Contract) -> None:
    table = RouteTable(contract.operations.values())
    for operation in contract.operations.values():
        match = table.find(operation.path)
        assert match is not None
        assert match.methods[operation.method] is operation, operation.path


def test_operations_with_a_body_declare_how_bodies_are_refused(contract: Contract) -> None:
    for operation in contract.operations.values():
        if operation.body is not None:
            refusals = {"413", "415", refusal_of(operation)}
            assert refusals <= operation.responses.keys(), operation.operation_id


def test_operations_with_parameters_declare_how_they_are_refused(contract: Contract) -> None:
    for operation in contract.operations.values():
        refusable = {p.argument for p in operation.parameters} - NEVER_REFUSED
        declared = refusal_of(operation) in operation.responses
        assert not refusable or declared, operation.operation_id


def refusal_of(operation: Operation) -> str:
    """Return the status of what the contract refuses."""
    return "400" if operation.rpc_by_status else "422"


def test_every_number_that_is_asked_for_has_bounds(published: Document) -> None:
    unbound = {
        where
        for where, schema in numbers_of_requests(published)
        if not {"enum", "maximum"} & schema.keys()
    }
    # Ids of JSON-RPC are the caller's; any time beyond a century is taken for one.
    assert unbound == {"MCPRequestId.anyOf", "A2ARequestId.id", "StorePutRequest.ttl"}


def numbers_of_requests(published: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every schema of a number that a request may bring, with where it stands."""
    for path in published["paths"].values():
        for asked in (path, *(path[method] for method in METHODS if method in path)):
            for name in ("parameters", "requestBody"):
                yield from numbers_in(published, asked.get(name), name, name, set())


def numbers_in(
    published: Document, node: Any, within: str, key: str, seen: set[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, list):
        for item in node:
            yield from numbers_in(published, item, within, key, seen)
    elif isinstance(node, dict) and isinstance(node.get("$ref"), str):
        reference = node["$ref"]
        if reference not in seen:
            seen.add(reference)
            name = reference.rpartition("/")[2]
            yield from numbers_in(published, follow(published, reference), name, key, seen)
    elif isinstance(node, dict):
        kinds = node.get("type", ())
        if {"integer", "number"} & {*([kinds] if isinstance(kinds, str) else kinds)}:
            yield f"{within}.{key}", node
        for inner_key, inner in node.items():
            yield from numbers_in(published, inner, within, inner_key, seen)


def test_planned_operations_declare_501(contract: Contract) -> None:
    for operation in contract.operations.values():
        assert not operation.planned or "501" in operation.responses, operation.operation_id


def test_every_error_has_the_error_shape(published: Document, contract: Contract) -> None:
    for operation in contract.operations.values():
        for status, response in operation.responses.items():
            if status.startswith(("4", "5")) and response.contents and not operation.planned:
                validator = response.contents["application/json"].validator
                assert validator is not None
                shapes: list[Any] = [{"detail": "x", "code": "not_found", "request_id": "r"}]
                if operation.rpc_by_status:
                    error = {"code": -32600, "message": "x"}
                    shapes.append({"jsonrpc": "2.0", "id": None, "error": error})
                if operation.refused_as_command and status == "400":
                    told = {"type": "error", "id": None, "error": "invalid_argument"}
                    shapes = [{**told, "message": "x"}]
                assert any(map(validator.ok, shapes)), (operation.operation_id, status)


def examples(node: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (pointer of the schema, value) for each example beside a schema."""
    if isinstance(node, dict):
        named = node.get("examples")
        if "schema" in node:
            if isinstance(named, dict):
                for example in named.values():
                    if "value" in example:
                        yield f"{pointer}/schema", example["value"]
            if "example" in node:
                yield f"{pointer}/schema", node["example"]
        for key, value in node.items():
            yield from examples(value, f"{pointer}/{escape(key)}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from examples(value, f"{pointer}/{index}")


def test_every_example_satisfies_its_schema_even_when_closed(published: Document) -> None:
    closed = schemas_for(close_answers(published))
    opened = schemas_for(published)
    found = list(examples(published))
    assert len(found) > 100
    for pointer, value in found:
        assert opened.at(pointer).errors(value, "example") == [], pointer
        assert closed.at(pointer).errors(value, "example") == [], pointer
