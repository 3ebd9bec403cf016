"""`graphstead check`: would the server start with this project?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from graphstead.app import check_handlers
from graphstead.authentication import check_auth
from graphstead.cli.options import config_option
from graphstead.cli.project import open_project
from graphstead.contract.check import check_document
from graphstead.contract.load import packaged
from graphstead.engine.access import ACTIONS
from graphstead.graphs import load_graphs
from graphstead.graphs.auth import ProjectAuth, load_auth
from graphstead.graphs.custom_app import load_custom_app
from graphstead.graphs.encryption import load_encryption
from graphstead.http_rules import cors_policy, mount_prefix
from graphstead.problems import StartupError
from graphstead.settings import Settings

__all__ = ["command"]


@click.command("check")
@config_option
def command(config: Path) -> None:
    """Check everything a start would check, without touching the data folder or a port.

    Exit code 0 when the server would start, 3 with a list of faults when it would not.
    """
    project, settings = open_project(config, {})
    mount_prefix(settings, project)
    cors_policy(settings, project)
    graphs = load_graphs(project)
    load_custom_app(project)
    load_encryption(project, has_key=settings.aes_key is not None)
    auth = load_auth(project)
    check_auth(settings, auth)
    if faults := check_document(packaged()):
        raise StartupError(faults)
    operations = check_handlers()
    click.echo(f"{config}: {len(graphs.ids)} graphs load: {', '.join(sorted(graphs.ids))}")
    click.echo(f"contract: {operations} operations, all with their handlers")
    for line in _callers(settings, auth):
        click.echo(line)


def _callers(settings: Settings, auth: ProjectAuth | None) -> Iterator[str]:
    """Say who is let in, and by which rule each act is answered."""
    if settings.auth == "keys":
        yield "callers: by keys of this server (graphstead keys)"
    elif auth is not None:
        yield f"callers: by {auth.authenticator}"
    else:
        yield "callers: everybody, anonymously; all may do everything"
        return
    if auth is None or not auth.has_rules:
        own = settings.auth == "keys"
        yield "rules: to each their own rows" if own else "rules: none, callers may do everything"
        return
    for resource, actions in ACTIONS.items():
        for action in actions:
            yield _rule(auth, resource, action)


def _rule(auth: ProjectAuth, resource: str, action: str) -> str:
    found = auth.rule_for(resource, action)
    told = "allowed: no rule is about it" if found is None else f"{found[1]}  (on {found[0]})"
    return f"  {f'{resource}.{action}':<24}{told}"
