"""Settings: one table, read from flags and environment."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from graphstead.problems import StartupError
from graphstead.settings import Settings, environment, read_settings, settings_table


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in settings_table():
        for name in row.environment_names:
            monkeypatch.delenv(name, raising=False)


def test_defaults_are_those_of_the_table() -> None:
    settings = read_settings()
    assert {row.name: row.default for row in settings_table()} == settings.model_dump()


def test_every_setting_has_help_and_an_environment_name_of_its_own() -> None:
    names = [name for row in settings_table() for name in row.environment_names]
    assert len(names) == len(set(names))
    for row in settings_table():
        assert row.help.endswith(".")
        assert row.environment_names[0] == f"GRAPHSTEAD_{row.name.upper()}"


@pytest.mark.parametrize(
    ("variable", "name", "value"),
    [
        ("N_JOBS_PER_WORKER", "n_jobs_per_worker", 7),
        ("BG_JOB_TIMEOUT_SECS", "bg_job_timeout_s", 7.0),
        ("BG_JOB_MAX_RETRIES", "bg_job_max_retries", 7),
        ("BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS", "shutdown_grace_s", 7.0),
        ("RESUMABLE_STREAM_TTL_SECONDS", "resumable_stream_ttl_s", 7.0),
        ("LANGGRAPH_DEFAULT_RECURSION_LIMIT", "default_recursion_limit", 7),
        ("HTTP_MAX_REQUEST_BODY_BYTES", "max_body_bytes", 7),
    ],
)
def test_the_references_variables_are_read(
    monkeypatch: pytest.MonkeyPatch, variable: str, name: str, value: float
) -> None:
    monkeypatch.setenv(variable, "7")
    assert getattr(read_settings(), name) == value


def test_our_own_variable_comes_before_the_references(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("N_JOBS_PER_WORKER", "1")
    monkeypatch.setenv("GRAPHSTEAD_N_JOBS_PER_WORKER", "2")
    assert read_settings().n_jobs_per_worker == 2


def test_a_flag_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHSTEAD_PORT", "1111")
    assert read_settings(port=2222).port == 2222
    assert read_settings(port=None).port == 1111


def test_a_commands_default_yields_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings({"shutdown_grace_s": 5}).shutdown_grace_s == 5
    monkeypatch.setenv("BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS", "60")
    assert read_settings({"shutdown_grace_s": 5}).shutdown_grace_s == 60


def test_origins_and_levels_are_written_as_people_write_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CORS_ALLOW_ORIGINS", "http://a.test, http://b.test,")
    monkeypatch.setenv("LOG_LEVEL", "warning")
    settings = read_settings()
    assert settings.cors_allow_origins == ("http://a.test", "http://b.test")
    assert settings.log_level == "WARNING"


def test_every_bad_value_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BG_JOB_TIMEOUT_SECS", "soon")
    with pytest.raises(StartupError) as caught:
        read_settings(port=70000, lease_s=0)
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        "port",
        "bg_job_timeout_s (BG_JOB_TIMEOUT_SECS)",
        "lease_s",
    ]


@pytest.mark.parametrize("uri", ["mysql://u@h/db", "/data/runs.db", "sqlite:runs.db"])
def test_other_databases_are_refused_with_what_is_expected(
    monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setenv("DATABASE_URI", uri)
    with pytest.raises(StartupError, match=r"expected postgresql://host/name, sqlite:///path"):
        read_settings()


def test_a_sqlite_uri_names_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URI", "sqlite:////data/runs.db")
    assert str(read_settings().database_path) == "/data/runs.db"


def test_settings_never_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1


def test_another_process_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_settings(port=1234, log_json=True, cors_allow_origins="http://a.test")
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    assert read_settings() == settings


def test_the_direct_address_is_that_of_the_database_unless_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pooler, server = "postgresql://pooler/db", "postgresql://server/db"
    assert read_settings(database_uri=pooler).direct_uri == pooler
    monkeypatch.setenv("DATABASE_DIRECT_URI", server)
    assert read_settings(database_uri=pooler).direct_uri == server
    assert read_settings(database_uri="sqlite:///runs.db").direct_uri is None
    monkeypatch.setenv("DATABASE_DIRECT_URI", "sqlite:///runs.db")
    with pytest.raises(StartupError, match=r"database_direct_uri .* expected postgresql://"):
        read_settings(database_uri=pooler)
