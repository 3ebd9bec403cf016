"""The results of a check as one HTML page that needs nothing else."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator

from graphstead import __version__
from graphstead.conformance.checking import Result, Verdict
from graphstead.conformance.conform import Report
from graphstead.conformance.exchange import Exchange
from graphstead.conformance.reports import excerpt, grouped

__all__ = ["as_html"]

STYLE = """
:root { --pass: #1a7f4b; --fail: #b3261e; --none: #7a8594; --line: #d9dfe7; --ink: #1c2430; }
* { box-sizing: border-box; }
body { max-width: 64rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; color: var(--ink);
       background: #fff; font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0 0 .25rem; font-size: 1.7rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { display: flex; gap: .75rem; align-items: baseline; margin: 2.25rem 0 .25rem;
     padding-bottom: .3rem; border-bottom: 1px solid var(--line); font-size: 1.15rem; }
h2 small { font-weight: normal; color: #56616f; }
.about { margin: 0; color: #56616f; }
.bar { display: flex; height: 14px; margin: 1.25rem 0 .5rem; overflow: hidden; border-radius: 7px; }
.counts { display: flex; flex-wrap: wrap; gap: 1.5rem; margin: 0; padding: 0; list-style: none; }
.counts b { font-size: 1.3rem; }
.pass { --mark: var(--pass); } .fail { --mark: var(--fail); } .none { --mark: var(--none); }
.bar span { background: var(--mark); } .counts b, .mark { color: var(--mark); }
.groups a { display: inline-block; margin: .6rem .75rem 0 0; color: var(--mark); }
details, .row { padding: .4rem .6rem; border-left: 4px solid var(--mark); margin: .45rem 0; }
summary { position: relative; padding-right: 4rem; list-style: none; cursor: pointer; }
summary::-webkit-details-marker { display: none; }
summary::after { position: absolute; top: .1rem; right: 0; color: #56616f; font-size: .85rem;
                 content: "show"; text-decoration: underline; }
[open] > summary::after { content: "hide"; }
summary:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; }
.mark { display: inline-block; width: 3rem; font-weight: 700; font-size: .85rem; }
.name { font-weight: 600; } .sentence { margin: .1rem 0 0 3rem; color: #45505e; }
ul.reasons { margin: .35rem 0 .2rem 3rem; padding-left: 1.1rem; color: var(--mark);
             overflow-wrap: anywhere; }
.exchange { margin: .6rem 0 0 3rem; }
pre { margin: .25rem 0; padding: .6rem .8rem; background: #f4f6f9; border-radius: 6px;
      overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
code, pre { font: .84em/1.45 ui-monospace, monospace; }
"""
CODE = re.compile("`([^`]+)`")
KINDS = {
    Verdict.PASS: ("pass", "pass"),
    Verdict.FAIL: ("fail", "fail"),
    Verdict.NOT_APPLICABLE: ("none", "n/a"),
}


def as_html(report: Report) -> str:
    """Return the report as a page: numbers first, then every check with what shows its failure."""
    title = f"Conformance of {report.base_url}"
    groups = list(grouped(report.results))
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{_text(title)}</h1>",
        *_about(report),
        *_numbers(report),
        '<p class="groups">',
        *(_link(group, found) for group, found in groups),
        "</p>",
        *(line for group, found in groups for line in _group(group, found)),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _about(report: Report) -> Iterator[str]:
    when = report.began.strftime("%Y-%m-%d %H:%M UTC")
    graphs = ", ".join(sorted(report.cast.values())) or "none of those that checks need"
    version = report.server.get("version")
    served = f"server version {version} · " if version else ""
    yield f'<p class="about">{_text(served)}profile <b>{report.profile}</b> · {_text(when)} · '
    yield f"{report.seconds:.0f} s · checked by graphstead {__version__}</p>"
    yield f'<p class="about">Contract: {_text(report.contract)}. Graphs: {_text(graphs)}.</p>'


def _numbers(report: Report) -> Iterator[str]:
    numbers = [(kind, name, report.number(verdict)) for verdict, (kind, name) in KINDS.items()]
    bar = "".join(
        f'<span class="{kind}" style="flex: {number}"></span>' for kind, _, number in numbers
    )
    yield f'<div class="bar">{bar}</div><ul class="counts">'
    for kind, name, number in numbers:
        yield f'<li class="{kind}"><b>{number}</b> {name}</li>'
    yield "</ul>"


def _link(group: str, found: Iterable[Result]) -> str:
    failed = sum(one.verdict is Verdict.FAIL for one in found)
    kind = "fail" if failed else "pass"
    return f'<a class="{kind}" href="#{group}">{group}{f" ({failed})" if failed else ""}</a>'


def _group(group: str, found: list[Result]) -> Iterator[str]:
    passed = sum(one.verdict is Verdict.PASS for one in found)
    yield f'<h2 id="{group}">{group} <small>{passed} of {len(found)} pass</small></h2>'
    for verdict in (Verdict.FAIL, Verdict.NOT_APPLICABLE, Verdict.PASS):
        for one in found:
            if one.verdict is verdict:
                yield from _result(one)


def _result(one: Result) -> Iterator[str]:
    kind, name = KINDS[one.verdict]
    head = f'<span class="mark">{name}</span><span class="name">{_text(one.name)}</span>'
    reasons = "".join(f"<li>{_text(reason)}</li>" for reason in one.reasons)
    told = f'<p class="sentence">{_prose(one.sentence)}</p>'
    told += f'<ul class="reasons">{reasons}</ul>' if reasons else ""
    if not one.evidence:
        yield f'<div class="row {kind}">{head}{told}</div>'
        return
    yield f'<details class="{kind}"><summary>{head}{told}</summary>'
    yield from map(_exchange, one.evidence)
    yield "</details>"


def _exchange(exchange: Exchange) -> str:
    shown = excerpt(exchange)
    asked = "\n".join([shown["request"], *_lines(shown["request_headers"], shown["request_body"])])
    answered = "\n".join([str(shown["status"]), *_lines(shown["headers"], shown["body"])])
    return f'<div class="exchange"><pre>{_text(asked)}</pre><pre>{_text(answered)}</pre></div>'


def _lines(headers: dict[str, str], body: str) -> Iterator[str]:
    yield from (f"{name}: {value}" for name, value in headers.items())
    if body:
        yield _indented(body)


def _indented(body: str) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=1)
    except ValueError:
        return body


def _prose(text: str) -> str:
    return CODE.sub(r"<code>\1</code>", _text(text))


def _text(text: str) -> str:
    return html.escape(text)
