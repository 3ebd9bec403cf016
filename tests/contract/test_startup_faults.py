"""Contract and handlers must agree, and every disagreement is told at once."""

import copy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphstead.contract.app import build_app
from graphstead.contract.compile import compile_contract
from graphstead.contract.load import Document
from graphstead.problems import StartupError

OPERATION: Document = {"tags": ["Things"], "responses": {"200": {"description": "ok"}}}
LIMIT = {"name": "limit", "in": "query", "required": True, "schema": {"type": "integer"}}


def operation(operation_id: str, **more: Any) -> Document:
    return {**OPERATION, "operationId": operation_id, **more}


def document_of(**paths: Document) -> Document:
    found = {f"/{name}": {"get": value} for name, value in paths.items()}
    return {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": found}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a factory of handler packages: module name to source."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name: str, **modules: str) -> str:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        for module, source in modules.items():
            (folder / f"{module}.py").write_text(source)
        for loaded in [key for key in sys.modules if key.partition(".")[0] == name]:
            monkeypatch.delitem(sys.modules, loaded)
        return name

    return make


def faults_of(document: Document, package: str) -> list[str]:
    with pytest.raises(StartupError) as caught:
        build_app(document, engine=None, handlers_package=package)
    return list(caught.value.faults)


def test_every_fault_is_reported_together(package: Callable[..., str]) -> None:
    source = """
async def orphan(): ...
def not_async(): ...
async def stranger(*, colour): ...
async def forgetful(): ...
async def positional(limit): ...
async def _private(): ...
"""
    name = package("faulty_handlers", things=source, stray="")
    document = document_of(
        a=operation("missing"),
        b=operation("not_async"),
        c=operation("stranger"),
        d=operation("forgetful", parameters=[LIMIT]),
        e=operation("positional", parameters=[LIMIT]),
        f={**operation("homeless"), "tags": ["No Module"]},
    )
    faults = faults_of(document, name)
    assert faults == [
        "things.missing: the module has no such function",
        "things.not_async: a handler must be async",
        "things.stranger: argument 'colour' is not in the contract",
        "things.forgetful: the required parameter 'limit' is not taken",
        "things.positional: argument 'limit' must be keyword-only",
        "no_module.homeless: there is no handler module 'no_module'",
        "things.orphan: no operation of the contract calls this handler",
        "stray: no tag of the contract has this handler module",
    ]


def test_a_required_body_must_be_taken(package: Callable[..., str]) -> None:
    body = {"required": True, "content": {"application/json": {"schema": {}}}}
    document = document_of(a=operation("takes_none", requestBody=body))
    name = package("bodiless_handlers", things="async def takes_none(): ...\n")
    assert faults_of(document, name) == [
        "things.takes_none: the required parameter 'body' is not taken"
    ]


def test_a_handler_may_not_ask_for_a_body_nobody_sends(package: Callable[..., str]) -> None:
    name = package("greedy_handlers", things="async def greedy(*, body): ...\n")
    assert faults_of(document_of(a=operation("greedy")), name) == [
        "things.greedy: argument 'body' is not in the contract"
    ]


def test_a_planned_operation_needs_no_handler_and_may_have_none(
    package: Callable[..., str],
) -> None:
    planned = {"x-graphstead-support": "planned"}
    document = document_of(a=operation("later", **planned))
    build_app(document, engine=None, handlers_package=package("no_handlers"))
    early = package("early_handlers", things="async def later(): ...\n")
    assert faults_of(document, early) == [
        "things.later: no operation of the contract calls this handler"
    ]


def test_a_module_that_fails_to_import_shows_its_own_error(package: Callable[..., str]) -> None:
    name = package("broken_handlers", things="import a_module_nobody_has\n")
    with pytest.raises(ModuleNotFoundError, match="a_module_nobody_has"):
        build_app(document_of(a=operation("x")), engine=None, handlers_package=name)


def test_faults_of_the_document_are_reported_together() -> None:
    path = {"name": "thing_id", "in": "path", "required": True, "schema": {}}
    cookie = {"name": "c", "in": "cookie", "schema": {}}
    twins = [{**LIMIT, "name": "a-b"}, {**LIMIT, "name": "a.b"}]
    document = document_of(
        a=operation("same"),
        b=operation("same"),
        c={"responses": {}},
        d=operation("templated", parameters=[path]),
        e=operation("cookies", parameters=[cookie]),
        f=operation("twins", parameters=twins),
    )
    with pytest.raises(StartupError) as caught:
        compile_contract(document)
    assert len(caught.value.faults) == 5


def test_building_leaves_the_document_as_it_was(
    document: Document, make_app: Callable[..., Any]
) -> None:
    before = copy.deepcopy(document)
    for mode in ("off", "sample", "strict"):
        make_app(response_validation=mode)
    assert document == before


def test_a_form_of_faults_that_nobody_knows_is_a_fault(package: Callable[..., str]) -> None:
    document = document_of(a=operation("a", **{"x-graphstead-faults": "xml"}))
    expected = "GET /a: x-graphstead-faults may not be 'xml'"
    assert faults_of(document, package("forms", things="async def a(): ...")) == [expected]
