"""The results of a check as text, JSON and JUnit XML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

from graphstead import __version__
from graphstead.conformance.checking import Result, Verdict
from graphstead.conformance.conform import Report
from graphstead.conformance.exchange import Exchange

__all__ = ["as_json", "as_junit", "as_text", "excerpt", "grouped", "line_of"]

MARKS = {Verdict.PASS: "pass", Verdict.FAIL: "FAIL", Verdict.NOT_APPLICABLE: "n/a"}
SENT, ANSWERED = 600, 1200
TOLD_HEADERS = frozenset({"content-type", "location", "content-location", "last-event-id"})


def grouped(results: Iterable[Result]) -> Iterator[tuple[str, list[Result]]]:
    """Yield the results by group; groups and results keep their order."""
    found: dict[str, list[Result]] = {}
    for one in results:
        found.setdefault(one.group, []).append(one)
    yield from found.items()


def line_of(one: Result) -> str:
    """Return a result as one line, and a line for each reason."""
    first = f"{MARKS[one.verdict]:4}  {one.check_id}"
    return "\n".join([first, *(f"        {reason}" for reason in one.reasons)])


def as_text(report: Report) -> str:
    """Return the summary: a line for each group, then the numbers."""
    lines = []
    for group, found in grouped(report.results):
        counts = ", ".join(
            f"{number} {verdict.value}"
            for verdict in Verdict
            if (number := sum(one.verdict is verdict for one in found))
        )
        lines.append(f"{group:12} {counts}")
    total = ", ".join(f"{report.number(verdict)} {verdict.value}" for verdict in Verdict)
    lines += ["", f"{report.base_url}, profile {report.profile}: {total}; {report.seconds:.0f} s"]
    return "\n".join(lines)


def as_json(report: Report) -> str:
    """Return everything as one JSON object."""
    told = {
        "url": report.base_url,
        "profile": report.profile,
        "contract": report.contract,
        "checked_by": f"graphstead {__version__}",
        "server": report.server,
        "graphs": report.cast,
        "began_at": report.began.isoformat(),
        "seconds": round(report.seconds, 3),
        "counts": {verdict.value: report.number(verdict) for verdict in Verdict},
        "results": [_row(one) for one in report.results],
    }
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def _row(one: Result) -> dict[str, Any]:
    return {
        "id": one.check_id,
        "group": one.group,
        "name": one.name,
        "sentence": one.sentence,
        "verdict": one.verdict.value,
        "reasons": list(one.reasons),
        "seconds": round(one.seconds, 3),
        "evidence": [excerpt(exchange) for exchange in one.evidence],
    }


def excerpt(exchange: Exchange) -> dict[str, Any]:
    """Return the telling part of an exchange; secrets in headers are left out."""
    return {
        "request": f"{exchange.method} {exchange.url}",
        "request_headers": _headers(exchange.request_headers),
        "request_body": _cut(exchange.request_body, SENT),
        "status": exchange.status,
        "headers": _headers(exchange.headers),
        "body": _cut(exchange.body, ANSWERED),
    }


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() in TOLD_HEADERS}


def _cut(content: bytes, length: int) -> str:
    text = content.decode(errors="replace")
    return text if len(text) <= length else f"{text[:length]}… ({len(content)} bytes)"


def as_junit(report: Report) -> str:
    """Return a JUnit file: a suite for each group, a case for each check."""
    root = ElementTree.Element(
        "testsuites",
        name=f"graphstead conform {report.base_url}",
        tests=str(len(report.results)),
        failures=str(report.number(Verdict.FAIL)),
        errors="0",
        time=f"{report.seconds:.3f}",
    )
    for group, found in grouped(report.results):
        _suite(root, group, found, report)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(root: ElementTree.Element, group: str, found: list[Result], report: Report) -> None:
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        name=group,
        tests=str(len(found)),
        failures=str(sum(one.verdict is Verdict.FAIL for one in found)),
        errors="0",
        skipped=str(sum(one.verdict is Verdict.NOT_APPLICABLE for one in found)),
        time=f"{sum(one.seconds for one in found):.3f}",
        timestamp=report.began.strftime("%Y-%m-%dT%H:%M:%S"),
    )
    for one in found:
        _case(suite, one)


def _case(suite: ElementTree.Element, one: Result) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", name=one.name, classname=one.group, time=f"{one.seconds:.3f}"
    )
    told = _printable("; ".join(one.reasons))
    if one.verdict is Verdict.NOT_APPLICABLE:
        ElementTree.SubElement(case, "skipped", message=told)
    if one.verdict is Verdict.FAIL:
        failure = ElementTree.SubElement(case, "failure", message=told, type="conformance")
        evidence = [excerpt(exchange) for exchange in one.evidence]
        shown = json.dumps(evidence, ensure_ascii=False, indent=1)
        failure.text = _printable(f"{one.sentence}\n{shown}")


def _printable(text: str) -> str:
    """Replace what XML cannot hold."""
    return "".join(char if char >= " " or char in "\n\t" else "\ufffd" for char in text)
