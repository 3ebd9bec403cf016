"""langgraph.json: read, checked as a whole, every fault told with its key."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from graphstead.graphs.checkpointer_config import (
    SERDE_KEYS,
    SerdeConfig,
    check_backend,
    read_serde,
)
from graphstead.graphs.store_config import (
    INDEX_KEYS,
    STORE_KEYS,
    STORE_TTL_KEYS,
    StoreConfig,
    StoreTtl,
    read_index,
    read_store_ttl,
)
from graphstead.graphs.thread_ttl import (
    CHECKPOINTER_KEYS,
    TTL_KEYS,
    ThreadTtl,
    read_ttl,
)
from graphstead.graphs.webhooks import WebhookRules, read_webhooks
from graphstead.problems import StartupError

__all__ = ["CONFIG_NAME", "GraphSource", "Project", "load_project"]

CONFIG_NAME = "langgraph.json"
USED_KEYS = frozenset(
    {
        "checkpointer",
        "dependencies",
        "encryption",
        "env",
        "graphs",
        "source",
        "store",
        "webhooks",
    }
)
IMAGE_KEYS = frozenset(
    {
        "$schema",
        "python_version",
        "node_version",
        "api_version",
        "base_image",
        "image_distro",
        "pip_config_file",
        "pip_installer",
        "keep_pkg_tools",
        "dockerfile_lines",
    }
)
UNSUPPORTED_KEYS = frozenset(
    {
        "auth",
        "http",
        "priority",
        "ui",
        "ui_config",
    }
)
KNOWN_KEYS = USED_KEYS | IMAGE_KEYS | UNSUPPORTED_KEYS
PATH = frozenset({"path"})
GRAPH_KEYS = frozenset({"path", "description"})
SCRIPT_SUFFIXES = (".js", ".ts", ".mjs", ".mts", ".cjs", ".cts")


@dataclass(frozen=True, slots=True)
class GraphSource:
    """Where a graph comes from: `module` is a file (with a slash) or a dotted module name."""

    graph_id: str
    module: str
    variable: str
    description: str | None = None

    @property
    def path(self) -> str:
        """The source as langgraph.json writes it, ``module:variable``."""
        return f"{self.module}:{self.variable}"

    @property
    def is_file(self) -> bool:
        return "/" in self.module or self.module.endswith(".py")


@dataclass(frozen=True, slots=True)
class Project:
    """A checked langgraph.json. `unsupported` names its keys that this version cannot honour."""

    path: Path
    root: Path
    graphs: Mapping[str, GraphSource]
    dependencies: tuple[str, ...]
    env: Mapping[str, str]
    raw: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()
    thread_ttl: ThreadTtl | None = None
    store: StoreConfig = field(default_factory=StoreConfig)
    webhooks: WebhookRules = field(default_factory=WebhookRules)
    checkpointer: GraphSource | None = None
    serde: SerdeConfig | None = None
    store_source: GraphSource | None = None
    encryption: GraphSource | None = None

    @property
    def import_paths(self) -> tuple[Path, ...]:
        """The project's folder and its local dependencies, which Python shall import from."""
        local = [(self.root / name).resolve() for name in self.dependencies if _is_local(name)]
        return tuple(dict.fromkeys([self.root, *local]))


def load_project(path: Path) -> Project:
    """Read the langgraph.json at `path`, or in the folder `path`.

    Raises StartupError with every fault found: file, key, and what was expected there.
    """
    path = path.resolve()
    if path.is_dir():
        path = path / CONFIG_NAME
    return _Reading(path, _parse(path)).project()


def _parse(path: Path) -> dict[str, Any]:
    try:
        raw = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise StartupError([f"{path}: no such file; it names the graphs to serve"]) from None
    except OSError as exc:
        raise StartupError([f"{path}: cannot be read: {exc.strerror}"]) from exc
    except UnicodeDecodeError as exc:
        raise StartupError([f"{path}: expected UTF-8 text"]) from exc
    except json.JSONDecodeError as exc:
        fault = f"{path}: line {exc.lineno}, column {exc.colno}: not JSON: {exc.msg}"
        raise StartupError([fault]) from exc
    if not isinstance(raw, dict):
        raise StartupError([f"{path}: expected a JSON object, found {_kind(raw)}"])
    return raw


