"""`graphstead spec`: the contract itself, and how it changed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from graphstead.cli.options import config_option
from graphstead.cli.project import open_project
from graphstead.contract.changes import changes
from graphstead.contract.load import Document, bundle, packaged, read_yaml
from graphstead.problems import GraphNotFound, StartupError

__all__ = ["command", "read_document"]


@click.group("spec")
def command() -> None:
    """Read the contract, and compare two of them."""


@command.command("show")
@click.option("--assistant", help="Print the contract of this graph's own assistant instead.")
@config_option
def show(assistant: str | None, config: Path) -> None:
    """Print the contract of this version as JSON.

    With --assistant it is what a server of the project answers to
    GET /assistants/ASSISTANT/openapi.json; no server is needed.
    """
    document = packaged() if assistant is None else _of_assistant(assistant, config)
    click.echo(json.dumps(document, ensure_ascii=False, indent=1))


def _of_assistant(graph_id: str, config: Path) -> Document:
    """Return the contract of a graph's own assistant. Raises StartupError."""
    from graphstead.cli.own_contract import own_contract

    try:
        return own_contract(*open_project(config, {}), graph_id)
    except GraphNotFound as unknown:
        raise StartupError([unknown.detail]) from unknown


@command.command("diff")
@click.argument("old")
@click.argument("new")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
@click.option(
    "--declared",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File that lists breaking changes made on purpose, one line each as printed here.",
)
def diff(old: str, new: str, as_json: bool, declared: Path | None) -> None:
    """Name what changed from OLD to NEW, breaking changes first.

    Each is a document (JSON or YAML), a spec folder, or the address of a server. Exit code 1 when
    a breaking change is not declared.
    """
    known = _lines(declared)
    found = changes(read_document(old), read_document(new))
    undeclared = [change for change in found if change.breaking and change.text not in known]
    if as_json:
        rows = [{"breaking": one.breaking, "change": one.text} for one in found]
        click.echo(json.dumps(rows, indent=1))
    else:
        for change in found:
            click.echo(f"{'breaking  ' if change.breaking else 'compatible'}  {change.text}")
        breaking = sum(change.breaking for change in found)
        click.echo(f"{len(found)} changes: {breaking} breaking, {len(undeclared)} undeclared")
    sys.exit(bool(undeclared))


def _lines(path: Path | None) -> frozenset[str]:
    if path is None or not path.exists():
        return frozenset()
    lines = (line.strip() for line in path.read_text("utf-8").splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))


def read_document(source: str) -> Document:
    """Read a document from where it is. Raises StartupError naming what could not be read."""
    if source.startswith(("http://", "https://")):
        return _fetched(source)
    path = Path(source)
    if path.is_dir():
        return bundle(path)
    if not path.is_file():
        raise StartupError([f"{source}: no such file, folder or address"])
    document = read_yaml(path)
    if "paths" not in document:
        raise StartupError([f"{source}: not an OpenAPI document: it has no paths"])
    return document


def _fetched(address: str) -> Document:
    import httpx

    url = address if address.endswith(".json") else f"{address.rstrip('/')}/openapi.json"
    try:
        answer = httpx.get(url, timeout=30, follow_redirects=True).raise_for_status()
        document: Document = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise StartupError([f"{url}: {error}"]) from error
    return document
