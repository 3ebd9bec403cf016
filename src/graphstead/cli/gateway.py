"""`graphstead gateway`: a validating proxy in front of any Agent Server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from graphstead import __version__
from graphstead.cli.greeting import server_url
from graphstead.cli.options import (
    config_option,
    contract_option,
    profile_option,
    setting_option,
)
from graphstead.cli.ports import bind
from graphstead.contract.load import packaged
from graphstead.gateway.app import GatewayApp
from graphstead.gateway.contract import GatewayContract
from graphstead.gateway.house import House
from graphstead.gateway.limits import Limits, read_rules
from graphstead.gateway.settings import GatewaySettings, Target, read_headers, target_of
from graphstead.gateway.upstream import Upstream
from graphstead.logs import configure_logging
from graphstead.problems import StartupError
from graphstead.request_log import RequestLog
from graphstead.serving import serve
from graphstead.settings import Settings, read_settings

if TYPE_CHECKING:
    from graphstead.gateway.callers import Callers
    from graphstead.graphs import Project

__all__ = ["command"]

PORT = 8124
DRAIN_S = 10.0
PAGE_KEY = "GRAPHSTEAD_GATEWAY_KEY"
MIB = 1024 * 1024
FLAGS = ("host", "port", "data_dir", "log_level", "log_json")


@dataclass(frozen=True, slots=True)
class Opened:
    """Settings of the process, and the project where its code recognises callers."""

    settings: Settings
    project: Project | None


@click.command("gateway")
@click.option("--upstream", required=True, metavar="URL", help="The Agent Server to stand before.")
@click.option(
    "--mode",
    type=click.Choice(["report", "enforce"]),
    default="report",
    show_default=True,
    help="Put on record what breaks the contract, or stop it.",
)
@profile_option
@contract_option
@click.option(
    "--unknown-fields",
    type=click.Choice(["report", "reject"]),
    default="report",
    show_default=True,
    help="With --mode enforce: let undeclared members of requests pass, or refuse them.",
)
@click.option(
    "--allow-path",
    "allow_paths",
    multiple=True,
    metavar="PATTERN",
    help="Pass these paths on unjudged, such as '/app/*'; repeatable.",
)
@click.option(
    "--auth",
    type=click.Choice(["none", "keys", "project"]),
    default="none",
    show_default=True,
    help="Who may pass: everybody, keys of `graphstead keys`, or whom the project recognises.",
)
@config_option
@setting_option("data_dir", "--data")
@click.option(
    "--upstream-header",
    "upstream_headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    help="Sent with every request, such as 'x-api-key: $VARIABLE', read from the environment; "
    "repeatable.",
)
@click.option(
    "--identity-header", metavar="NAME", help="Tells the server in this header who is calling."
)
@click.option("--preserve-host", is_flag=True, help="Pass the client's Host header on.")
@click.option(
    "--rate",
    "rates",
    multiple=True,
    metavar="LIMIT",
    help="Per key, caller or address: '100/minute', or 'runs=10/minute' for what makes runs; "
    "repeatable.",
)
@click.option(
    "--quota",
    "quotas",
    multiple=True,
    metavar="LIMIT",
    help="The same in fixed windows, such as '10000/day'; repeatable.",
)
@click.option(
    "--limits",
    "limits_uri",
    default="memory://",
    show_default=True,
    metavar="URI",
    help="Where rates and quotas are counted: memory:// or redis://host:port/0.",
)
@click.option(
    "--limits-name",
    default="gateway",
    show_default=True,
    help="Gateways of one name and one Redis count together.",
)
@click.option(
    "--timeout-s",
    type=click.FloatRange(min=0.1),
    default=3600.0,
    show_default=True,
    help="Longest silence of the server before it is given up.",
)
@click.option(
    "--max-body-mib",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Longest body that is judged; with --mode enforce longer ones are refused.",
)
@setting_option("host", "--host")
@click.option(
    "--port", "-p", type=click.IntRange(0, 65535), help=f"Port to listen on. [default: {PORT}]"
)
@setting_option("log_level", "--server-log-level")
@setting_option("log_json", "--log-json/--no-log-json")
def command(**options: Any) -> None:
    """Pass requests on to an Agent Server and hold both directions against the contract.

    Reporting changes nothing on the way; what broke the contract is listed at /_gateway/report.
    Enforcing answers a broken request with 422, a broken answer with 502, and ends a stream at the
    first broken event. Pages below /_gateway ask for the key in GRAPHSTEAD_GATEWAY_KEY; without
    one they are for this machine alone.
    """
    target = target_of(options["upstream"])
    opened = _open(options)
    house = _house(target, opened, options)
    code = _serve(house, opened.settings)
    raise SystemExit(code)


def _open(options: dict[str, Any]) -> Opened:
    given = {name: options[name] for name in FLAGS}
    defaults = {"port": PORT, "drain_s": DRAIN_S}
    if options["auth"] == "project":
        from graphstead.cli.project import open_project

        project, settings = open_project(options["config"], given, defaults)
        return Opened(settings, project)
    settings = read_settings(defaults, **given)
    configure_logging(settings)
    return Opened(settings, None)


def _house(target: Target, opened: Opened, options: dict[str, Any]) -> House:
    settings = _gateway_settings(target, options)
    contract = _contract(target, options)
    rules = (
        *read_rules(options["rates"], quota=False),
        *read_rules(options["quotas"], quota=True),
    )
    limits = Limits(rules, options["limits_uri"], options["limits_name"]) if rules else None
    callers = _callers(opened, options)
    return House(
        settings=settings,
        contract=contract,
        upstream=Upstream(settings),
        authenticate=None if callers is None else callers.authenticate,
        limits=limits,
        closing=(lambda: None) if callers is None else callers.close,
    )


def _callers(opened: Opened, options: dict[str, Any]) -> Callers | None:
    if options["auth"] == "none":
        return None
    # Imported here: who lets everybody pass needs neither database nor LangGraph.
    from graphstead.gateway.callers import callers_of

    return callers_of(options["auth"], opened.settings, opened.project)


def _gateway_settings(target: Target, options: dict[str, Any]) -> GatewaySettings:
    identity = options["identity_header"]
    return GatewaySettings(
        target=target,
        mode=options["mode"],
        profile=options["profile"],
        reject_unknown=options["unknown_fields"] == "reject",
        allow_paths=options["allow_paths"],
        upstream_headers=read_headers(options["upstream_headers"]),
        identity_header=None if identity is None else identity.lower(),
        preserve_host=options["preserve_host"],
        drops_keys=options["auth"] == "keys",
        max_body_bytes=options["max_body_mib"] * MIB,
        timeout_s=options["timeout_s"],
        page_key=os.environ.get(PAGE_KEY) or None,
    )


def _contract(target: Target, options: dict[str, Any]) -> GatewayContract:
    """Read and compile the document to judge by. Raises StartupError."""
    source = options["source"]
    if source is None:
        document = packaged()
    else:
        # Imported here: beside it lies what reads projects.
        from graphstead.cli.spec import read_document

        document = read_document(target.url if source == "own" else source)
    reject = options["unknown_fields"] == "reject"
    try:
        return GatewayContract(document, options["profile"], reject_unknown=reject)
    except StartupError:
        raise
    except Exception as error:  # Any document may be given; whatever is wrong is its own.
        raise StartupError([f"the contract cannot be used: {error}"]) from error


def _serve(house: House, settings: Settings) -> int:
    """Serve until a signal; return the exit code."""
    sock = bind(settings.host, settings.port)
    url = server_url(settings.host, sock.getsockname()[1])

    def greet() -> None:
        told = f"{house.settings.mode}, {house.settings.profile}"
        click.echo(f"graphstead {__version__} gateway ({told})\n")
        click.echo(f"  From    {url}")
        click.echo(f"  To      {house.settings.target.url}")
        click.echo(f"  Report  {url}/_gateway/report\n")

    # Addresses of clients are as they arrive, and what the server sends keeps its own date.
    own: dict[str, Any] = {"date_header": False, "proxy_headers": False}
    return serve(RequestLog(GatewayApp(house)), settings, sock, house.drain, greet, **own)
