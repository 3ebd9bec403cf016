"""Options that several commands share; names, help and defaults come from the settings table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from graphstead.settings import Setting, Settings, settings_table

__all__ = ["config_option", "contract_option", "profile_option", "setting_option"]

Command = TypeVar("Command", bound=Callable[..., Any])
ROWS: dict[str, Setting] = {row.name: row for row in settings_table()}


def setting_option(name: str, *flags: str) -> Callable[[Command], Command]:
    """Return an option for the setting `name`; not given, it leaves the setting alone."""
    row = ROWS[name]
    variables = ", ".join(row.environment_names)
    text = f"{row.help} [default: {row.default}; env: {variables}]"
    return click.option(*flags, name, type=_click_type(name), default=None, help=text)


def _click_type(name: str) -> Any:
    annotation = Settings.model_fields[name].annotation
    if choices := get_args(annotation):
        lower = [choice for choice in choices if isinstance(choice, str)]
        return click.Choice(lower, case_sensitive=False) if lower else str
    if annotation is Path:
        return click.Path(path_type=Path)
    return annotation if annotation in (int, float, bool) else str


config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("langgraph.json"),
    show_default=True,
    help="The project: its graphs, dependencies and environment.",
)

contract_option = click.option(
    "--contract",
    "source",
    metavar="own|URL|FILE",
    help="Judge by the server's own document, or another. [default: that of graphstead]",
)

profile_option = click.option(
    "--profile",
    type=click.Choice(["core", "full"]),
    default="core",
    show_default=True,
    help="Ask for what clients of every Agent Server rely on, or for all that graphstead promises.",
)
