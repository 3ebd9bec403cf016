"""Finding threads: filters, the members of a row that are wanted, values picked by path."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from graphstead.engine.access import Grant
from graphstead.engine.pages import page_of
from graphstead.engine.thread_rows import thread_body
from graphstead.storage.rows import Json, Page, ThreadFilter, ThreadRow

# A search counts what follows its page no further, however many threads there are.
COUNTED_AHEAD = 10_000
STEP = re.compile(r"\.?([^.\[\]]+)|\[(-?\d+)\]")


def asked_of_rule(body: Mapping[str, Any], limit: int, offset: int) -> Json:
    """Return what a rule for threads.search sees."""
    return {
        "metadata": body.get("metadata") or {},
        "values": body.get("values") or {},
        "status": body.get("status"),
        "ids": body.get("ids"),
        "limit": limit,
        "offset": offset,
    }


def filter_of(body: Mapping[str, Any], grant: Grant) -> ThreadFilter:
    """Read the conditions of a search or count; an empty one is no condition."""
    body = grant.over(body, "metadata", "values", "status", "ids")
    return ThreadFilter(
        metadata=body.get("metadata") or None,
        values=body.get("values") or None,
        status=body.get("status"),
        thread_ids=body.get("ids") or None,
        access=grant.condition,
    )


def thread_page(body: Mapping[str, Any]) -> Page:
    """Read limit, offset and order; threads changed last come first unless told otherwise."""
    return page_of({"sort_by": "updated_at", **body})


def found_body(row: ThreadRow, body: Mapping[str, Any]) -> Json:
    """Return a found thread with what `select` and `extract` ask for."""
    whole = thread_body(row)
    chosen: Sequence[str] = body.get("select") or ()
    shown = {name: whole[name] for name in chosen} if chosen else dict(whole)
    paths: Mapping[str, str] = body.get("extract") or {}
    if paths:
        shown["extracted"] = {alias: extract(whole, path) for alias, path in paths.items()}
    return shown


def extract(whole: Any, path: str) -> Any:
    """Follow a path such as `values.messages[-1].content`; None where it leads nowhere."""
    for name, index in STEP.findall(path):
        whole = _item(whole, int(index)) if index else _member(whole, name)
    return whole


def _member(whole: Any, name: str) -> Any:
    return whole.get(name) if isinstance(whole, Mapping) else None


def _item(whole: Any, index: int) -> Any:
    if isinstance(whole, list) and -len(whole) <= index < len(whole):
        return whole[index]
    return None