class _Reading:
    """One pass over a parsed file that gathers faults instead of stopping at the first."""

    def __init__(self, path: Path, raw: dict[str, Any]) -> None:
        self.path = path
        self.raw = raw
        self.faults: list[str] = []
        self.warnings: list[str] = []

    def project(self) -> Project:
        graphs = dict(self._graphs())
        dependencies = self._dependencies()
        env = self._env()
        thread_ttl = self._thread_ttl()
        store = self._store()
        webhooks = read_webhooks(self.raw.get("webhooks"), self._fault)
        checkpointer, serde = self._checkpointer()
        store_source = self._optional_source("store.path", self.raw.get("store"))
        encryption = self._source("encryption.path", self._object("encryption", self.raw, PATH))
        self._warn_of_unknown("", self.raw, KNOWN_KEYS)
        unsupported = tuple(self._unsupported())
        if self.faults:
            raise StartupError(self.faults)
        return Project(
            path=self.path,
            root=self.path.parent,
            graphs=graphs,
            dependencies=dependencies,
            env=env,
            raw=self.raw,
            warnings=tuple(self.warnings),
            unsupported=unsupported,
            thread_ttl=thread_ttl,
            store=store,
            webhooks=webhooks,
            checkpointer=checkpointer,
            serde=serde,
            store_source=store_source,
            encryption=encryption,
        )

    def _unsupported(self) -> Iterator[str]:
        for key in self.raw:
            if key == "http":
                yield from self._unsupported_http()
            elif key in UNSUPPORTED_KEYS:
                yield key

    def _unsupported_http(self) -> Iterator[str]:
        """Name the members of `http` that are not honoured; check those that are."""
        given = self.raw["http"]
        if not isinstance(given, dict):
            self._fault("http", f"expected an object, {_found(given)}")
            return
        headers = given.get("configurable_headers")
        if headers is not None:
            self._check_headers(headers)
        yield from (f"http.{key}" for key in given if key != "configurable_headers")

    def _check_headers(self, given: Any) -> None:
        key = "http.configurable_headers"
        if not isinstance(given, dict):
            self._fault(key, f"expected an object with includes and excludes, {_found(given)}")
            return
        for name in ("includes", "excludes"):
            patterns = given.get(name, [])
            if not isinstance(patterns, list) or not all(isinstance(one, str) for one in patterns):
                self._fault(f"{key}.{name}", f"expected a list of names, {_found(patterns)}")

    def _fault(self, key: str, expected: str) -> None:
        self.faults.append(f"{self.path}: {key}: {expected}")

    def _warn_of_unknown(
        self, prefix: str, found: Mapping[str, Any], known: frozenset[str]
    ) -> None:
        for key in found:
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                self.warnings.append(f"{self.path}: {prefix}{key}: unknown key, ignored{hint}")

    def _graphs(self) -> Iterator[tuple[str, GraphSource]]:
        graphs = self.raw.get("graphs")
        if not isinstance(graphs, dict):
            self._fault("graphs", f"expected an object of graph id to path, {_found(graphs)}")
            return
        if not graphs:
            self._fault("graphs", "expected one graph at least, found none")
        for graph_id, given in graphs.items():
            source = self._graph(graph_id, given)
            if source is not None:
                yield graph_id, source

    def _graph(self, graph_id: str, given: Any) -> GraphSource | None:
        key = f"graphs.{graph_id}"
        description = None
        if isinstance(given, dict):
            self._warn_of_unknown(f"{key}.", given, GRAPH_KEYS)
            description = given.get("description")
            if description is not None and not isinstance(description, str):
                self._fault(f"{key}.description", f"expected text, {_found(description)}")
            key, given = f"{key}.path", given.get("path")
        if not isinstance(given, str):
            self._fault(key, f"expected './file.py:variable' or 'module:variable', {_found(given)}")
            return None
        module, colon, variable = given.rpartition(":")
        if not colon or not module or not variable.isidentifier():
            self._fault(key, f"expected './file.py:variable' or 'module:variable', found {given!r}")
            return None
        if module.endswith(SCRIPT_SUFFIXES):
            self._fault(key, f"only Python graphs can be served, found {given!r}")
            return None
        return GraphSource(graph_id, module, variable, description)

    def _thread_ttl(self) -> ThreadTtl | None:
        checkpointer = self._object("checkpointer", self.raw, CHECKPOINTER_KEYS)
        ttl = self._object("checkpointer.ttl", checkpointer, TTL_KEYS)
        return read_ttl(ttl, self._fault) if checkpointer.get("ttl") is not None else None

    def _checkpointer(self) -> tuple[GraphSource | None, SerdeConfig | None]:
        given = self.raw.get("checkpointer")
        if not isinstance(given, dict):
            return None, None
        check_backend(given, self._fault)
        serde = self._object("checkpointer.serde", given, SERDE_KEYS)
        source = self._optional_source("checkpointer.path", given)
        if source is not None and serde:
            self.warnings.append(
                f"{self.path}: checkpointer.serde: no effect, a custom saver brings its own"
            )
        return source, read_serde(serde, self._fault) if serde else None

    def _store(self) -> StoreConfig:
        store = self._object("store", self.raw, STORE_KEYS)
        index = self._object("store.index", store, INDEX_KEYS)
        ttl = self._object("store.ttl", store, STORE_TTL_KEYS)
        return StoreConfig(
            read_index(index, self._fault) if index else None,
            read_store_ttl(ttl, self._fault) if ttl else StoreTtl(),
        )

    def _optional_source(self, key: str, owner: Any) -> GraphSource | None:
        given = owner if isinstance(owner, dict) else {}
        return self._source(key, given) if given.get("path") else None

    def _source(self, key: str, owner: Mapping[str, Any]) -> GraphSource | None:
        """Return what a key's `path` points at, None where its owner is missing."""
        if self.raw.get(key.rpartition(".")[0]) is None:
            return None
        given = owner.get("path")
        module, _, variable = given.rpartition(":") if isinstance(given, str) else ("", "", "")
        if not module or not variable.isidentifier():
            found = repr(given) if isinstance(given, str) else _found(given)[6:]
            self._fault(key, f"expected './file.py:variable' or 'module:variable', found {found}")
            return None
        return GraphSource(key, module, variable)

    def _object(
        self, key: str, owner: Mapping[str, Any], known: frozenset[str]
    ) -> Mapping[str, Any]:
        """Return the object that a key's last part names, an empty one where there is none."""
        given = owner.get(key.rpartition(".")[2])
        if given is not None and not isinstance(given, dict):
            self._fault(key, f"expected an object, {_found(given)}")
        if not isinstance(given, dict):
            return {}
        self._warn_of_unknown(f"{key}.", given, known)
        return given

    def _dependencies(self) -> tuple[str, ...]:
        given = self.raw.get("dependencies")
        if given is None:
            if "source" not in self.raw:
                self.warnings.append(f'{self.path}: dependencies: missing, taken as ["."]')
            return (".",)
        if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
            self._fault("dependencies", f"expected a list of paths or packages, {_found(given)}")
            return ()
        for name in given:
            if _is_local(name) and not (self.path.parent / name).exists():
                self._fault("dependencies", f"there is no folder {name!r} beside this file")
        return tuple(given)

    def _env(self) -> dict[str, str]:
        given = self.raw.get("env", {})
        if isinstance(given, str):
            return self._env_file(given)
        if not isinstance(given, dict):
            self._fault("env", f"expected a path or an object of names to text, {_found(given)}")
            return {}
        for name, value in given.items():
            if not isinstance(value, str | int | float):
                self._fault(f"env.{name}", f"expected text, {_found(value)}")
        return {name: str(value) for name, value in given.items()}

    def _env_file(self, given: str) -> dict[str, str]:
        path = self.path.parent / given
        if not path.is_file():
            self._fault("env", f"there is no file {given!r} beside this file")
            return {}
        values = dotenv_values(path, encoding="utf-8")
        return {name: value for name, value in values.items() if value is not None}


def _is_local(dependency: str) -> bool:
    return dependency.startswith((".", "/"))


def _found(value: Any) -> str:
    return "found nothing" if value is None else f"found {_kind(value)}"


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
