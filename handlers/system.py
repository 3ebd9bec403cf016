"""System: health, version, figures; the contract layer itself serves the contract and its page."""

from __future__ import annotations

from typing import Any

from graphstead.contract.answers import Raw
from graphstead.engine import Engine
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


async def system_metrics_metrics_get(*, format: str, engine: Engine) -> Raw | dict[str, Any]:
    """Tell the figures of the whole server, for Prometheus or as JSON."""
    if format == "json":
        return await engine.metrics.as_json()
    return Raw(await engine.metrics.as_text(), PROMETHEUS)
