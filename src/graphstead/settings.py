"""Every setting once: name, environment variables, type, default, help.

The class below is the table. The command line takes its help texts from it, the docs derive a
page from it, and one frozen instance travels to every layer. Names that the reference server
reads from the environment are read here too, after our own `GRAPHSTEAD_<NAME>`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from graphstead.problems import StartupError

__all__ = ["Setting", "Settings", "environment", "read_settings", "settings_table"]

DATABASE_FILE = "graphstead.sqlite3"
NO_DEFAULTS: Mapping[str, Any] = MappingProxyType({})
AES_KEY_BYTES = (16, 24, 32)
ALWAYS_CLEAR = frozenset({"graph_id", "assistant_id", "thread_id", "run_id", "cron_id"})
POSTGRES_SCHEMES = ("postgres://", "postgresql://")
REDIS_SCHEMES = ("redis://", "rediss://", "unix://")

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
ResponseValidation = Literal["off", "sample", "strict"]
Dispatch = Literal["bells", "procrastinate"]
UnknownFields = Literal["report", "reject"]
AuthMode = Literal["none", "keys"]


def _setting(default: Any, help_text: str, *environment_names: str, **bounds: Any) -> Any:
    """Declare one row; the first environment variable that is set wins."""
    names = AliasChoices(*environment_names)
    return Field(default, description=help_text, validation_alias=names, **bounds)


class Settings(BaseSettings):
    """The settings of one process, read once at its start and never changed."""

    model_config = SettingsConfigDict(
        frozen=True, env_ignore_empty=True, extra="ignore", populate_by_name=True
    )

    host: str = _setting("127.0.0.1", "Interface to listen on.", "GRAPHSTEAD_HOST")
    port: int = _setting(8123, "Port to listen on.", "GRAPHSTEAD_PORT", "PORT", ge=0, le=65535)
    data_dir: Path = _setting(
        Path(".graphstead"),
        "Folder of the database; by default .graphstead beside langgraph.json.",
        "GRAPHSTEAD_DATA_DIR",
    )
    database_uri: str | None = _setting(
        None,
        "Database instead of the file in the data folder: postgresql://... or sqlite:///path.",
        "GRAPHSTEAD_DATABASE_URI",
        "DATABASE_URI",
        "POSTGRES_URI",
        "DATABASE_URI_CUSTOM",
        "POSTGRES_URI_CUSTOM",
    )
    database_direct_uri: str | None = _setting(
        None,
        "Address of the Postgres itself where database_uri is that of a pooler (docs/scaling.md).",
        "GRAPHSTEAD_DATABASE_DIRECT_URI",
        "DATABASE_DIRECT_URI",
    )
    database_connections: int = _setting(
        15,
        "Connections that one process may hold to Postgres: half write, half read, one listens.",
        "GRAPHSTEAD_DATABASE_CONNECTIONS",
        ge=3,
    )
    redis_uri: str | None = _setting(
        None,
        "Redis that carries events and bells beside Postgres (extra redis): redis://host:6379/0.",
        "GRAPHSTEAD_REDIS_URI",
        "REDIS_URI",
        "REDIS_URI_CUSTOM",
    )
    redis_key_prefix: str = _setting(
        "",
        "What every key and channel in Redis begins with, for servers shared with others.",
        "GRAPHSTEAD_REDIS_KEY_PREFIX",
        "REDIS_KEY_PREFIX",
    )
    dispatch: Dispatch = _setting(
        "bells",
        "How workers on Postgres hear of what is due: bells, or jobs of procrastinate.",
        "GRAPHSTEAD_DISPATCH",
    )
    n_jobs_per_worker: int = _setting(
        10,
        "Runs that one worker carries at a time.",
        "GRAPHSTEAD_N_JOBS_PER_WORKER",
        "N_JOBS_PER_WORKER",
        ge=1,
    )
    api_workers: int = _setting(
        1, "API processes of serve.", "GRAPHSTEAD_API_WORKERS", "WEB_CONCURRENCY", ge=1
    )
    run_workers: int = _setting(
        1, "Worker processes of serve; graphs run there.", "GRAPHSTEAD_RUN_WORKERS", ge=0
    )
    worker_port: int | None = _setting(
        None,
        "Port on which a worker tells /ok, /info and /metrics; by default it listens on none.",
        "GRAPHSTEAD_WORKER_PORT",
        ge=0,
        le=65535,
    )
    bg_job_timeout_s: float = _setting(
        86400.0,
        "Seconds after which a run ends with status timeout.",
        "GRAPHSTEAD_BG_JOB_TIMEOUT_S",
        "BG_JOB_TIMEOUT_SECS",
        gt=0,
    )
    bg_job_max_retries: int = _setting(
        3,
        "Times a run is started before it ends with status error.",
        "GRAPHSTEAD_BG_JOB_MAX_RETRIES",
        "BG_JOB_MAX_RETRIES",
        ge=1,
    )
    shutdown_grace_s: float = _setting(
        180.0,
        "Seconds a stopping worker gives its runs; what is left resumes elsewhere. dev: 5.",
        "GRAPHSTEAD_SHUTDOWN_GRACE_S",
        "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS",
        ge=0,
    )
    drain_s: float = _setting(
        3.0,
        "Seconds a stopping API process gives open requests once its streams have ended.",
        "GRAPHSTEAD_DRAIN_S",
        gt=0,
    )
    keep_alive_s: float = _setting(
        75.0,
        "Seconds an idle connection stays open; more than a proxy in front keeps one (nginx: 60).",
        "GRAPHSTEAD_KEEP_ALIVE_S",
        gt=0,
    )
    lease_s: float = _setting(
        15.0,
        "Seconds without a sign of life after which a worker's runs are taken over; one for all.",
        "GRAPHSTEAD_LEASE_S",
        gt=0,
    )
    sweep_s: float = _setting(
        1.0,
        "Seconds between looks for due and abandoned runs; a lost bell costs no more than this.",
        "GRAPHSTEAD_SWEEP_S",
        gt=0,
    )
    heartbeat_s: float = _setting(
        5.0,
        "Seconds of silence after which a stream sends a comment line.",
        "GRAPHSTEAD_HEARTBEAT_S",
        gt=0,
    )
    resumable_stream_ttl_s: float = _setting(
        120.0,
        "Seconds after a run's end during which its resumable stream can be replayed.",
        "GRAPHSTEAD_RESUMABLE_STREAM_TTL_S",
        "RESUMABLE_STREAM_TTL_SECONDS",
        ge=0,
    )
    history_days: int = _setting(
        30,
        "Days without a change after which a thread keeps its newest state alone; 0: never.",
        "GRAPHSTEAD_HISTORY_DAYS",
        ge=0,
        le=36_500,
    )
    dead_webhook_days: int = _setting(
        30,
        "Days after a run's end for which its webhook call, once given up, is kept; 0: for ever.",
        "GRAPHSTEAD_DEAD_WEBHOOK_DAYS",
        ge=0,
        le=36_500,
    )
    default_recursion_limit: int = _setting(
        10011,
        "Steps a graph may take when the run names no limit.",
        "GRAPHSTEAD_DEFAULT_RECURSION_LIMIT",
        "LANGGRAPH_DEFAULT_RECURSION_LIMIT",
        ge=1,
    )
    max_body_bytes: int = _setting(
        300 * 1024 * 1024,
        "Longest request body read; a longer one is answered 413.",
        "GRAPHSTEAD_MAX_BODY_BYTES",
        "HTTP_MAX_REQUEST_BODY_BYTES",
        ge=1,
    )
    response_validation: ResponseValidation = _setting(
        "off",
        "Which answers are checked against the contract: none, a sample, or all of them.",
        "GRAPHSTEAD_RESPONSE_VALIDATION",
    )
    unknown_fields: UnknownFields = _setting(
        "report",
        "What a body key unknown to the contract leads to: a report in log and header, or 422.",
        "GRAPHSTEAD_UNKNOWN_FIELDS",
    )
    cors_allow_origins: Annotated[tuple[str, ...], NoDecode] = _setting(
        ("*",),
        "Origins that browsers may call from, separated by commas.",
        "GRAPHSTEAD_CORS_ALLOW_ORIGINS",
        "CORS_ALLOW_ORIGINS",
    )
    auth: AuthMode = _setting(
        "none",
        "Who may call: everybody, unless the project has auth.path; or keys of this server.",
        "GRAPHSTEAD_AUTH",
        "LANGGRAPH_AUTH_TYPE",
    )
    studio_auth: bool = _setting(
        False,
        "Let Studio on this machine in without the project's authentication. dev: true.",
        "GRAPHSTEAD_STUDIO_AUTH",
    )
    mcp_contract_tools: bool = _setting(
        True,
        "Offer MCP clients tools that search, show and apply the contract of this server.",
        "GRAPHSTEAD_MCP_CONTRACT_TOOLS",
    )
    cors_config: str | None = _setting(
        None,
        "CORS rules as JSON; they go before http.cors of langgraph.json, whose form they have.",
        "GRAPHSTEAD_CORS_CONFIG",
        "CORS_CONFIG",
    )
    mount_prefix: str | None = _setting(
        None,
        "Path that everything is served below; goes before http.mount_prefix of langgraph.json.",
        "GRAPHSTEAD_MOUNT_PREFIX",
        "MOUNT_PREFIX",
    )
    crons_enabled: bool = _setting(
        True,
        "Let crons make their runs; without, they are kept and wait.",
        "GRAPHSTEAD_CRONS_ENABLED",
        "FF_CRONS_ENABLED",
    )
    cron_poll_s: float = _setting(
        1.0,
        "Seconds after which a worker learns of crons that another process made or changed.",
        "GRAPHSTEAD_CRON_POLL_S",
        "CRON_SCHEDULER_SLEEP_TIME",
        gt=0,
    )
    isolated_loops: bool = _setting(
        False,
        "Give each run a thread and an event loop of its own, so that none blocks another.",
        "GRAPHSTEAD_ISOLATED_LOOPS",
        "BG_JOB_ISOLATED_LOOPS",
    )
    allow_blocking: bool = _setting(
        False,
        "Do not report graph code that blocks its worker's event loop.",
        "GRAPHSTEAD_ALLOW_BLOCKING",
        "LANGGRAPH_ALLOW_BLOCKING",
    )
    disable_file_persistence: bool = _setting(
        False,
        "Keep data in a temporary folder that goes with the process.",
        "GRAPHSTEAD_DISABLE_FILE_PERSISTENCE",
        "LANGGRAPH_DISABLE_FILE_PERSISTENCE",
    )
    webhook_secret: str | None = _setting(
        None,
        "Secret that calls of webhooks are signed with, as Standard Webhooks are (whsec_...).",
        "GRAPHSTEAD_WEBHOOK_SECRET",
    )
    aes_key: str | None = _setting(
        None,
        "Key of 16, 24 or 32 bytes that data is encrypted with at rest (docs/encryption.md).",
        "GRAPHSTEAD_AES_KEY",
        "LANGGRAPH_AES_KEY",
        repr=False,
    )
    aes_read_keys: Annotated[tuple[str, ...], NoDecode] = _setting(
        (),
        "Further keys that only decrypt, by commas: the one before, or the next (db reseal).",
        "GRAPHSTEAD_AES_READ_KEYS",
        repr=False,
    )
    aes_json_keys: Annotated[tuple[str, ...], NoDecode] = _setting(
        (),
        "Members of metadata that are encrypted too, and not searchable; separated by commas.",
        "GRAPHSTEAD_AES_JSON_KEYS",
        "LANGGRAPH_AES_JSON_KEYS",
    )
    default_a2a_assistant_id: str | None = _setting(
        None,
        "Assistant whose agent card /.well-known/agent-card.json shows when the query names none.",
        "GRAPHSTEAD_DEFAULT_A2A_ASSISTANT_ID",
        "DEFAULT_A2A_ASSISTANT_ID",
    )
    otel: bool | None = _setting(
        None,
        "Send OpenTelemetry spans (extra otel); unset: when an OTEL_* variable names an exporter.",
        "GRAPHSTEAD_OTEL",
    )
    otel_content: bool = _setting(
        False,
        "Write inputs, outputs and error messages into spans.",
        "GRAPHSTEAD_OTEL_CONTENT",
    )
    log_level: LogLevel = _setting(
        "INFO", "Least severe log line written.", "GRAPHSTEAD_LOG_LEVEL", "LOG_LEVEL"
    )
    log_json: bool = _setting(False, "Write log lines as JSON.", "GRAPHSTEAD_LOG_JSON", "LOG_JSON")
    log_color: bool = _setting(
        True, "Colour log lines on a terminal.", "GRAPHSTEAD_LOG_COLOR", "LOG_COLOR"
    )

    @field_validator("cors_allow_origins", "aes_json_keys", mode="before")
    @classmethod
    def _split_list(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("aes_read_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: Any) -> Any:
        """Split at commas, unless it is as long as one key: then it is one, commas and all."""
        if isinstance(value, str) and len(value.encode()) in AES_KEY_BYTES:
            return (value,)
        return cls._split_list(value)

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper_level(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @field_validator("auth", mode="before")
    @classmethod
    def _refuse_other_services(cls, value: Any) -> Any:
        if value == "langsmith":
            raise ValueError(
                "this server asks no other service about keys; use auth of langgraph.json, or keys "
                "of its own (GRAPHSTEAD_AUTH=keys)"
            )
        return "none" if value in ("noop", "custom") else value

    @field_validator("aes_key")
    @classmethod
    def _check_key(cls, value: str | None) -> str | None:
        if value is not None and len(value.encode()) not in AES_KEY_BYTES:
            raise ValueError(f"expected 16, 24 or 32 bytes, found {len(value.encode())}")
        return value

    @field_validator("aes_read_keys")
    @classmethod
    def _check_keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for key in value:
            cls._check_key(key)
        return value

    @model_validator(mode="after")
    def _have_a_key_that_encrypts(self) -> Settings:
        if self.aes_read_keys and self.aes_key is None:
            raise ValueError(
                "aes_read_keys (GRAPHSTEAD_AES_READ_KEYS) only decrypt: set LANGGRAPH_AES_KEY too"
            )
        return self

    @field_validator("aes_json_keys")
    @classmethod
    def _keep_own_keys_in_clear(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for key in value:
            if key in ALWAYS_CLEAR:
                raise ValueError(f"{key} cannot be encrypted: the server itself searches by it")
        return value

    @field_validator("database_uri")
    @classmethod
    def _refuse_other_databases(cls, value: str | None) -> str | None:
        if value is None or value.startswith(("sqlite:///", *POSTGRES_SCHEMES)):
            return value
        raise ValueError(
            "expected postgresql://host/name, sqlite:///path, or nothing for the file in the "
            "data folder"
        )

    @field_validator("database_direct_uri")
    @classmethod
    def _refuse_other_servers(cls, value: str | None) -> str | None:
        if value is None or value.startswith(POSTGRES_SCHEMES):
            return value
        raise ValueError("expected postgresql://host/name")

    @field_validator("redis_uri")
    @classmethod
    def _refuse_other_brokers(cls, value: str | None) -> str | None:
        if value is None or value.startswith(REDIS_SCHEMES):
            return value
        raise ValueError("expected redis://host:port/number, rediss:// for TLS, or unix://path")

    @property
    def postgres_uri(self) -> str | None:
        """Return the address of the Postgres database, None where an SQLite file is used."""
        uri = self.database_uri
        return uri if uri is not None and uri.startswith(POSTGRES_SCHEMES) else None

    @property
    def direct_uri(self) -> str | None:
        """Return where the Postgres database is reached without a pooler; None without Postgres."""
        return self.postgres_uri and (self.database_direct_uri or self.postgres_uri)

    @property
    def database_path(self) -> Path:
        """Return the SQLite file that holds everything this server remembers."""
        if self.database_uri is not None:
            return Path(self.database_uri.removeprefix("sqlite:///"))
        return self.data_dir / DATABASE_FILE

    @property
    def database_name(self) -> str:
        """Return where the database is, fit to be shown: without password and options."""
        if self.postgres_uri is None:
            return str(self.database_path.resolve())
        parts = urlsplit(self.postgres_uri)
        return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def redis_name(self) -> str | None:
        """Return where Redis is, fit to be shown; None where none is used."""
        if self.redis_uri is None or self.postgres_uri is None:
            return None
        parts = urlsplit(self.redis_uri)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table, ready to be printed."""

    name: str
    environment_names: tuple[str, ...]
    type_name: str
    default: Any
    help: str


