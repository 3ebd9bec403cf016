"""Serve what is derived from the contract: reference pages, skill bundles, llms.txt.

Answered before routing like `/docs` itself. Nothing is made before somebody asks for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Receive, Scope, Send

from graphstead.contract.docs import StaticFile
from graphstead.contract.route import CUSTOM
from graphstead.problems import NotFound

if TYPE_CHECKING:
    from graphstead.derive.library import Library

__all__ = ["PagesMiddleware"]

TEXT, MARKDOWN = "text/plain; charset=utf-8", "text/markdown; charset=utf-8"
HTML, ZIP, JSON = "text/html; charset=utf-8", "application/zip", "application/schema+json"
YAML = "application/yaml"
STYLE = ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'")
TYPES = {"md": MARKDOWN, "json": JSON, "yaml": YAML}


class PagesMiddleware:
    """Answer GET below ``/docs/``, ``/skills/`` and the two indexes; let everything else pass."""

    def __init__(self, app: ASGIApp, document: Mapping[str, Any], base_path: str = "") -> None:
        self.app = app
        self._document = document
        self._base_path = base_path
        self._made: dict[str, StaticFile] = {}
        self._finders: dict[str, Callable[[str], StaticFile | None]] = {
            "docs": self._page,
            "skills": self._skill,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file of the path. Raises NotFound where a folder of ours has no such file."""
        theirs = scope["type"] != "http" or CUSTOM in scope["extensions"]
        path = None if theirs else self._inner(scope)
        if path is None:
            await self.app(scope, receive, send)
            return
        if path not in self._made:
            found = await asyncio.to_thread(self._make, path)
            if found is None:
                raise NotFound(f"'/{path}' not found; /llms.txt lists what there is")
            self._made[path] = found
        await self._made[path].send(scope, send)

    def _inner(self, scope: Scope) -> str | None:
        """Return the path without its first slash where it is one of ours."""
        path: str = scope["path"]
        root: str = scope.get("root_path", "")
        if root and path.startswith(root):
            path = path[len(root) :]
        path = path.removeprefix(self._base_path)
        ours = path.startswith(("/docs/", "/skills/")) or path in ("/llms.txt", "/llms-full.txt")
        return path[1:] if ours and scope["method"] in ("GET", "HEAD") else None

    def _make(self, path: str) -> StaticFile | None:
        folder, _, rest = path.partition("/")
        if folder in self._finders:
            return self._finders[folder](rest)
        text = self._library.full if folder == "llms-full.txt" else self._library.index
        return _file(text, TEXT)

    @cached_property
    def _library(self) -> Library:
        from graphstead.derive.library import Library

        return Library(self._document)

    def _page(self, name: str) -> StaticFile | None:
        from graphstead.derive.html import as_html

        bare = name.removesuffix(".md")
        text = self._library.page(bare)
        if text is None:
            return None
        if bare != name:
            return _file(text, MARKDOWN)
        return _file(as_html(self._library.title(bare), text), HTML, STYLE)

    def _skill(self, name: str) -> StaticFile | None:
        bundle, _, path = name.partition("/")
        if not path:
            archive = self._library.archive(bundle.removesuffix(".zip"))
            return None if archive is None else StaticFile(archive, ZIP, "no-cache")
        text = (self._library.skill(bundle) or {}).get(path)
        return None if text is None else _file(text, TYPES[path.rpartition(".")[2]])


def _file(text: str, media_type: str, *extra: tuple[str, str]) -> StaticFile:
    return StaticFile(text.encode(), media_type, "no-cache", *extra)
