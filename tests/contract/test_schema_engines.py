"""Two engines, one judgement: jsonschema-rs serves, jsonschema is the reference."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphstead.contract.load import Document, packaged
from graphstead.contract.schemas import (
    PythonSchemas,
    RustSchemas,
    distrusted_engine,
    schemas_for,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "values", "x", "thing"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "size", "mode", "kind", "settings", "depth", "input", "assistant_id"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
POINTER = "/components/schemas/ThingCreate"


@given(value=JSON)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_both_engines_agree_on_anything(value: Any, document: Document) -> None:
    rust, python = RustSchemas(document).at(POINTER), PythonSchemas(document).at(POINTER)
    assert rust.ok(value) == python.ok(value)
    assert bool(rust.errors(value, "body")) == (not rust.ok(value))


@given(value=JSON)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.parametrize("name", ["RunCreateStateless", "ThreadCreate", "Run", "Thread"])
def test_both_engines_agree_on_the_published_schemas(value: Any, name: str) -> None:
    rust, python = (
        made(packaged()).at(f"/components/schemas/{name}") for made in (RustSchemas, PythonSchemas)
    )
    assert rust.ok(value) == python.ok(value)


@pytest.mark.parametrize(
    ("value", "loc", "words"),
    [
        ({}, "body", "'name' is required"),
        ({"name": 5}, "body.name", "5 is not of type string"),
        ({"name": "x", "size": "y"}, "body.size", "'y' is not of type"),
        ({"name": "x", "kind": "y"}, "body.kind", "thing"),
        ({"name": "x", "mode": ["values", "foo"]}, "body.mode[1]", "'foo' is not one of ['values'"),
        ({"name": "x", "mode": 5}, "body.mode", "5 is not of type"),
        ({"name": "x", "webhook": "y"}, "body.webhook", "'y' is not a valid uri"),
        ({"name": "x" * 10, "settings": {"depth": "d" * 500}}, "body.settings.depth", "…"),
    ],
)
def test_errors_name_the_field_and_what_was_expected(
    document: Document, value: Any, loc: str, words: str
) -> None:
    error = schemas_for(document).at(POINTER).errors(value, "body")[0]
    assert (error["loc"], words in error["msg"]) == (loc, True), error


def test_formats_are_asserted_by_both_engines() -> None:
    document = {"a": {"type": "string", "format": "uuid"}}
    for engine in (RustSchemas, PythonSchemas):
        schema = engine(document).at("/a")
        assert not schema.ok("x")
        assert schema.ok("0190D2C7-0000-7000-8000-000000000001")


def test_pointers_may_contain_braces_and_slashes(document: Document) -> None:
    pointer = "/paths/~1things~1{thing_id}/get/responses/200/content/application~1json/schema"
    for engine in (RustSchemas, PythonSchemas):
        assert (
            engine(document)
            .at(pointer)
            .ok({"thing_id": "0" * 8 + "-0000" * 3 + "-" + "0" * 12, "name": "x"})
        )


@pytest.mark.parametrize(
    ("release", "found"),
    [("0.44.1", "0.44.1"), ("0.60.0", "0.60.0"), ("0.60.1", None), ("1.2", None), (None, None)],
)
def test_an_engine_that_judges_wrongly_is_not_used(release: str | None, found: str | None) -> None:
    assert distrusted_engine(release) == found
