"""What was found, as JSON and as one HTML page that needs nothing else."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator
from typing import Any

from graphstead import __version__
from graphstead.gateway.findings import Finding, Side
from graphstead.gateway.house import House

__all__ = ["as_html", "as_json"]

STYLE = """
:root { color-scheme: light dark; --ink: light-dark(#1c2430, #e4e8ee);
  --soft: light-dark(#56616f, #a3adba); --line: light-dark(#d9dfe7, #38424f);
  --back: light-dark(#fff, #151a21); --code: light-dark(#f4f6f9, #1f2731);
  --bad: light-dark(#b3261e, #ff8a80); }
body { max-width: 70rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; color: var(--ink);
  background: var(--back); font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0 0 .25rem; font-size: 1.6rem; } h2 { margin: 2.25rem 0 .5rem; font-size: 1.15rem; }
p { margin: .2rem 0; color: var(--soft); } .table { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: .45rem .6rem; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; } th { color: var(--soft); font-weight: 600; font-size: .85rem; }
td.count { text-align: right; font-variant-numeric: tabular-nums; color: var(--bad); }
td.rule { min-width: 16rem; overflow-wrap: anywhere; } td.when { white-space: nowrap; }
code, pre { font: .84em/1.45 ui-monospace, monospace; }
pre { max-height: 12rem; margin: .3rem 0 0; padding: .5rem .7rem; background: var(--code);
  border-radius: 6px; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--soft); font-size: .85rem; }
"""
TITLES: dict[Side, tuple[str, str]] = {
    "upstream": ("What the server breaks", "Its answers keep the contract so far."),
    "client": ("What clients break", "Every request keeps the contract so far."),
    "unjudged": ("What was not judged", "Everything was judged."),
}


def as_json(house: House) -> dict[str, Any]:
    """Return everything that is known."""
    findings = house.findings
    return {
        "upstream": house.settings.target.url,
        "mode": house.settings.mode,
        "profile": house.settings.profile,
        "since": _time(findings.since_s),
        "checked_by": f"graphstead {__version__}",
        "counts": {side: findings.total(side) for side in TITLES},
        "unlisted": findings.unlisted,
        "findings": [one.to_json() for one in findings.all()],
    }


def as_html(house: House) -> str:
    """Return the same as a page."""
    settings, findings = house.settings, house.findings
    title = f"What passes between clients and {settings.target.url}"
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{_text(title)}</h1>",
        f"<p>Mode <b>{settings.mode}</b>, profile <b>{settings.profile}</b>, since "
        f"{_time(findings.since_s)}; graphstead {__version__}. The same as JSON: "
        "<code>report.json</code>.</p>",
    ]
    known = findings.all()
    for side, (heading, nothing) in TITLES.items():
        found = [one for one in known if one.side == side]
        parts.append(f"<h2>{heading} ({findings.total(side)})</h2>")
        parts += _table(found) if found else [f"<p>{nothing}</p>"]
    if findings.unlisted:
        parts.append(f"<p>{findings.unlisted} more, of kinds that are not listed.</p>")
    return "\n".join([*parts, "</body></html>"]) + "\n"


def _table(found: list[Finding]) -> Iterator[str]:
    yield '<div class="table"><table><thead><tr><th>Times<th>Operation<th>Rule<th>First'
    yield "<th>Last</tr></thead><tbody>"
    for one in found:
        yield f'<tr><td class="count">{one.count}<td><code>{_text(one.operation)}</code>'
        yield f'<td class="rule">{_text(one.rule)}{_sample(one)}'
        yield f'<td class="when">{_time(one.first_s)}<td class="when">{_time(one.last_s)}</tr>'
    yield "</tbody></table></div>"


def _sample(one: Finding) -> str:
    if not one.sample:
        return ""
    return f"<details><summary>sample</summary><pre>{_text(one.sample)}</pre></details>"


def _text(text: str) -> str:
    return html.escape(text)


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
