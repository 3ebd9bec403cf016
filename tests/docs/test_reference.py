"""What is derived from the contract stands by itself: fragments, schemas, skills, links."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from docs.guide_text import links_of
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from servers import ROOT, Server

from graphstead.contract.load import packaged
from graphstead.derive.catalogue import Entry
from graphstead.derive.fragment import fragment
from graphstead.derive.library import Library

DOCUMENT = packaged()
LIBRARY = Library(DOCUMENT)
SEEDED = "stateless-runs/start-many-background-runs-at-once"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    one = Server(tmp_path_factory.mktemp("docs") / "data").start()
    yield one
    one.stop()


@pytest.mark.parametrize("entry", LIBRARY.entries, ids=lambda entry: entry.operation_id)
def test_the_contract_of_one_operation_is_a_document_of_its_own(entry: Entry) -> None:
    part = fragment(DOCUMENT, entry)
    assert list(OpenAPIV31SpecValidator(part).iter_errors()) == []
    assert list(part["paths"]) == [entry.path]


def test_a_fragment_has_no_schema_that_it_does_not_reach() -> None:
    entry = next(one for one in LIBRARY.entries if one.call == "POST /runs/batch")
    part = fragment(DOCUMENT, entry)
    text = yaml.safe_dump(part)
    schemas = part["components"]["schemas"]
    assert {"RunBatchCreate", "RunCreateStateless", "ErrorResponse"} <= set(schemas)
    assert len(schemas) < len(DOCUMENT["components"]["schemas"]) / 3
    assert [name for name in schemas if f"#/components/schemas/{name}" not in text] == []


def test_the_section_of_a_page_is_that_document() -> None:
    text = LIBRARY.page(SEEDED) or ""
    section = text.partition("\n## OpenAPI\n")[2]
    inner = section.partition("\n```yaml POST /runs/batch\n")[2].rpartition("```")[0]
    entry = next(one for one in LIBRARY.entries if one.call == "POST /runs/batch")
    assert yaml.load(inner, yaml.CBaseLoader) == yaml.load(
        yaml.safe_dump(fragment(DOCUMENT, entry)), yaml.CBaseLoader
    )


@pytest.mark.parametrize("name", LIBRARY.skill_names)
def test_a_skill_has_every_file_it_names_and_names_every_file(name: str) -> None:
    files = LIBRARY.skill(name) or {}
    named = set(re.findall(r"`((?:docs|schemas|examples)/[^`<]+)`", files["SKILL.md"]))
    own = {path for path in files if path not in ("SKILL.md", "docs/concepts.md")}
    assert named == own


@pytest.mark.parametrize("name", LIBRARY.skill_names)
def test_the_schemas_of_a_skill_are_complete_in_themselves(name: str) -> None:
    for path, text in (LIBRARY.skill(name) or {}).items():
        if path.startswith("schemas/"):
            schema = yaml.safe_load(text)
            Draft202012Validator.check_schema(schema)
            refs = re.findall(r'"\$ref": "#/\$defs/([^"]+)"', text)
            assert set(refs) <= schema.get("$defs", {}).keys()
            assert text.count('"$ref"') == len(refs)


def test_every_page_and_skill_that_the_index_lists_is_served(server: Server) -> None:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        index = client.get("/llms.txt").text
        links = links_of(index)
        assert len(links) > 2 * len(LIBRARY.entries)
        assert [link for link in links if client.get(f"/{link}").status_code != 200] == []
        assert set(LIBRARY.page_names) == {link[5:-3] for link in links if link.startswith("docs/")}


def test_the_server_shows_what_the_repository_keeps(server: Server) -> None:
    kept = ROOT / "docs"
    with httpx.Client(base_url=server.url, timeout=30) as client:
        page = client.get(f"/docs/{SEEDED}.md")
        assert page.headers["content-type"].startswith("text/markdown")
        assert page.text == (kept / "reference" / f"{SEEDED}.md").read_text("utf-8")
        assert client.get("/llms-full.txt").text == (kept / "llms-full.txt").read_text("utf-8")
        assert "\n## OpenAPI\n" not in client.get("/llms-full.txt").text


def test_a_browser_gets_the_page_as_html_with_links_to_html(server: Server) -> None:
    page = server.get(f"/docs/{SEEDED}")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert ">Start many background runs at once</h1>" in page.text
    assert 'href="../thread-runs/read-a-run"' in page.text
    assert "<script" not in page.text


def test_a_skill_is_one_zip_with_the_files_it_has_one_by_one(server: Server) -> None:
    name = SEEDED.replace("/", "-")
    with httpx.Client(base_url=server.url, timeout=30) as client:
        content = client.get(f"/skills/{name}.zip").content
        assert content == client.get(f"/skills/{name}").content
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = {Path(path): archive.read(path) for path in archive.namelist()}
        assert Path(name, "SKILL.md") in files
        for path, text in files.items():
            assert client.get(f"/skills/{path}").content == text


@pytest.mark.parametrize("path", ["/docs/threads/nope.md", "/skills/nope", "/skills/nope/SKILL.md"])
def test_what_is_not_derived_is_not_found(server: Server, path: str) -> None:
    answer = server.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_an_unchanged_page_costs_no_body(server: Server) -> None:
    first = server.get("/llms.txt")
    again = server.get("/llms.txt", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
