"""Pages of lists: a cursor is the number of what came before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphstead.engine.mcp.messages import invalid_params
from graphstead.storage.rows import Json

PAGE = 100
LARGEST_OFFSET = 2**53


@dataclass(frozen=True, slots=True)
class Pager:
    """Where a page begins."""

    offset: int

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Pager:
        """Read `cursor`. Raises RpcFault for one that no answer held."""
        cursor = params.get("cursor")
        if cursor is None:
            return cls(0)
        digits = isinstance(cursor, str) and cursor.isascii() and cursor.isdigit()
        if not digits or int(cursor[:20]) > LARGEST_OFFSET:
            raise invalid_params("params.cursor must be the nextCursor of an earlier page")
        return cls(int(cursor))

    @property
    def body(self) -> Json:
        """Return the page as searches take it."""
        return {"limit": PAGE, "offset": self.offset}

    def behind(self, before: int) -> Pager:
        """Return where the page begins in a list that comes after `before` other things."""
        return Pager(max(0, self.offset - before))

    def result(self, name: str, page: list[Json], total: int) -> Json:
        """Return the page, with `nextCursor` where more follows."""
        end = self.offset + len(page)
        more = {"nextCursor": str(end)} if page and end < total else {}
        return {name: page, **more}
