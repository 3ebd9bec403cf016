"""Pages of a search: what was asked for, what is shown, what comes next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graphstead.storage.rows import Json, Page


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a search: rows in wire form, the true total, the next offset if there is more."""

    rows: list[Json]
    total: int
    next_offset: int | None

    @property
    def headers(self) -> dict[str, str]:
        """Return the pagination headers."""
        headers = {"x-pagination-total": str(self.total)}
        if self.next_offset is not None:
            headers["x-pagination-next"] = str(self.next_offset)
        return headers


def found(rows: list[Json], total: int, page: Page) -> Found:
    """Put a page together."""
    end = page.offset + len(rows)
    return Found(rows, total, end if end < total else None)


def page_of(body: Mapping[str, Any]) -> Page:
    """Read limit, offset and sorting of a search body."""
    return Page(
        limit=body.get("limit", 10),
        offset=body.get("offset", 0),
        sort_by=body.get("sort_by") or "created_at",
        descending=(body.get("sort_order") or "desc") == "desc",
    )


def project(body: Json, select: Iterable[str] | None) -> Json:
    """Keep the selected members; all of them where none is selected."""
    chosen = frozenset(select or ())
    return {key: value for key, value in body.items() if key in chosen} if chosen else body
