"""Serve the document and a page to read it with: from the package alone, no CDN, no network.

Both are contract operations; they are answered here, before routing, because their bytes never
change while the server runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from graphstead.contract.load import Document
from graphstead.contract.switches import HEALTH_PATH

__all__ = ["BareHealthMiddleware", "DocsMiddleware", "StaticFile", "served_at", "with_security"]

ASSETS = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon-32x32.png": "image/png",
    "start.js": "text/javascript; charset=utf-8",
    "LICENSE": "text/plain; charset=utf-8",
    "NOTICE": "text/plain; charset=utf-8",
}
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{title}</title>
  <link rel="stylesheet" href="{base}/docs/assets/swagger-ui.css">
  <link rel="icon" type="image/png" href="{base}/docs/assets/favicon-32x32.png">
</head>
<body>
  <nav style="padding: .6rem 1.2rem; font: 15px system-ui, sans-serif">
    <a href="{base}/docs/guides/index">Guides</a>
  </nav>
  <div id="docs" data-document="{base}/openapi.json"></div>
  <script src="{base}/docs/assets/swagger-ui-bundle.js"></script>
  <script src="{base}/docs/assets/start.js"></script>
</body>
</html>
"""


class StaticFile:
    """Bytes that are ready to go, with their entity tag."""

    def __init__(
        self, content: bytes, media_type: str, cache: str, *extra: tuple[str, str]
    ) -> None:
        self.content = content
        self.etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'.encode()
        shared = [
            (b"etag", self.etag),
            (b"cache-control", cache.encode()),
            *((name.encode(), value.encode()) for name, value in extra),
        ]
        self.not_modified = shared
        self.headers = [
            (b"content-type", media_type.encode()),
            (b"content-length", str(len(content)).encode()),
            *shared,
        ]

    async def send(self, scope: Scope, send: Send) -> None:
        if self._is_known(scope):
            status, headers, content = 304, self.not_modified, b""
        else:
            status, headers, content = 200, self.headers, self.content
        if scope["method"] == "HEAD":
            content = b""
        await send({"type": "http.response.start", "status": status, "headers": [*headers]})
        await send({"type": "http.response.body", "body": content})

    def _is_known(self, scope: Scope) -> bool:
        for name, value in scope["headers"]:
            if name == b"if-none-match":
                tags = [tag.strip().removeprefix(b"W/") for tag in value.split(b",")]
                return b"*" in tags or self.etag in tags
        return False


class DocsMiddleware:
    """Answer ``/openapi.json``, ``/docs`` and its assets; let everything else pass."""

    def __init__(self, app: ASGIApp, document: Mapping[str, Any], base_path: str = "") -> None:
        self.app = app
        self._base_path = base_path
        self._prefix = f"{base_path}/docs/assets/"
        self._assets: dict[str, StaticFile] = {}
        page = StaticFile(
            _page(document, base_path),
            "text/html; charset=utf-8",
            "no-cache",
            ("content-security-policy", POLICY),
        )
        self._pages = {
            f"{base_path}/openapi.json": StaticFile(
                orjson.dumps(served_at(document, base_path)), "application/json", "no-cache"
            ),
            f"{base_path}/docs": page,
            f"{base_path}/docs/": page,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look for the exact path; two dictionary look-ups for everybody else."""
        found = self._find(scope) if scope["type"] == "http" else None
        if found is None:
            await self.app(scope, receive, send)
        else:
            await found.send(scope, send)

    def _find(self, scope: Scope) -> StaticFile | None:
        path: str = scope["path"]
        root: str = scope.get("root_path", "")
        if root and path.startswith(root):
            path = path[len(root) :]
        if scope["method"] not in ("GET", "HEAD"):
            return None
        if path.startswith(self._prefix):
            return self._asset(path[len(self._prefix) :])
        return self._pages.get(path)

    def _asset(self, name: str) -> StaticFile | None:
        if name not in ASSETS:
            return None
        if name not in self._assets:
            content = files("graphstead.contract").joinpath("docs_assets", name).read_bytes()
            self._assets[name] = StaticFile(content, ASSETS[name], "public, max-age=86400")
        return self._assets[name]


def with_security(document: Mapping[str, Any], added: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the document with what an installation says of its own security.

    `securitySchemes` join ours, `security` takes the place of ours, members of an operation in
    `paths` go over those it has.
    """
    if not added:
        return document
    components = document.get("components", {})
    schemes = {**components.get("securitySchemes", {}), **added.get("securitySchemes", {})}
    paths = dict(document.get("paths", {}))
    for path, operations in added.get("paths", {}).items():
        known = paths.get(path, {})
        paths[path] = {**known, **{m: {**known.get(m, {}), **o} for m, o in operations.items()}}
    return {
        **document,
        "security": added.get("security", document.get("security", [])),
        "components": {**components, "securitySchemes": schemes},
        "paths": paths,
    }


class BareHealthMiddleware:
    """Answer ``/ok`` alone, by bytes: for a server that shall tell nothing of itself."""

    def __init__(self, app: ASGIApp, base_path: str = "") -> None:
        self.app = app
        self._paths = frozenset({HEALTH_PATH, base_path + HEALTH_PATH})
        self._alive = StaticFile(b'{"ok":true}', "application/json", "no-store")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look for the exact path."""
        asked = scope["type"] == "http" and scope["path"] in self._paths
        if asked and scope["method"] in ("GET", "HEAD"):
            await self._alive.send(scope, send)
        else:
            await self.app(scope, receive, send)


def served_at(document: Mapping[str, Any], base_path: str) -> Document:
    """Point ``servers`` at this server unless the document names some."""
    if base_path or not document.get("servers"):
        return {**document, "servers": [{"url": base_path or "/"}]}
    return dict(document)


def _page(document: Mapping[str, Any], base_path: str) -> bytes:
    title = str(document.get("info", {}).get("title", "API"))
    escaped = title.replace("&", "&amp;").replace("<", "&lt;")
    return PAGE.format(title=escaped, base=base_path).encode()
