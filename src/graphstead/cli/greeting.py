"""What `dev` and `serve` print once they serve: addresses, the data file, a line to try."""

from __future__ import annotations

import json
import os
import shlex
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from graphstead import __version__
from graphstead.settings import Settings

__all__ = ["curl_line", "example_input", "greeting", "open_page", "server_url", "studio_page"]

SHOWN_GRAPHS = 6
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


def server_url(host: str, port: int, *, secure: bool = False) -> str:
    """Return the address under which this machine reaches the server."""
    reachable = EVERYWHERE.get(host, host)
    return f"{'https' if secure else 'http'}://{reachable}:{port}"


def greeting(url: str, settings: Settings, graph_ids: Sequence[str], example: Any = None) -> str:
    """Return the lines to print; `example` is an input that the first graph takes, if known."""
    shown = ", ".join(graph_ids[:SHOWN_GRAPHS])
    rest = len(graph_ids) - SHOWN_GRAPHS
    lines = [
        f"graphstead {__version__} serves {shown}{f' and {rest} more' if rest > 0 else ''}",
        "",
        f"  API   {url}",
        f"  Docs  {url}/docs",
        f"  Data  {settings.database_name}",
    ]
    if example is not None:
        lines.append(f"  Try   {curl_line(url, graph_ids[0], example)}")
    return "\n".join([*lines, ""])


def curl_line(url: str, graph_id: str, example: Any) -> str:
    """Return a command that runs the graph once and prints its result."""
    body = json.dumps({"assistant_id": graph_id, "input": example})
    header = shlex.quote("Content-Type: application/json")
    return f"curl -s {url}/runs/wait -H {header} -d {shlex.quote(body)}"


def example_input(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return an input for a graph with this input schema: its first text, or a message."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    if "messages" in properties:
        return {"messages": [{"role": "user", "content": "hi"}]}
    for name, kind in properties.items():
        if isinstance(kind, dict) and kind.get("type", "string") == "string":
            return {name: "hi"}
    return {}


def studio_page(studio_url: str, url: str) -> str:
    """Return the Studio's address with this server as the one to look at."""
    return f"{studio_url.rstrip('/')}/studio/?baseUrl={quote(url, safe='')}"


def open_page(page: str) -> None:
    """Open a browser window where a person sits in front of one."""
    graphical = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if graphical and sys.stdout.isatty():
        webbrowser.open(page)
