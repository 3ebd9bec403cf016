"""Look at everything, one finding after the other; a fault of one part hides no other part."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from graphstead.doctor import database, machine, project
from graphstead.doctor.findings import Finding, fail
from graphstead.graphs import Project, load_project
from graphstead.problems import StartupError
from graphstead.settings import Settings, read_settings

__all__ = ["look"]


def look(config: Path, flags: Mapping[str, Any], *, full: bool) -> Iterator[Finding]:
    """Yield findings in the order in which a start would meet them; `full` checks large files."""
    yield from machine.versions()
    found: Project | None = None
    try:
        found = load_project(config)
    except StartupError as error:
        cure = "correct the file; graphstead dev writes a first one in an empty folder"
        yield from (fail("config", fault, cure) for fault in error.faults)
    if found is not None:
        os.environ.update(found.env)
        yield from project.config(found)
    yield from project.contract()
    settings, faults = _settings(config, flags)
    yield from faults
    yield from project.environment()
    yield from machine.extras(settings)
    if found is not None:
        yield from project.graphs(found)
    if settings is not None:
        yield from database.database(settings, full=full)
        yield from machine.disk(settings)
        yield from machine.port(settings)


def _settings(config: Path, flags: Mapping[str, Any]) -> tuple[Settings | None, list[Finding]]:
    beside = {"data_dir": config.resolve().parent / ".graphstead"}
    try:
        return read_settings(beside, **flags), []
    except StartupError as error:
        cure = "see docs/settings.md, or graphstead serve --help"
        return None, [fail("settings", fault, cure) for fault in error.faults]
