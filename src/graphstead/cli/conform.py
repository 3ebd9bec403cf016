"""`graphstead conform`: hold any Agent Server against the contract and its behaviour."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import httpx

from graphstead.cli.options import contract_option, profile_option
from graphstead.cli.spec import read_document
from graphstead.contract.load import Document, packaged

if TYPE_CHECKING:
    from graphstead.conformance.conform import Report

__all__ = ["command"]

UNREACHED = 2
COLOURS = {"pass": None, "fail": "red", "not applicable": "bright_black"}
written = click.Path(path_type=Path, dir_okay=False)


@click.command("conform")
@click.argument("url", required=False)
@profile_option
@contract_option
@click.option(
    "--only",
    multiple=True,
    metavar="PATTERN",
    help="Only this group or these checks, such as 'replay' or 'contract/GET *'; repeatable.",
)
@click.option(
    "--api-key", envvar="GRAPHSTEAD_CONFORM_API_KEY", show_envvar=True, help="Sent as X-Api-Key."
)
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Repeatable.")
@click.option(
    "--timeout-s",
    type=click.FloatRange(min=0.1),
    default=30.0,
    show_default=True,
    help="Longest wait for an answer, and for what a check waits for.",
)
@click.option(
    "--parallel",
    "at_once",
    type=click.IntRange(1, 16),
    default=1,
    show_default=True,
    help="Checks of behaviour at the same time.",
)
@click.option("--assistant", help="Graph or assistant to run where no particular one is needed.")
@click.option("--input", "given", default="{}", show_default=True, help="Its input, as JSON.")
@click.option("--kill", metavar="CMD", help="Ends the server at once, as kill -9 does.")
@click.option(
    "--restart",
    metavar="CMD",
    help="Starts the server again; without --kill it has to end it, too.",
)
@click.option("--fuzz", is_flag=True, help="Run Schemathesis as well, where it is installed.")
@click.option("--junit", type=written, help="Write JUnit XML to this file.")
@click.option("--json", "json_file", type=written, help="Write JSON to this file.")
@click.option("--html", "html_file", type=written, help="Write a page to this file.")
@click.option(
    "--write-graphs",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write a project with the graphs that checks run, and end.",
)
@click.option("--quiet", is_flag=True, help="Print failures and the summary alone.")
def command(url: str | None, **options: Any) -> None:
    """Check the Agent Server at URL: contract, refusals, behaviour.

    Checks make threads, runs, assistants, crons and items of their own and remove them afterwards;
    nothing else on the server is touched. Some need small graphs: write them with --write-graphs
    and let the server serve them. Otherwise runs are made of the first assistant found, or of the
    one that --assistant names.

    Exit code 0 when nothing failed, 1 when something did, 2 when nothing could be checked: the
    server was not reached, or the options make no sense.
    """
    if options["write_graphs"] is not None:
        _write_graphs(options["write_graphs"])
        return
    if url is None:
        raise click.UsageError("Missing argument 'URL'.")
    address = url if "://" in url else f"http://{url}"
    try:
        report = _checked(address, options)
    except httpx.HTTPError as error:
        click.echo(f"{address} cannot be reached: {error}", err=True)
        sys.exit(UNREACHED)
    if not report.results:
        raise click.UsageError(f"No check is named {' or '.join(options['only'])}.")
    _write(report, options)
    sound = report.passed and (not options["fuzz"] or _fuzzed(address, options))
    sys.exit(not sound)


def _write_graphs(folder: Path) -> None:
    from graphstead.conformance.cast import write_graphs

    for path in write_graphs(folder):
        click.echo(str(path))
    click.echo(f"Serve them, for example: graphstead dev --config {folder / 'langgraph.json'}")


def _checked(address: str, options: dict[str, Any]) -> Report:
    """Run the checks, printing each result. Raises httpx.HTTPError when nobody answers."""
    from graphstead.conformance.checking import Result, Verdict
    from graphstead.conformance.conform import Plan, conform
    from graphstead.conformance.power import Commands
    from graphstead.conformance.reports import line_of

    def told(one: Result) -> None:
        if one.verdict is Verdict.FAIL or not options["quiet"]:
            click.secho(line_of(one), fg=COLOURS[one.verdict.value])

    headers = _headers(options["headers"], options["api_key"])
    plan = Plan(
        base_url=address.rstrip("/"),
        document=_document(options["source"], address),
        profile=options["profile"],
        only=options["only"],
        headers=headers,
        timeout_s=options["timeout_s"],
        at_once=options["at_once"],
        commands=Commands(options["kill"], options["restart"]),
        assistant=options["assistant"],
        given=_json(options["given"]),
    )
    return conform(plan, told)


def _document(source: str | None, address: str) -> Document:
    if source is None:
        return packaged()
    return read_document(address if source == "own" else source)


def _headers(given: Sequence[str], api_key: str | None) -> dict[str, str]:
    pairs = (one.partition(":") for one in given)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return headers if api_key is None else {**headers, "x-api-key": api_key}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="--input") from error


def _write(report: Report, options: dict[str, Any]) -> None:
    from graphstead.conformance.page import as_html
    from graphstead.conformance.reports import as_json, as_junit, as_text

    click.echo(f"\n{as_text(report)}")
    forms = {"junit": as_junit, "json_file": as_json, "html_file": as_html}
    for name, form in forms.items():
        if options[name] is not None:
            options[name].write_text(form(report), "utf-8")


def _fuzzed(address: str, options: dict[str, Any]) -> bool:
    from graphstead.conformance.fuzz import Unfuzzed, fuzz

    document = _document(options["source"], address)
    headers = _headers(options["headers"], options["api_key"])
    try:
        return fuzz(address.rstrip("/"), document, headers, timeout_s=options["timeout_s"])
    except Unfuzzed as error:
        click.echo(f"--fuzz: {error}", err=True)
        return False
