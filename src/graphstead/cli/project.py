"""Read a project for a command: its environment applied, what it asks in vain told or refused."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphstead.graphs import Project, load_project
from graphstead.logs import configure_logging, get_logger
from graphstead.problems import StartupError
from graphstead.settings import Settings, read_settings
from graphstead.variables import refused_variables, unused_variables

__all__ = ["open_project"]

log = get_logger("graphstead.project")


def open_project(
    config: Path, flags: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
) -> tuple[Project, Settings]:
    """Return the project and the settings; logging is set up, the environment is in force.

    Raises StartupError, also for keys of langgraph.json and variables that cannot be honoured.
    """
    project = load_project(config)
    os.environ.update(project.env)
    beside = {"data_dir": project.root / ".graphstead"}
    settings = read_settings({**beside, **(defaults or {})}, **flags)
    configure_logging(settings)
    missed = [f"{project.path}: {_refusal(key)}" for key in project.unsupported]
    if faults := [*missed, *refused_variables(os.environ)]:
        raise StartupError(faults)
    for warning in project.warnings:
        log.warning(warning)
    for notice in unused_variables(os.environ):
        log.warning(notice)
    settings = _in_passing(settings) if settings.disable_file_persistence else settings
    if settings.redis_uri is not None and settings.redis_name is None:
        log.warning("REDIS_URI has no effect: an SQLite file needs no Redis; see DATABASE_URI")
    if settings.database_direct_uri is not None and settings.postgres_uri is None:
        log.warning("DATABASE_DIRECT_URI has no effect: DATABASE_URI names no Postgres")
    return project, settings


def _refusal(key: str) -> str:
    if key == "priority":
        return "priority: runs start in the order of their creation; remove the key to serve"
    return f"{key} comes later; it is not served without"


def _in_passing(settings: Settings) -> Settings:
    """Keep data in a folder that goes with this process; its children are given the same one."""
    folder = tempfile.mkdtemp(prefix="graphstead-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    log.warning("data is kept until this process ends", data_dir=folder)
    kept = {"data_dir": Path(folder), "disable_file_persistence": False, "database_uri": None}
    return settings.model_copy(update=kept)
