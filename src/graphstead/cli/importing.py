"""`graphstead import`: from another Agent Server, through its API, into this project's data."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from graphstead.ciphers import open_storage
from graphstead.cli.options import config_option, setting_option
from graphstead.cli.project import open_project
from graphstead.engine.access import Access
from graphstead.engine.assistants import Assistants
from graphstead.engine.clock import SystemClock
from graphstead.engine.embedding import Embedder
from graphstead.engine.graph_store import GraphStore
from graphstead.graphs import GraphSet, Project, load_graphs
from graphstead.graphs.host import GraphHost
from graphstead.importing import KINDS, Importer, Report, Source
from graphstead.storage.base import Storage

__all__ = ["command"]


@click.command("import")
@click.argument("source")
@config_option
@setting_option("data_dir", "--data")
@click.option("--api-key", help="Sent as X-Api-Key with every request to SOURCE.")
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Sent, too.")
@click.option("--only", help=f"Some of {','.join(KINDS)}, separated by commas.")
@click.option("--overwrite", is_flag=True, help="Replace what is here already.")
def command(source: str, config: Path, only: str | None, overwrite: bool, **flags: Any) -> None:
    """Copy assistants, threads with their history, crons and store items from SOURCE.

    SOURCE is the address of a running Agent Server (langgraph dev, LangGraph Server, Aegra,
    graphstead). Ids and times stay. What is here already is left alone, so that an import that
    was cut short can be started again; it may run while this project is served. Runs are not
    copied: what they made is in their threads. Exit code 1 when something could not be copied.
    """
    kinds = _kinds(only)
    if not source.startswith(("http://", "https://")):
        raise click.UsageError(_why_not(source))
    sent = dict(_header(one) for one in flags["headers"])
    if flags["api_key"]:
        sent["x-api-key"] = flags["api_key"]
    project, settings = open_project(config, {"data_dir": flags["data_dir"]})
    graphs = load_graphs(project)
    storage = open_storage(settings, project)
    try:
        reports = asyncio.run(
            _copy(Source(source, sent), storage, graphs, project, kinds, overwrite)
        )
    finally:
        storage.close()
    sys.exit(_tell(reports))


async def _copy(
    source: Source,
    storage: Storage,
    graphs: GraphSet,
    project: Project,
    kinds: list[str],
    overwrite: bool,
) -> list[Report]:
    clock = SystemClock()
    host = GraphHost(graphs)
    items = _embedding_store(storage, graphs, project)
    # Threads and crons refer to the graphs' own assistants, which a first start would make.
    Assistants(storage, host, clock, Access()).seed()
    importer = Importer(
        source, storage, graphs, clock, overwrite=overwrite, items=items, progress=_progress
    )
    try:
        return [await importer.copy(kind) for kind in kinds]
    finally:
        source.close()
        host.stop()
        if items is not None:
            items.close()


def _embedding_store(storage: Storage, graphs: GraphSet, project: Project) -> GraphStore | None:
    """Return a store that embeds what is put, None where the project searches without meaning."""
    store = project.store
    if store.index is None or graphs.embeddings is None:
        return None
    embedder = Embedder(graphs.embeddings, store.index)
    return GraphStore(storage, SystemClock(), store.ttl, embedder)


def _progress(text: str) -> None:
    click.echo(f"… {text}", err=True)


def _tell(reports: list[Report]) -> int:
    for report in reports:
        counts = f"{report.imported} imported, {report.skipped} here already"
        click.echo(f"{report.kind}: {counts}, {len(report.failures)} failed")
        for note in report.notes:
            click.echo(f"  note: {note}")
        for failure in report.failures:
            click.echo(f"  failed: {failure}")
        if report.kind == "crons" and report.imported:
            click.echo("  note: they fire here as soon as a worker runs; pause them at the source")
    return 1 if any(report.failures for report in reports) else 0


def _kinds(only: str | None) -> list[str]:
    asked = [name.strip() for name in (only or ",".join(KINDS)).split(",")]
    unknown = [name for name in asked if name not in KINDS]
    if unknown:
        raise click.UsageError(f"--only: {', '.join(unknown)}: expected some of {','.join(KINDS)}")
    return [kind for kind in KINDS if kind in asked]


def _header(given: str) -> tuple[str, str]:
    name, colon, value = given.partition(":")
    if not colon or not name.strip():
        raise click.UsageError(f"--header: expected 'Name: value', found {given!r}")
    return name.strip(), value.strip()


def _why_not(source: str) -> str:
    folder = Path(source)
    if folder.name == ".langgraph_api" or (folder / ".langgraph_api").is_dir():
        home = folder.parent if folder.name == ".langgraph_api" else folder
        return (
            f"{source} holds pickles of a running langgraph dev: a private form, and reading such "
            f"files runs what is in them. Start `langgraph dev` in {home} and import from "
            "http://127.0.0.1:2024"
        )
    return f"SOURCE is the address of a running server, as http://127.0.0.1:2024, not {source!r}"
