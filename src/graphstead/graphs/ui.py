"""`ui` of langgraph.json: components that a graph brings along, bundled by the project's esbuild.

A file that ends in `.cjs` is a bundle already, with a `.css` of the same name beside it or none.
What a page loads from here is one script per graph. It asks the page for React and for what
`ui_config.shared` names, and hands a component to `LoadExternalComponent` of the JavaScript SDK.
"""

from __future__ import annotations

import asyncio
import html
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphstead.problems import Conflict, NotFound

__all__ = ["Interfaces", "UiConfig", "read_ui"]

Fault = Callable[[str, str], None]
BUILD_S = 60.0
PROVIDED = (
    "react",
    "react-dom",
    "react/jsx-runtime",
    "@langchain/langgraph-sdk/react",
    "@langchain/langgraph-sdk/react-ui",
)
SCRIPT, STYLE = "entrypoint.js", "entrypoint.css"
MEDIA_TYPES = {SCRIPT: "text/javascript; charset=utf-8", STYLE: "text/css; charset=utf-8"}
IMAGES = ("png", "jpg", "jpeg", "gif", "svg", "webp", "woff", "woff2")
BUNDLED = ".cjs"
# A bundle is a CommonJS module whose `require` is what the page offers; it exports components.
WRAPPED = b"""\
var %s = (function (require) {
  var module = { exports: {} }, exports = module.exports;
%s
  var components = module.exports.default || module.exports;
  return {
    render: function (name, shadowRootId) {
      if (!components[name]) throw new Error(name + " is no component of this graph");
      var target = document.createElement("div");
      document.getElementById(shadowRootId).shadowRoot.appendChild(target);
      window[Symbol.for("LGUI_EXT_STORE")].respond(shadowRootId, components[name], target);
    },
  };
})(window[Symbol.for("LGUI_REQUIRE")]);
"""


@dataclass(frozen=True, slots=True)
class UiConfig:
    """The file of each graph, and the packages that pages bring besides `PROVIDED`."""

    files: Mapping[str, str] = field(default_factory=dict)
    shared: tuple[str, ...] = ()


def read_ui(given: Any, config: Any, root: Path, fault: Fault) -> UiConfig:
    """Read `ui` and `ui_config`; what is wrong with them goes to `fault`."""
    files: dict[str, str] = {}
    if given is not None and not isinstance(given, dict):
        fault("ui", f"expected an object of graph id to file, found {given!r}")
        given = None
    for graph_id, path in (given or {}).items():
        if not isinstance(path, str) or not (root / path).is_file():
            fault(f"ui.{graph_id}", f"expected a file beside this one, found {path!r}")
        else:
            files[graph_id] = path
    shared = (config or {}).get("shared", []) if isinstance(config or {}, dict) else None
    if not isinstance(shared, list) or not all(isinstance(one, str) for one in shared):
        fault("ui_config", "expected an object with a list of packages, shared")
        shared = []
    return UiConfig(files, tuple(shared))


@dataclass(frozen=True, slots=True)
class _Bundle:
    """What esbuild made, and the state of the files that it read."""

    files: Mapping[str, bytes]
    read: Mapping[Path, int]

    def is_fresh(self) -> bool:
        """Tell whether every file is as it was."""
        return self.read == _times(self.read)


