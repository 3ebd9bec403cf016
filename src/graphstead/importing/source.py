"""Another Agent Server, read through its public API: pages of what it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from graphstead.storage.rows import Json

__all__ = ["Source", "SourceFault"]

PAGE = 100
HISTORY_PAGE = 100
TIMEOUT = httpx.Timeout(120, connect=10)


class SourceFault(Exception):
    """The other server cannot be reached, or does not answer as an Agent Server does."""


class Source:
    """Reads one server; `headers` go with every request."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self.url = url.rstrip("/")
        self._client = httpx.Client(base_url=self.url, headers=dict(headers), timeout=TIMEOUT)

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def assistants(self) -> Iterator[Json]:
        """Yield every assistant in its newest version."""
        yield from self._pages("/assistants/search", {})

    def threads(self) -> Iterator[Json]:
        """Yield every thread, the oldest first."""
        order = {"sort_by": "created_at", "sort_order": "asc"}
        yield from self._pages("/threads/search", order)

    def crons(self) -> Iterator[Json]:
        """Yield every cron."""
        yield from self._pages("/runs/crons/search", {})

    def history(self, thread_id: str) -> list[Json]:
        """Return every state of a thread, the oldest first."""
        states: list[Json] = []
        before: Json | None = None
        while True:
            body: Json = {"limit": HISTORY_PAGE} | ({"before": before} if before else {})
            page = self._post(f"/threads/{thread_id}/history", body)
            states.extend(page)
            if len(page) < HISTORY_PAGE:
                return states[::-1]
            before = {"configurable": page[-1]["checkpoint"]}

    def items(self) -> Iterator[Json]:
        """Yield every item of the store once."""
        for first in dict.fromkeys(labels[0] for labels in self._namespaces() if labels):
            offset = 0
            while True:
                body = {"namespace_prefix": [first], "limit": PAGE, "offset": offset}
                found = self._post("/store/items/search", body)["items"]
                yield from found
                if len(found) < PAGE:
                    break
                offset += PAGE

    def _namespaces(self) -> Iterator[list[str]]:
        offset = 0
        while True:
            body = {"max_depth": 1, "limit": PAGE, "offset": offset}
            found = self._post("/store/namespaces", body)["namespaces"]
            yield from found
            if len(found) < PAGE:
                return
            offset += PAGE

    def _pages(self, path: str, body: Json) -> Iterator[Json]:
        offset = 0
        while True:
            page = self._post(path, {**body, "limit": PAGE, "offset": offset})
            yield from page
            if len(page) < PAGE:
                return
            offset += PAGE

    def _post(self, path: str, body: Json) -> Any:
        try:
            answer = self._client.post(path, json=body)
        except httpx.HTTPError as error:
            raise SourceFault(f"{self.url}{path}: {error or type(error).__name__}") from error
        if answer.status_code >= 400:
            raise SourceFault(f"{self.url}{path} answered {answer.status_code}: {_detail(answer)}")
        try:
            return answer.json()
        except ValueError as error:
            raise SourceFault(f"{self.url}{path} did not answer JSON") from error


def _detail(answer: httpx.Response) -> str:
    try:
        told = answer.json()
    except ValueError:
        return answer.text[:200]
    return str(told.get("detail", told) if isinstance(told, dict) else told)[:200]
