"""System: health and version; the contract and its page are served by the contract layer."""

from __future__ import annotations

from typing import Any

from graphstead.engine import Engine


async def health_check_ok_get(*, check_db: int, engine: Engine) -> dict[str, Any]:
    """Say whether the server is up."""
    return await engine.system.health(check_db=bool(check_db))


async def root_get(*, check_db: int, engine: Engine) -> dict[str, Any]:
    """The same as `/ok`."""
    return await engine.system.health(check_db=bool(check_db))


async def server_info_info_get(*, engine: Engine) -> dict[str, Any]:
    """Name versions and capabilities."""
    return engine.system.info()