def settings_table() -> tuple[Setting, ...]:
    """Return every setting in declaration order."""
    return tuple(_row(name) for name in Settings.model_fields)


def _row(name: str) -> Setting:
    field = Settings.model_fields[name]
    annotation = field.annotation
    type_name = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return Setting(
        name=name,
        environment_names=_environment_names(name),
        type_name=type_name.replace("typing.", ""),
        default=field.default,
        help=field.description or "",
    )


def _environment_names(name: str) -> tuple[str, ...]:
    names = Settings.model_fields[name].validation_alias
    assert isinstance(names, AliasChoices)
    return tuple(str(choice) for choice in names.choices)


def read_settings(defaults: Mapping[str, Any] = NO_DEFAULTS, **flags: Any) -> Settings:
    """Return the settings of this process: flags first, then the environment, then defaults.

    `defaults` replaces defaults of the table. A flag of None counts as not given. Raises
    StartupError with one sentence per bad value.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    for name, value in defaults.items():
        if not any(os.environ.get(variable) for variable in _environment_names(name)):
            given.setdefault(name, value)
    try:
        return Settings(**given)
    except ValidationError as error:
        raise StartupError([_fault(item["loc"], item["msg"]) for item in error.errors()]) from None


def _fault(loc: tuple[int | str, ...], message: str) -> str:
    """Return a sentence that begins with the setting's name and the variable it came from."""
    text = message.removeprefix("Value error, ")
    for row in settings_table():
        if loc and loc[0] in row.environment_names:
            source = next((name for name in row.environment_names if os.environ.get(name)), "")
            return f"{row.name} ({source}): {text}"
    return f"{loc[0] if loc else 'settings'}: {text}"


def environment(settings: Settings) -> dict[str, str]:
    """Return the variables from which another process reads these very settings."""
    found: dict[str, str] = {}
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if value is not None:
            text = ",".join(value) if isinstance(value, tuple) else str(value)
            found[_environment_names(name)[0]] = text
    return found
