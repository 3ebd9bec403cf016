"""System: health, version, figures; the contract layer itself serves the contract and its page."""

from __future__ import annotations

from typing import Any

from graphstead.contract.answers import Raw
from graphstead.engine import Engine
from graphstead.engine.callers import Asked
from graphstead.engine.metrics import PROMETHEUS


async def health_check_ok_get(*, check_db: int, engine: Engine) -> dict[str, Any]:
    """Say whether the server is up."""
    return await engine.system.health(check_db=bool(check_db))


async def root_get(*, check_db: int, engine: Engine) -> dict[str, Any]:
    """The same as `/ok`."""
    return await engine.system.health(check_db=bool(check_db))


async def server_info_info_get(*, engine: Engine) -> dict[str, Any]:
    """Name versions and capabilities."""
    return engine.system.info()


async def ui_post(*, graph: str, body: dict[str, Any], engine: Engine, asked: Asked) -> Raw:
    """Give the HTML that loads a component of a graph."""
    fragment = await engine.interfaces.fragment(graph, body["name"], asked.base_url)
    return Raw(fragment, "text/html")


async def ui_asset_get(*, graph: str, asset: str, engine: Engine) -> Raw:
    """Give a file of a graph's components."""
    content, media_type = await engine.interfaces.asset(graph, asset)
    return Raw(content, media_type, {"cache-control": "no-cache"})


async def system_metrics_metrics_get(*, format: str, engine: Engine) -> Raw | dict[str, Any]:
    """Tell the figures of the whole server, for Prometheus or as JSON."""
    if format == "json":
        return await engine.metrics.as_json()
    return Raw(await engine.metrics.as_text(), PROMETHEUS)
