"""The bundler: split files in, one document out."""

from pathlib import Path

import pytest

from graphstead.contract.check import check_document
from graphstead.contract.load import Document, bundle, read_yaml, render
from graphstead.problems import StartupError

ROOT = "openapi: 3.1.0\ninfo: {title: T, version: '1'}\n"


def write(folder: Path, **files: str) -> Path:
    """Write spec files; ``paths__x`` becomes ``paths/x.yaml``."""
    for name, text in files.items():
        target = folder / f"{name.replace('__', '/')}.yaml"
        target.parent.mkdir(exist_ok=True, parents=True)
        target.write_text(text)
    return folder


def test_the_sample_is_a_sound_document(document: Document) -> None:
    assert check_document(document) == []


def test_references_across_files_become_local(document: Document) -> None:
    thing = document["paths"]["/things/{thing_id}"]
    assert thing["parameters"] == [{"$ref": "#/components/parameters/ThingId"}]
    batch = document["paths"]["/things/batch"]["post"]["requestBody"]["content"]
    assert batch["application/json"]["schema"]["items"] == {
        "$ref": "#/components/schemas/ThingCreate"
    }
    modes = document["components"]["schemas"]["ThingCreate"]["properties"]["mode"]["anyOf"]
    assert modes[0] == {"$ref": "#/components/schemas/Mode"}


def test_braces_in_a_description_survive(document: Document) -> None:
    assert "{{braces}}" in document["info"]["description"]


def test_dates_and_words_stay_text(tmp_path: Path) -> None:
    path = write(tmp_path, a="day: 2026-01-02\nanswer: yes\non: off\nreal: true\n") / "a.yaml"
    assert read_yaml(path) == {"day": "2026-01-02", "answer": "yes", "on": "off", "real": True}


def test_a_duplicate_key_is_refused_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, a="b: 1\nb: 2\n") / "a.yaml"
    with pytest.raises(StartupError, match=r"'b' is given twice(.|\n)*line 2"):
        read_yaml(path)


def test_an_unquoted_status_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, a="200: fine\n") / "a.yaml"
    with pytest.raises(StartupError, match="200 must be quoted"):
        read_yaml(path)


def test_clashing_names_are_all_reported(tmp_path: Path) -> None:
    schemas = {"schemas__a": "A: {}\nB: {}\n", "schemas__b": "A: {}\nB: {}\n"}
    with pytest.raises(StartupError) as caught:
        bundle(write(tmp_path, openapi=ROOT, **schemas))
    assert len(caught.value.faults) == 2


def test_dangling_references_are_all_reported(tmp_path: Path) -> None:
    schemas = "A: {$ref: '#/Nowhere'}\nB: {items: {$ref: '#/A/properties/x'}}\n"
    with pytest.raises(StartupError) as caught:
        bundle(write(tmp_path, openapi=ROOT, schemas__a=schemas))
    assert len(caught.value.faults) == 2


def test_a_missing_path_item_and_a_missing_file_are_reported_together(tmp_path: Path) -> None:
    paths = "paths:\n  /a: {$ref: paths/a.yaml#/nope}\n  /b: {$ref: paths/b.yaml#/nope}\n"
    with pytest.raises(StartupError) as caught:
        bundle(write(tmp_path, openapi=ROOT + paths, paths__a="a: {}\n"))
    assert ["names no path item" in f or "names no file" in f for f in caught.value.faults] == [
        True,
        True,
    ]


def test_a_reference_inside_an_example_is_data(tmp_path: Path) -> None:
    schemas = "A:\n  example: {$ref: nowhere.yaml#/x}\n  properties:\n    $ref: {type: string}\n"
    schema = bundle(write(tmp_path, openapi=ROOT, schemas__a=schemas))["components"]["schemas"]["A"]
    assert schema["example"] == {"$ref": "nowhere.yaml#/x"}
    assert schema["properties"] == {"$ref": {"type": "string"}}


def test_the_bundle_is_the_same_every_time(document: Document) -> None:
    again = bundle(Path(__file__).parent / "sample_spec")
    assert render(again) == render(document)


def test_nullable_is_reported_as_meaningless() -> None:
    schemas = {"A": {"type": "string", "nullable": True}, "nullable": {"type": "string"}}
    faults = check_document(
        {
            "openapi": "3.1.0",
            "info": {"title": "T", "version": "1"},
            "paths": {},
            "components": {"schemas": schemas},
        }
    )
    assert len(faults) == 1 and "nullable has no meaning" in faults[0]
