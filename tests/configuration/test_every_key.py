"""Every key, variable and flag of the reference: docs/configuration.md says what happens."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from configuration.projects import write_project
from servers import ROOT

from graphstead.cli.dev import command as dev
from graphstead.cli.project import open_project
from graphstead.graphs import Project, load_project
from graphstead.graphs.environment import CONFIG_VARIABLES
from graphstead.problems import StartupError
from graphstead.settings import read_settings, settings_table
from graphstead.variables import refused_variables, unused_variables

PAGE = (ROOT / "docs" / "configuration.md").read_text("utf-8")
ROW = re.compile(r"^\| `([^`]+)` \| ([\w ]+) \| (.+) \|$", re.MULTILINE)
HERE = {name: status for name, status, _ in ROW.findall(PAGE)}

# A value for each key that a project might hold; files are beside langgraph.json.
KEYS: dict[str, Any] = {
    "graphs": {"one": {"path": "./one.py:graph", "description": "One."}},
    "dependencies": ["."],
    "source": {"kind": "uv", "root": "."},
    "env": {"A": "b"},
    "store.index": {"embed": "./one.py:embed", "dims": 3, "fields": ["$"]},
    "store.ttl": {"default_ttl": 5, "refresh_on_read": True, "sweep_interval_minutes": 1},
    "store.path": "./one.py:store",
    "checkpointer.backend": "default",
    "checkpointer.ttl": {"strategy": "delete", "default_ttl": 5, "sweep_limit": 9},
    "checkpointer.path": "./one.py:saver",
    "checkpointer.uri": "mongodb://127.0.0.1",
    "checkpointer.serde": {"pickle_fallback": True},
    "auth": {"path": "./one.py:auth"},
    "encryption": {"path": "./one.py:encryption"},
    "priority": {"path": "./one.py:priority"},
    "http.app": "./one.py:app",
    "http.mount_prefix": "/api",
    "http.cors": {"allow_origins": ["http://a.test"], "expose_headers": ["x-a"], "max_age": 1},
    "http.configurable_headers": {"includes": ["x-*"], "excludes": ["x-a"]},
    "http.logging_headers": {"includes": ["x-*"]},
    "http.enable_custom_route_auth": True,
    "http.middleware_order": "auth_first",
    "http.disable_assistants": True,
    "http.disable_threads": True,
    "http.disable_runs": True,
    "http.disable_store": True,
    "http.disable_meta": True,
    "http.disable_webhooks": True,
    "http.disable_ui": True,
    "http.disable_mcp": True,
    "http.disable_a2a": True,
    "webhooks": {"env_prefix": "A_", "headers": {"x": "y"}, "allowed_fields": ["status"]},
    "ui": {"one": "./one.jsx"},
    "ui_config": {"shared": ["three"]},
    "python_version": "3.11",
    "node_version": "20",
    "api_version": "0.3",
    "base_image": "x/y",
    "image_distro": "wolfi",
    "pip_config_file": "./pip.conf",
    "pip_installer": "uv",
    "keep_pkg_tools": True,
    "dockerfile_lines": ["RUN true"],
}
# A value for each variable.
VARIABLES = {
    "DATABASE_URI": "sqlite:///x.db",
    "POSTGRES_URI": "sqlite:///x.db",
    "DATABASE_URI_CUSTOM": "sqlite:///x.db",
    "POSTGRES_URI_CUSTOM": "sqlite:///x.db",
    "REDIS_URI": "redis://127.0.0.1",
    "REDIS_URI_CUSTOM": "redis://127.0.0.1",
    "REDIS_CLUSTER": "true",
    "REDIS_KEY_PREFIX": "a",
    "REDIS_MAX_CONNECTIONS": "9",
    "LANGGRAPH_POSTGRES_POOL_MAX_SIZE": "9",
    "N_JOBS_PER_WORKER": "9",
    "BG_JOB_TIMEOUT_SECS": "9",
    "BG_JOB_MAX_RETRIES": "9",
    "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "9",
    "BG_JOB_ISOLATED_LOOPS": "true",
    "RESUMABLE_STREAM_TTL_SECONDS": "9",
    "CRON_SCHEDULER_SLEEP_TIME": "9",
    "FF_CRONS_ENABLED": "false",
    "MOUNT_PREFIX": "/api",
    "CORS_ALLOW_ORIGINS": "http://a.test",
    "CORS_CONFIG": "{}",
    "LOG_LEVEL": "debug",
    "LOG_JSON": "true",
    "LOG_COLOR": "false",
    "LANGGRAPH_AUTH_TYPE": "keys",
    "LANGGRAPH_AES_KEY": "0123456789abcdef",
    "LANGGRAPH_AES_JSON_KEYS": "a,b",
    "LANGSMITH_API_KEY": "k",
    "LANGSMITH_TRACING": "true",
    "LANGSMITH_ENDPOINT": "http://a.test",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://a.test",
    "LANGGRAPH_DEFAULT_RECURSION_LIMIT": "9",
    "HTTP_MAX_REQUEST_BODY_BYTES": "9",
    "DEFAULT_A2A_ASSISTANT_ID": "echo",
    "LANGGRAPH_DISABLE_FILE_PERSISTENCE": "true",
    "LANGGRAPH_ALLOW_BLOCKING": "true",
    "LANGSERVE_GRAPHS": '{"one": "./one.py:graph"}',
    "LANGGRAPH_AUTH": '{"path": "./one.py:auth"}',
    "LANGGRAPH_HTTP": '{"mount_prefix": "/api"}',
    "LANGGRAPH_STORE": '{"ttl": {"default_ttl": 5}}',
    "LANGGRAPH_CHECKPOINTER": '{"ttl": {"default_ttl": 5}}',
    "LANGGRAPH_WEBHOOKS": '{"env_prefix": "A_"}',
    "LANGGRAPH_UI": "{}",
    "LANGGRAPH_ENCRYPTION": '{"path": "./one.py:encryption"}',
}
FLAGS = (
    "--host",
    "--port",
    "--config",
    "--no-reload",
    "--no-browser",
    "--n-jobs-per-worker",
    "--debug-port",
    "--wait-for-client",
    "--studio-url",
    "--allow-blocking",
    "--tunnel",
    "--server-log-level",
    "--ssl-certfile",
    "--ssl-keyfile",
)


def project_with(folder: Path, key: str) -> Path:
    (folder / "one.jsx").touch()
    parent, _, child = key.rpartition(".")
    value = KEYS[key]
    return write_project(folder, **({parent: {child: value}} if parent else {key: value}))


def fate(folder: Path, key: str) -> str:
    """Return what becomes of a key: `refused`, or `honoured` when nobody objects to it."""
    config = project_with(folder, key)
    try:
        project, _ = open_project(config, {"data_dir": folder})
    except StartupError as error:
        assert [fault for fault in error.faults if key in fault] == list(error.faults)
        return "refused"
    assert [warning for warning in project.warnings if "unknown" in warning] == []
    return "honoured"


def told_of_variable(name: str) -> str:
    """Return what becomes of a variable, from what the code says of it."""
    given = {name: VARIABLES[name]}
    if list(refused_variables(given)):
        return "refused"
    if list(unused_variables(given)):
        return "no effect"
    read = {one for row in settings_table() for one in row.environment_names}
    return "works" if name in read | CONFIG_VARIABLES.keys() else "accepted"


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*VARIABLES, *(one for row in settings_table() for one in row.environment_names)]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "environ", os.environ.copy())


@pytest.mark.parametrize("key", KEYS)
def test_every_key_works_or_is_refused_as_the_page_says(tmp_path: Path, key: str) -> None:
    expected = "refused" if HERE[key] == "refused" else "honoured"
    assert fate(tmp_path, key) == expected


@pytest.mark.parametrize("name", VARIABLES)
def test_every_variable_works_or_is_told_as_the_page_says(name: str) -> None:
    assert told_of_variable(name) == HERE[name]


@pytest.mark.parametrize("name", [name for name in VARIABLES if HERE.get(name) == "works"])
def test_every_variable_that_works_changes_what_the_server_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    config = write_project(tmp_path)
    before = (read_settings(), load_project(config, {}).raw)
    monkeypatch.setenv(name, VARIABLES[name])
    after = (read_settings(), load_project(config, {name: VARIABLES[name]}).raw)
    assert after != before


def test_the_page_lists_exactly_what_the_reference_has() -> None:
    assert [name for name in HERE if name not in {*KEYS, *VARIABLES, *FLAGS}] == []
    assert [name for name in (*KEYS, *VARIABLES, *FLAGS) if name not in HERE] == []


@pytest.mark.parametrize("flag", FLAGS)
def test_every_flag_of_dev_is_taken_or_refused_with_a_sentence(flag: str) -> None:
    assert flag in CliRunner().invoke(dev, ["--help"]).output
    if HERE[flag] == "refused":
        told = CliRunner().invoke(dev, [flag])
        assert (told.exit_code, "not supported" in told.output) == (2, True)


def test_a_misspelt_key_below_http_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    project = load_project(write_project(tmp_path, http={"mount_prefx": "/a"}))
    assert (
        "http.mount_prefx: unknown key, ignored; did you mean 'mount_prefix'?"
        in (project.warnings[0])
    )


def loaded(folder: Path, **keys: Any) -> Project:
    return load_project(write_project(folder, **keys))


def test_a_missing_package_is_told_with_the_command_that_brings_it(tmp_path: Path) -> None:
    wanted = ["click>=8", "no-such-package[x]>=2", "git+https://a.test/b.git"]
    project = loaded(tmp_path, dependencies=[".", *wanted])
    (warning,) = project.warnings
    assert warning.endswith(
        "dependencies: no-such-package[x]>=2 is not installed: pip install 'no-such-package[x]>=2'"
    )


def test_the_sources_of_a_local_package_are_imported_from(tmp_path: Path) -> None:
    package = tmp_path / "libs" / "mine"
    (package / "src").mkdir(parents=True)
    (package / "pyproject.toml").touch()
    project = loaded(tmp_path, source={"kind": "uv", "root": "libs/mine", "package": "mine"})
    assert {package, package / "src"} <= set(project.import_paths)


def test_another_python_is_told_and_one_too_old_is_refused(tmp_path: Path) -> None:
    (warning,) = loaded(tmp_path, python_version="3.99").warnings
    assert "python_version: 3.99 is wanted, this is Python 3." in warning
    with pytest.raises(StartupError, match=r"or newer, found '3[.]9'"):
        loaded(tmp_path, python_version="3.9")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("http", {"mount_prefix": "api"}, "http.mount_prefix: expected a path such as '/api'"),
        ("http", {"app": "app.py"}, "http.app: expected './file.py:variable'"),
        ("http", {"disable_mcp": "yes"}, "http.disable_mcp: expected true or false"),
        ("http", {"middleware_order": "last"}, "expected middleware_first or auth_first"),
        ("http", {"cors": {"origins": []}}, "http.cors.origins: unknown; expected one of"),
        ("http", {"cors": {"allow_origins": "*"}}, "allow_origins: expected a list of texts"),
        (
            "http",
            {"cors": {"allow_origins": ["*"], "allow_credentials": True}},
            "name the origins",
        ),
        ("http", {"logging_headers": []}, "http.logging_headers: expected an object"),
        ("source", {"kind": "poetry"}, "source.kind: expected 'uv'"),
        ("ui", {"echo": "./missing.tsx"}, "ui.echo: expected a file beside this one"),
        ("ui_config", {"shared": "three"}, "ui_config: expected an object"),
    ],
)
def test_a_key_that_means_nothing_refuses_the_start(
    tmp_path: Path, key: str, value: Any, words: str
) -> None:
    with pytest.raises(StartupError) as caught:
        loaded(tmp_path, **{key: value})
    assert words in str(caught.value)
