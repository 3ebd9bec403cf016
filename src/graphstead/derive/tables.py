"""The tables of README and docs that follow from the contract and from the settings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from graphstead.derive.catalogue import entries
from graphstead.figures import FAMILIES
from graphstead.settings import Setting, settings_table

__all__ = ["between", "metrics_table", "settings_page", "support_table"]

BEGIN, END = "<!-- derived: {name} -->", "<!-- /derived: {name} -->"


def support_table(document: Mapping[str, Any]) -> str:
    """Return a Markdown table of tags: how many operations, which of them answer 501."""
    rows = ["| tag | operations | served | answered 501 |", "|---|---|---|---|"]
    for tag, operations in _by_tag(document).items():
        planned = [name for name, support in operations if support == "planned"]
        rows.append(
            f"| {tag} | {len(operations)} | {len(operations) - len(planned)} "
            f"| {', '.join(f'`{name}`' for name in planned) or 'none'} |"
        )
    return "\n".join(rows)


def _by_tag(document: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for entry in entries(document):
        found[entry.tag].append((entry.call, entry.support))
    return found


def metrics_table() -> str:
    """Return a Markdown table of every metric."""
    rows = ["| metric | kind | labels | what it tells |", "|---|---|---|---|"]
    for family in FAMILIES.values():
        labels = ", ".join(f"`{label}`" for label in family.labels) or "none"
        rows.append(f"| `{family.name}` | {family.kind} | {labels} | {family.help} |")
    return "\n".join(rows)


def settings_page() -> str:
    """Return docs/settings.md."""
    rows = "\n".join(_settings_row(setting) for setting in settings_table())
    return (
        "# Settings\n\n"
        "Derived from `src/graphstead/settings.py` by `scripts/derive`. The first variable that\n"
        "is set wins; flags of the command line go before all of them.\n\n"
        "| setting | variables | default | what it does |\n|---|---|---|---|\n"
        f"{rows}\n"
    )


def _settings_row(setting: Setting) -> str:
    names = ", ".join(f"`{name}`" for name in setting.environment_names)
    default = "none" if setting.default is None else f"`{_plain(setting.default)}`"
    return f"| {setting.name} | {names} | {default} | {setting.help} |"


def _plain(default: Any) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


def between(text: str, name: str, content: str) -> str:
    """Return the text with the part between the marks of `name` replaced."""
    begin, end = BEGIN.format(name=name), END.format(name=name)
    head, _, rest = text.partition(begin)
    _, mark, tail = rest.partition(end)
    if not mark:
        raise ValueError(f"the marks of {name} are missing")
    return f"{head}{begin}\n{content}\n{end}{tail}"
