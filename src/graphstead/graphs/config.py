"""langgraph.json: read, checked as a whole, every fault told with its key."""

from __future__ import annotations

import difflib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from graphstead.graphs.auth_config import (
    AUTH_KEYS,
    CACHE_KEYS,
    OPENAPI_KEYS,
    AuthConfig,
    read_auth,
)
from graphstead.graphs.checkpointer_config import (
    SERDE_KEYS,
    SerdeConfig,
    check_backend,
    read_serde,
)
from graphstead.graphs.environment import config_of_environment
from graphstead.graphs.http_config import HTTP_KEYS, HttpConfig, read_http
from graphstead.graphs.requirements import (
    PythonVersion,
    is_local,
    local_folders,
    missing_packages,
    uv_folders,
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
from graphstead.graphs.ui import UiConfig, read_ui
from graphstead.graphs.webhooks import WebhookRules, read_webhooks
from graphstead.problems import StartupError

__all__ = ["CONFIG_NAME", "GraphSource", "Project", "load_project"]

CONFIG_NAME = "langgraph.json"
USED_KEYS = frozenset(
    {
        "auth",
        "checkpointer",
        "dependencies",
        "encryption",
        "env",
        "graphs",
        "http",
        "source",
        "store",
        "ui",
        "ui_config",
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
        "priority",
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
    auth: AuthConfig | None = None
    http: HttpConfig = field(default_factory=HttpConfig)
    ui: UiConfig = field(default_factory=UiConfig)
    checkpointer: GraphSource | None = None
    serde: SerdeConfig | None = None
    store_source: GraphSource | None = None
    encryption: GraphSource | None = None

    @property
    def import_paths(self) -> tuple[Path, ...]:
        """The project's folder and its local dependencies, which Python shall import from."""
        local = local_folders(self.root, self.dependencies)
        return tuple(dict.fromkeys([self.root, *local]))


def load_project(path: Path, environment: Mapping[str, str] = os.environ) -> Project:
    """Read the langgraph.json at `path`, or in the folder `path`.

    Variables such as LANGGRAPH_HTTP replace keys of the file; with LANGSERVE_GRAPHS there need be
    no file. Raises StartupError with every fault found: file, key, and what was expected there.
    """
    path = path.resolve()
    if path.is_dir():
        path = path / CONFIG_NAME
    faults: list[str] = []
    given = config_of_environment(environment, lambda name, text: faults.append(f"{name}: {text}"))
    if faults:
        raise StartupError(faults)
    from_file = {} if "graphs" in given and not path.exists() else _parse(path)
    return _Reading(path, {**from_file, **given}).project()


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
        auth = self._auth()
        http = read_http(self._object("http", self.raw, HTTP_KEYS), self._fault)
        ui = read_ui(self.raw.get("ui"), self.raw.get("ui_config"), self.path.parent, self._fault)
        if "webhooks" in http.disabled:
            webhooks = replace(webhooks, switched_off=True)
        self._check_surroundings(dependencies)
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
            auth=auth,
            http=http,
            ui=ui,
            checkpointer=checkpointer,
            serde=serde,
            store_source=store_source,
            encryption=encryption,
        )

    def _unsupported(self) -> Iterator[str]:
        yield from (key for key in self.raw if key in UNSUPPORTED_KEYS)

    def _check_surroundings(self, dependencies: Sequence[str]) -> None:
        """Tell what this environment lacks: nothing is installed at the start of a server."""
        wanted = PythonVersion.read(self.raw.get("python_version"), self._fault)
        if wanted is not None and not wanted.fits(sys.version_info):
            running = f"{sys.version_info[0]}.{sys.version_info[1]}"
            self._warn(f"python_version: {wanted.text} is wanted, this is Python {running}")
        for package in missing_packages(dependencies):
            self._warn(f"dependencies: {package} is not installed: pip install '{package}'")

    def _warn(self, text: str) -> None:
        self.warnings.append(f"{self.path}: {text}")

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

    def _auth(self) -> AuthConfig | None:
        auth = self._object("auth", self.raw, AUTH_KEYS)
        self._object("auth.cache", auth, CACHE_KEYS)
        self._object("auth.openapi", auth, OPENAPI_KEYS)
        return read_auth(auth, self._fault) if auth else None

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
        if "source" in self.raw:
            given = [*(given or ()), *uv_folders(self.raw["source"], self._fault)]
        if given is None:
            self.warnings.append(f'{self.path}: dependencies: missing, taken as ["."]')
            return (".",)
        if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
            self._fault("dependencies", f"expected a list of paths or packages, {_found(given)}")
            return ()
        for name in given:
            if is_local(name) and not (self.path.parent / name).exists():
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
            # Files of secrets are in no repository and in no image: a fresh clone has to start.
            self._warn(
                f"env: there is no file {given!r} beside this file, so nothing is set from it"
            )
            return {}
        values = dotenv_values(path, encoding="utf-8")
        return {name: value for name, value in values.items() if value is not None}


def _found(value: Any) -> str:
    return "found nothing" if value is None else f"found {_kind(value)}"


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
