"""What a project needs around it: packages, folders to import from, a version of Python.

A server installs nothing. What is missing is told with the command that brings it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["PythonVersion", "is_local", "local_folders", "missing_packages", "uv_folders"]

Fault = Callable[[str, str], None]
NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
PYTHON = re.compile(r"3\.(\d{1,2})(-\w+)?")
OLDEST_MINOR = 11
SOURCE_KEYS = frozenset({"kind", "root", "package"})


@dataclass(frozen=True, slots=True)
class PythonVersion:
    """`python_version` as it was written."""

    text: str
    minor: int

    @classmethod
    def read(cls, given: Any, fault: Fault) -> PythonVersion | None:
        """Read the key; what is wrong with it goes to `fault`."""
        if given is None:
            return None
        found = PYTHON.fullmatch(given) if isinstance(given, str) else None
        if found is None or int(found[1]) < OLDEST_MINOR:
            fault("python_version", f"expected '3.{OLDEST_MINOR}' or newer, found {given!r}")
            return None
        return cls(given, int(found[1]))

    def fits(self, running: Sequence[Any]) -> bool:
        """Tell whether this interpreter is of the wanted minor version."""
        return tuple(running[:2]) == (3, self.minor)


def is_local(dependency: str) -> bool:
    """Tell a folder from the name of a package."""
    return dependency.startswith((".", "/"))


def local_folders(root: Path, dependencies: Sequence[str]) -> Iterator[Path]:
    """Yield the folders that dependencies name, and where a package below them keeps its code."""
    for name in filter(is_local, dependencies):
        folder = (root / name).resolve()
        yield folder
        if (folder / "pyproject.toml").is_file() and (folder / "src").is_dir():
            yield folder / "src"


def missing_packages(dependencies: Sequence[str]) -> Iterator[str]:
    """Yield the named packages that are not installed; addresses cannot be looked for."""
    for name in dependencies:
        found = NAME.match(name)
        if is_local(name) or "://" in name or found is None:
            continue
        try:
            version(found[0])
        except PackageNotFoundError:
            yield name


def uv_folders(given: Any, fault: Fault) -> list[str]:
    """Return the folders that a `source` of kind uv names, as dependencies name theirs."""
    if not isinstance(given, Mapping):
        fault("source", f"expected an object with kind, root and package, found {given!r}")
        return []
    if given.get("kind") != "uv":
        fault("source.kind", f"expected 'uv', found {given.get('kind')!r}")
        return []
    for key in given.keys() - SOURCE_KEYS:
        fault(f"source.{key}", f"unknown; expected one of {', '.join(sorted(SOURCE_KEYS))}")
    for key in SOURCE_KEYS & given.keys():
        if not isinstance(given[key], str):
            fault(f"source.{key}", f"expected text, found {given[key]!r}")
            return []
    folder = given.get("root", ".")
    return [folder if is_local(folder) else f"./{folder}"]
