"""What is shipped: the package list and the package data match the folders."""

from __future__ import annotations

import importlib
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from servers import ROOT

import graphstead

SETUPTOOLS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"][
    "setuptools"
]
MAPPED = {
    "graphstead.guides": "docs/guides",
    "graphstead.handlers": "handlers",
    "graphstead.spec": "spec",
}


def _folders_with_code() -> set[str]:
    source = ROOT / "src"
    inits = source.glob("graphstead/**/__init__.py")
    return {".".join(path.parent.relative_to(source).parts) for path in inits}


def test_every_folder_with_code_is_a_listed_package() -> None:
    assert set(SETUPTOOLS["packages"]) == _folders_with_code() | set(MAPPED)


def test_handlers_spec_and_guides_are_mapped_into_the_package() -> None:
    assert SETUPTOOLS["package-dir"] == {"": "src", **MAPPED}


@pytest.mark.parametrize("package", SETUPTOOLS["packages"])
def test_every_listed_package_can_be_imported(package: str) -> None:
    importlib.import_module(package)


def _data_files() -> list[tuple[str, Path]]:
    found = []
    for package in SETUPTOOLS["packages"]:
        folder = ROOT / (MAPPED.get(package) or Path("src", *package.split(".")))
        nested = {ROOT / "src" / Path(*name.split(".")) for name in SETUPTOOLS["packages"]}
        for path in folder.rglob("*"):
            inner = any(other in path.parents for other in nested if folder in other.parents)
            hidden = any(part.startswith((".", "__")) for part in path.parts[-3:])
            if path.is_file() and not (inner or hidden or path.suffix == ".py"):
                found.append((package, path.relative_to(folder)))
    return found


def test_every_data_file_is_matched_by_a_pattern() -> None:
    patterns: dict[str, list[str]] = SETUPTOOLS["package-data"]
    missed = [
        (package, str(path))
        for package, path in _data_files()
        if not any(_matches(path, pattern) for pattern in patterns.get(package, []))
    ]
    assert missed == []


def _matches(path: Path, pattern: str) -> bool:
    if "**" in pattern:
        return path.parts[0] == pattern.split("/")[0]
    return path.match(pattern) and len(path.parts) == pattern.count("/") + 1


def test_the_shipped_contract_can_be_read_from_the_package() -> None:
    assert files("graphstead.spec").joinpath("openapi.json").is_file()


def test_the_package_says_that_it_is_typed() -> None:
    assert files("graphstead").joinpath("py.typed").is_file()


def test_the_version_is_named_in_one_place() -> None:
    dynamic = SETUPTOOLS["dynamic"]["version"]
    assert dynamic == {"attr": "graphstead.__version__"}
    assert graphstead.__version__.count(".") == 2