class Interfaces:
    """The components of all graphs, bundled when asked for and again when a file has changed."""

    def __init__(self, root: Path, config: UiConfig) -> None:
        self._root = root
        self._config = config
        self._bundles: dict[str, _Bundle] = {}
        self._building = asyncio.Lock()

    async def fragment(self, graph_id: str, name: str, base_url: str) -> bytes:
        """Return HTML that loads a component where the client puts it, from this server.

        Without the scheme, as a proxy may have taken TLS off before it asked here.
        Raises NotFound for a graph without components, Conflict where they cannot be built.
        """
        bundle = await self._bundle(graph_id)
        place = f"{base_url.partition(':')[2]}/ui/{graph_id}"
        call = f"{_global(graph_id)}.render({json.dumps(name)}, '{{{{shadowRootId}}}}')"
        script = f'<script src="{_text(f"{place}/{SCRIPT}")}" onload="{_text(call)}"></script>'
        style = f'<link rel="stylesheet" href="{_text(f"{place}/{STYLE}")}">'
        return (f"{style}\n{script}" if STYLE in bundle.files else script).encode()

    async def asset(self, graph_id: str, name: str) -> tuple[bytes, str]:
        """Return a file of the graph's bundle with its media type. Raises as `fragment`."""
        content = (await self._bundle(graph_id)).files.get(name)
        if content is None:
            raise NotFound(f"The interface of graph '{graph_id}' has no file '{name}'")
        return content, MEDIA_TYPES[name]

    async def _bundle(self, graph_id: str) -> _Bundle:
        file = self._config.files.get(graph_id)
        if file is None:
            raise NotFound(f"Graph '{graph_id}' has no interface: ui of langgraph.json names none")
        async with self._building:
            known = self._bundles.get(graph_id)
            if known is not None and await asyncio.to_thread(known.is_fresh):
                return known
            bundle = await self._build(graph_id, (self._root / file).resolve())
            self._bundles[graph_id] = bundle
            return bundle

    async def _build(self, graph_id: str, file: Path) -> _Bundle:
        if file.suffix == BUNDLED:
            files = (file, file.with_suffix(".css"))
            return await asyncio.to_thread(_taken, graph_id, *files, files)
        esbuild = _esbuild(file)
        if esbuild is None:
            raise Conflict(
                f"The interface of graph '{graph_id}' cannot be built: esbuild is not installed "
                "in the project; npm install esbuild"
            )
        with tempfile.TemporaryDirectory(prefix="graphstead-ui-") as folder:
            out = Path(folder)
            command = [str(esbuild), str(file), *_options(out, self._config.shared)]
            code, told = await _run(command, file.parent)
            if code:
                raise Conflict(f"The interface of graph '{graph_id}' cannot be built: {told}")
            return await asyncio.to_thread(_built, graph_id, out, file.parent)


def _options(out: Path, shared: Sequence[str]) -> Iterator[str]:
    yield from ("--bundle", "--format=cjs", "--jsx=automatic", "--minify", "--target=es2020")
    yield from (f"--outfile={out / SCRIPT}", f"--metafile={out / 'meta.json'}")
    yield from ("--log-level=error", "--color=false")
    yield from (f"--external:{name}" for name in (*PROVIDED, *shared))
    yield from (f"--loader:.{kind}=dataurl" for kind in IMAGES)


async def _run(command: Sequence[str], folder: Path) -> tuple[int, str]:
    """Run esbuild; return its exit code and what it complains of."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(BUILD_S):
            _, told = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return 1, f"esbuild took longer than {BUILD_S:g} s"
    return process.returncode or 0, " ".join(told.decode(errors="replace").split())[:500]


def _built(graph_id: str, out: Path, folder: Path) -> _Bundle:
    inputs = json.loads((out / "meta.json").read_text())["inputs"]
    return _taken(graph_id, out / SCRIPT, out / STYLE, [folder / name for name in inputs])


def _taken(graph_id: str, script: Path, style: Path, read: Iterable[Path]) -> _Bundle:
    files = {SCRIPT: WRAPPED % (_global(graph_id).encode(), script.read_bytes())}
    if style.is_file():
        files[STYLE] = style.read_bytes()
    return _Bundle(files, _times(read))


def _times(paths: Iterable[Path]) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns if path.exists() else 0 for path in paths}


def _esbuild(file: Path) -> Path | None:
    """Return the esbuild that a script beside this file would find."""
    for folder in file.parents:
        found = folder / "node_modules" / ".bin" / "esbuild"
        if found.exists():
            return found
    return None


def _global(graph_id: str) -> str:
    return "__LGUI_" + re.sub(r"\W", "_", graph_id)


def _text(value: str) -> str:
    return html.escape(value)
