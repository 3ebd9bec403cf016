"""The project: langgraph.json, its graphs, the environment, the contract that is served."""

from __future__ import annotations

import difflib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from graphstead.app import check_handlers
from graphstead.contract.check import check_document
from graphstead.contract.load import packaged
from graphstead.doctor.findings import Finding, fail, ok, warn
from graphstead.graphs import Project, load_graphs
from graphstead.graphs.store_config import StoreConfig
from graphstead.problems import StartupError
from graphstead.settings import settings_table

__all__ = ["config", "contract", "environment", "graphs"]

SLOW_S = 5.0

# What users of the reference server set; those that the settings table reads are taken out.
FOREIGN = (
    "BG_JOB_ISOLATED_LOOPS",
    "CORS_CONFIG",
    "CRON_SCHEDULER_SLEEP_TIME",
    "DEFAULT_A2A_ASSISTANT_ID",
    "FF_CRONS_ENABLED",
    "LANGGRAPH_AES_JSON_KEYS",
    "LANGGRAPH_AES_KEY",
    "LANGGRAPH_ALLOW_BLOCKING",
    "LANGGRAPH_AUTH_TYPE",
    "LANGGRAPH_CLOUD_LICENSE_KEY",
    "LANGGRAPH_DISABLE_FILE_PERSISTENCE",
    "LANGGRAPH_POSTGRES_POOL_MAX_SIZE",
    "MOUNT_PREFIX",
    "POSTGRES_URI_CUSTOM",
    "REDIS_CLUSTER",
    "REDIS_KEY_PREFIX",
    "REDIS_MAX_CONNECTIONS",
    "REDIS_URI",
    "REDIS_URI_CUSTOM",
)
# Read elsewhere than in the settings table.
OWN = frozenset({"GRAPHSTEAD_READY_FD"})


def config(project: Project) -> Iterator[Finding]:
    """Tell whether langgraph.json is good, and which of its keys do nothing."""
    number = len(project.graphs)
    yield ok("config", f"{project.path} names {number} graph{'s' if number != 1 else ''}")
    for warning in project.warnings:
        yield warn("config", warning, "correct or remove the key")
    for key in project.unsupported:
        yield warn("config", f"{key} has no effect in this version", "see the README")
    wanted = project.raw.get("python_version")
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    if isinstance(wanted, str) and wanted != running:
        text = f"python_version is {wanted}, this is Python {running}"
        yield warn("config", text, f"serve it with Python {wanted}")
    if project.raw.get("node_version"):
        cure = "only Python graphs can be served; remove node_version"
        yield warn("config", "node_version has no effect", cure)


def contract() -> Iterator[Finding]:
    """Tell whether the served contract is sound and every operation has its handler."""
    try:
        faults = check_document(packaged())
        number = check_handlers()
    except StartupError as error:
        faults, number = list(error.faults), 0
    for fault in faults:
        yield fail("contract", fault, "install graphstead again; its package is damaged")
    if not faults:
        yield ok("contract", f"{number} operations, all with their handlers")


def environment() -> Iterator[Finding]:
    """Name variables that are set in vain."""
    known = {name for row in settings_table() for name in row.environment_names}
    own = {name for name in os.environ if name.startswith("GRAPHSTEAD_")} - known - OWN
    for name in sorted(own):
        near = difflib.get_close_matches(name, known, 1)
        cure = f"did you mean {near[0]}?" if near else "see docs/settings.md"
        yield warn("environment", f"{name} is no setting", cure)
    vain = [name for name in FOREIGN if os.environ.get(name) and name not in known]
    for name in vain:
        yield warn("environment", f"{name} has no effect here", "unset it")
    if not own and not vain:
        yield ok("environment", "every variable that is set here has an effect")


def graphs(project: Project) -> Iterator[Finding]:
    """Import each graph by itself, and tell how long that takes or what is wrong with it."""
    for graph_id, source in project.graphs.items():
        alone = replace(project, graphs={graph_id: source}, store=StoreConfig())
        started_s = time.perf_counter()
        try:
            load_graphs(alone)
        except StartupError as error:
            for fault in error.faults:
                yield fail(f"graph {graph_id}", fault, "correct the file at that line")
            continue
        took_s = time.perf_counter() - started_s
        text = f"{source.path} loads in {took_s * 1000:.0f} ms"
        if took_s > SLOW_S:
            cure = "import slow modules inside the nodes that need them"
            yield warn(f"graph {graph_id}", text, cure)
        else:
            yield ok(f"graph {graph_id}", text)
