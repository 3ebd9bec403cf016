"""langgraph.json: what is read, what is refused and with which words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from graphstead.graphs import GraphSource, Project, load_project
from graphstead.graphs.checkpointer_config import SerdeConfig
from graphstead.graphs.store_config import StoreConfig, StoreIndex, StoreTtl
from graphstead.graphs.thread_ttl import ThreadTtl
from graphstead.problems import StartupError

GRAPHS = {"agent": "./agent.py:graph"}


def make_config(folder: Path, **keys: Any) -> Path:
    path = folder / "langgraph.json"
    path.write_text(json.dumps(keys))
    return path


def faults_of(path: Path) -> list[str]:
    with pytest.raises(StartupError) as caught:
        load_project(path)
    return [fault.replace(str(path), "FILE") for fault in caught.value.faults]


def load(folder: Path, **keys: Any) -> Project:
    return load_project(make_config(folder, **{"dependencies": ["."], "graphs": GRAPHS} | keys))


def test_a_graph_is_a_path_or_a_path_with_a_description(tmp_path: Path) -> None:
    described = {"path": "pkg.mod:make", "description": "Does things."}
    project = load(tmp_path, graphs={"a": "./src/a.py:graph", "b": described})
    assert project.graphs == {
        "a": GraphSource("a", "./src/a.py", "graph"),
        "b": GraphSource("b", "pkg.mod", "make", "Does things."),
    }
    assert [source.is_file for source in project.graphs.values()] == [True, False]
    assert project.graphs["b"].path == "pkg.mod:make"


def test_a_folder_stands_for_the_file_in_it(tmp_path: Path) -> None:
    load(tmp_path)
    assert load_project(tmp_path).path == tmp_path / "langgraph.json"


def test_the_root_is_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    project = load(tmp_path, dependencies=[".", "./lib", "requests"])
    assert project.root == tmp_path
    assert project.import_paths == (tmp_path, tmp_path / "lib")


def test_environment_may_be_written_out(tmp_path: Path) -> None:
    assert load(tmp_path, env={"A": "x", "B": 3}).env == {"A": "x", "B": "3"}


def test_environment_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# keys\nA='x y'\nexport B=3\nEMPTY=\n")
    assert load(tmp_path, env=".env").env == {"A": "x y", "B": "3", "EMPTY": ""}


def test_keys_this_version_cannot_honour_are_listed(tmp_path: Path) -> None:
    project = load(tmp_path, priority={}, node_version="20")
    assert project.unsupported == ("priority",)
    assert project.warnings == ()


def test_the_time_to_live_of_threads_is_read(tmp_path: Path) -> None:
    ttl = {"strategy": "keep_latest", "default_ttl": 90, "sweep_interval_minutes": 5}
    project = load(tmp_path, checkpointer={"ttl": {**ttl, "sweep_limit": 7}})
    assert project.thread_ttl == ThreadTtl("keep_latest", 90.0, 5.0, 7)
    assert load(tmp_path, checkpointer={"ttl": {}}).thread_ttl == ThreadTtl()
    assert load(tmp_path).thread_ttl is None
    assert (project.unsupported, project.warnings) == ((), ())


def test_what_a_checkpointer_cannot_be_is_refused(tmp_path: Path) -> None:
    def told(**checkpointer: object) -> list[str]:
        shown = {"dependencies": ["."], "graphs": GRAPHS, "checkpointer": checkpointer}
        return [fault.removeprefix("FILE: checkpointer") for fault in _faults(tmp_path, shown)]

    assert told(backend="mongo", uri="mongodb://x")[0].startswith(".backend: mongo is not built in")
    assert told(backend="redis") == [".backend: expected default or custom, found 'redis'"]
    assert told(backend="custom")[0].startswith(".path: backend custom needs")
    assert told(backend="default", path="./own.py:saver")[0].startswith(".path: backend default")
    assert told(path="own.py") == [
        ".path: expected './file.py:variable' or 'module:variable', found 'own.py'"
    ]
    assert told(path="./own.py:saver", uri="x")[0].startswith(".uri: only backend mongo has one")
    assert told(serde={"pickle_fallback": 1, "allowed_json_modules": ["json"]}) == [
        ".serde.allowed_json_modules: expected true or a list of paths such as "
        '["package", "module", "Class"], found [\'json\']',
        ".serde.pickle_fallback: expected true or false, found 1",
    ]


def _faults(tmp_path: Path, raw: Mapping[str, Any]) -> list[str]:
    return sorted(faults_of(make_config(tmp_path, **raw)))


def test_an_own_saver_store_and_encryption_are_found(tmp_path: Path) -> None:
    serde = {"allowed_json_modules": [["own", "Thing"]], "allowed_msgpack_modules": True}
    project = load(
        tmp_path,
        checkpointer={"path": "./own.py:saver", "ttl": {"default_tll": 5}},
        store={"path": "own.stores:store"},
        encryption={"path": "./own.py:encryption"},
    )
    assert project.unsupported == ()
    assert "checkpointer.ttl.default_tll: unknown key" in project.warnings[0]
    found = (project.checkpointer, project.store_source, project.encryption)
    assert [source.path for source in found if source] == [
        "./own.py:saver",
        "own.stores:store",
        "./own.py:encryption",
    ]
    limited = load(tmp_path, checkpointer={"backend": "default", "serde": serde})
    assert limited.checkpointer is None
    assert limited.serde == SerdeConfig((("own", "Thing"),), True, False)
    faults = _faults(tmp_path, {"dependencies": ["."], "graphs": GRAPHS, "encryption": {}})
    assert faults == [
        "FILE: encryption.path: expected './file.py:variable' or 'module:variable', found nothing"
    ]


def test_a_time_to_live_that_means_nothing_is_refused(tmp_path: Path) -> None:
    ttl = {"strategy": "burn", "default_ttl": 0, "sweep_interval_minutes": "5", "sweep_limit": 0}
    config = make_config(tmp_path, dependencies=["."], graphs=GRAPHS, checkpointer={"ttl": ttl})
    assert faults_of(config) == [
        "FILE: checkpointer.ttl.strategy: expected delete or keep_latest, found 'burn'",
        "FILE: checkpointer.ttl.sweep_limit: expected a whole number from 1, found 0",
        "FILE: checkpointer.ttl.default_ttl: expected minutes up to a century, found 0",
        "FILE: checkpointer.ttl.sweep_interval_minutes: expected minutes, found '5'",
    ]
    config = make_config(tmp_path, dependencies=["."], graphs=GRAPHS, checkpointer={"ttl": 5})
    assert faults_of(config) == ["FILE: checkpointer.ttl: expected an object, found a number"]
    config = make_config(tmp_path, dependencies=["."], graphs=GRAPHS, checkpointer=5)
    assert faults_of(config) == ["FILE: checkpointer: expected an object, found a number"]


def test_unknown_keys_are_warned_of_with_the_nearest_name(tmp_path: Path) -> None:
    agent = {"path": "./a.py:g", "descripton": "x"}
    project = load(tmp_path, grahps={}, zzz=1, graphs={"a": agent})
    text = "\n".join(project.warnings)
    assert "grahps: unknown key, ignored; did you mean 'graphs'?" in text
    assert "zzz: unknown key, ignored" in text
    assert "graphs.a.descripton: unknown key, ignored; did you mean 'description'?" in text


def test_missing_dependencies_are_taken_as_the_folder_itself(tmp_path: Path) -> None:
    project = load_project(make_config(tmp_path, graphs=GRAPHS))
    assert project.dependencies == (".",)
    assert "dependencies: missing" in project.warnings[0]


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    path = make_config(
        tmp_path,
        dependencies=["./nowhere"],
        env=["A"],
        graphs={
            "a": "./a.py",
            "b": 7,
            "c": {"description": 1},
            "d": "./d.ts:graph",
            "e": "./e.py:not-a-name",
        },
    )
    expected = "expected './file.py:variable' or 'module:variable'"
    assert faults_of(path) == [
        f"FILE: graphs.a: {expected}, found './a.py'",
        f"FILE: graphs.b: {expected}, found a number",
        "FILE: graphs.c.description: expected text, found a number",
        f"FILE: graphs.c.path: {expected}, found nothing",
        "FILE: graphs.d: only Python graphs can be served, found './d.ts:graph'",
        f"FILE: graphs.e: {expected}, found './e.py:not-a-name'",
        "FILE: dependencies: there is no folder './nowhere' beside this file",
        "FILE: env: expected a path or an object of names to text, found a list",
    ]


def test_a_fresh_clone_has_no_file_of_secrets_and_is_served_all_the_same(tmp_path: Path) -> None:
    project = load(tmp_path, env=".env")
    assert project.env == {}
    [warning] = project.warnings
    assert "env: there is no file '.env' beside this file, so nothing is set from it" in warning


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({}, "FILE: graphs: expected an object of graph id to path, found nothing"),
        ({"graphs": {}}, "FILE: graphs: expected one graph at least, found none"),
        ({"graphs": []}, "FILE: graphs: expected an object of graph id to path, found a list"),
        (
            {"graphs": GRAPHS, "env": ["A"]},
            "FILE: env: expected a path or an object of names to text, found a list",
        ),
        (
            {"graphs": GRAPHS, "env": {"A": {}}},
            "FILE: env.A: expected text, found an object",
        ),
        (
            {"graphs": GRAPHS, "dependencies": "."},
            "FILE: dependencies: expected a list of paths or packages, found text",
        ),
    ],
)
def test_a_key_of_the_wrong_type_is_refused(
    tmp_path: Path, keys: dict[str, Any], fault: str
) -> None:
    assert faults_of(make_config(tmp_path, **keys)) == [fault]


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    faults = faults_of(tmp_path / "langgraph.json")
    assert faults == ["FILE: no such file; it names the graphs to serve"]


def test_a_file_that_is_no_json_names_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "langgraph.json"
    path.write_text('{\n  "graphs": {,}\n}')
    assert faults_of(path)[0].startswith("FILE: line 2, column 14: not JSON: ")
    path.write_text("[]")
    assert faults_of(path) == ["FILE: expected a JSON object, found a list"]


def test_what_the_store_shall_do_is_read(tmp_path: Path) -> None:
    index = {"embed": "./embed.py:embed", "dims": 4}
    ttl = {"default_ttl": 60, "refresh_on_read": False, "sweep_interval_minutes": 2}
    project = load(tmp_path, store={"index": index, "ttl": ttl})
    assert project.store == StoreConfig(
        StoreIndex("./embed.py:embed", 4, ("$",)), StoreTtl(60.0, False, 2.0)
    )
    named = load(tmp_path, store={"index": index | {"fields": ["text", "tags[*]"]}}).store.index
    assert named is not None
    assert named.fields == ("text", "tags[*]")
    assert load(tmp_path).store == load(tmp_path, store={}).store == StoreConfig()
    assert (project.unsupported, project.warnings) == ((), ())


def test_a_store_that_means_nothing_is_refused(tmp_path: Path) -> None:
    index = {"embed": "embed", "dims": 0, "fields": "text", "dim": 3}
    ttl = {"default_ttl": 0, "refresh_on_read": "no"}
    config = make_config(
        tmp_path, dependencies=["."], graphs=GRAPHS, store={"index": index, "ttl": ttl}
    )
    form = "'./file.py:variable', 'module:variable' or 'provider:model'"
    assert faults_of(config) == [
        f"FILE: store.index.embed: expected {form}, found 'embed'",
        "FILE: store.index.dims: expected a whole number from 1, found 0",
        "FILE: store.index.fields: expected a list of paths, found 'text'",
        "FILE: store.ttl.refresh_on_read: expected true or false, found 'no'",
        "FILE: store.ttl.default_ttl: expected minutes up to a century, found 0",
    ]
    config = make_config(tmp_path, dependencies=["."], graphs=GRAPHS, store={"index": []})
    assert faults_of(config) == ["FILE: store.index: expected an object, found a list"]
