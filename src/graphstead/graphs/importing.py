"""Importing the user's modules, and saying exactly where one of them fails."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from graphstead.graphs.config import GraphSource

__all__ = ["ImportFault", "Importer", "fault_place"]


class ImportFault(Exception):
    """A source that cannot be imported; the text has file, line and cause."""


class Importer:
    """Import graph sources of a project; each file runs once, however many graphs it holds."""

    def __init__(self, root: Path, import_paths: Sequence[Path]) -> None:
        self._root = root
        self._import_paths = import_paths
        self._files: dict[Path, ModuleType] = {}

    def extend_sys_path(self) -> None:
        """Let Python import from the project, after everything that is installed."""
        for path in map(str, self._import_paths):
            if path not in sys.path:
                sys.path.append(path)

    def load(self, source: GraphSource) -> Any:
        """Return the variable a source names. Raises ImportFault."""
        module = self._module(source)
        try:
            return getattr(module, source.variable)
        except AttributeError:
            raise ImportFault(_missing(module, source)) from None

    def _module(self, source: GraphSource) -> ModuleType:
        try:
            if source.is_file:
                return self._file((self._root / source.module).resolve())
            return importlib.import_module(source.module)
        except ImportFault:
            raise
        except (Exception, SystemExit) as exc:  # the user's module may raise anything
            raise ImportFault(self._described(exc)) from exc

    def _described(self, exc: BaseException) -> str:
        place = fault_place(exc, self._import_paths)
        return f"{place}: {type(exc).__name__}: {exc}" if place else f"{type(exc).__name__}: {exc}"

    def _file(self, path: Path) -> ModuleType:
        if path not in self._files:
            if not path.is_file():
                raise ImportFault(f"there is no file {path}")
            self._files[path] = self._import_file(path)
        return self._files[path]

    def _import_file(self, path: Path) -> ModuleType:
        """Import a file under the name other modules would import it by, where it has one."""
        for name in self._names(path):
            if _is_module(name, path):
                return importlib.import_module(name)
        return _execute(self._file_name(path), path)

    def _names(self, path: Path) -> Iterator[str]:
        parts = [path.stem] if path.stem != "__init__" else []
        folder = path.parent
        while (folder / "__init__.py").is_file() and folder not in self._import_paths:
            parts.insert(0, folder.name)
            folder = folder.parent
        yield ".".join(parts)
        for base in self._import_paths:
            if path.is_relative_to(base):
                yield ".".join(path.relative_to(base).with_suffix("").parts)

    def _file_name(self, path: Path) -> str:
        """Name a file that Python cannot reach: the same name on every start and machine."""
        inside = path.is_relative_to(self._root)
        shown = path.relative_to(self._root) if inside else Path(path.name)
        return re.sub(r"\W", "_", f"graph_{shown.with_suffix('')}")


def fault_place(exc: BaseException, folders: Sequence[Path]) -> str:
    """Tell ``file line N`` where an exception arose: the deepest place in `folders`."""
    if isinstance(exc, SyntaxError) and exc.filename:
        return f"{exc.filename} line {exc.lineno}"
    frames = traceback.extract_tb(exc.__traceback__)
    inside = [frame for frame in frames if _is_inside(frame.filename, folders)]
    if not inside:
        return ""
    return f"{inside[-1].filename} line {inside[-1].lineno}"


def _is_inside(filename: str, folders: Sequence[Path]) -> bool:
    if "site-packages" in filename or filename.startswith("<"):
        return False
    return any(Path(filename).is_relative_to(folder) for folder in folders)


def _is_module(name: str, path: Path) -> bool:
    if not name or not all(part.isidentifier() for part in name.split(".")):
        return False
    spec = _spec(name)
    return spec is not None and spec.origin is not None and Path(spec.origin).resolve() == path


def _spec(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError as exc:
        if exc.name and (name == exc.name or name.startswith(f"{exc.name}.")):
            return None
        raise
    except ValueError:  # a loaded module of this name has no spec
        return None


def _execute(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportFault(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _missing(module: ModuleType, source: GraphSource) -> str:
    file = getattr(module, "__file__", None) or source.module
    near = difflib.get_close_matches(source.variable, vars(module), 1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"{file} has no variable '{source.variable}'{hint}"
