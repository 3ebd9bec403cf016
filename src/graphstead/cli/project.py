"""Read a project for a command: its environment applied, what it asks in vain told or refused."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphstead.graphs import Project, load_project
from graphstead.logs import configure_logging, get_logger
from graphstead.problems import StartupError
from graphstead.settings import Settings, read_settings

__all__ = ["open_project"]

# Served without these, a project would be less safe than its author believes.
INDISPENSABLE = ("auth",)

log = get_logger("graphstead.project")


def open_project(
    config: Path, flags: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
) -> tuple[Project, Settings]:
    """Return the project and the settings; logging is set up, the environment is in force.

    Raises StartupError, also for keys of langgraph.json that protect data and come later.
    """
    project = load_project(config)
    os.environ.update(project.env)
    beside = {"data_dir": project.root / ".graphstead"}
    settings = read_settings({**beside, **(defaults or {})}, **flags)
    configure_logging(settings)
    missed = [key for key in project.unsupported if key in INDISPENSABLE]
    if missed:
        raise StartupError(
            [f"{project.path}: {key} comes later; it is not served without" for key in missed]
        )
    for warning in project.warnings:
        log.warning(warning)
    for key in project.unsupported:
        log.warning(f"{project.path}: {key} comes later and has no effect yet")
    return project, settings
