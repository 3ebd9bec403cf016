"""Prefix and CORS of a process: the settings go before langgraph.json, both before defaults."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from graphstead.graphs import Project
from graphstead.graphs.http_config import CorsConfig, read_cors, read_prefix
from graphstead.problems import StartupError
from graphstead.settings import Settings

if TYPE_CHECKING:
    from graphstead.contract.middleware import CorsPolicy

__all__ = ["cors_policy", "mount_prefix"]


class _Faults(list[str]):
    def __call__(self, key: str, expected: str) -> None:
        self.append(f"{key}: {expected}")

    def refuse(self) -> None:
        if self:
            raise StartupError(self)


def mount_prefix(settings: Settings, project: Project) -> str:
    """Return the path everything is served below, empty for none. Raises StartupError."""
    if settings.mount_prefix is None:
        return project.http.mount_prefix
    faults = _Faults()
    prefix = read_prefix(settings.mount_prefix, "mount_prefix (MOUNT_PREFIX)", faults)
    faults.refuse()
    return prefix


def cors_policy(settings: Settings, project: Project) -> CorsPolicy:
    """Return the rules for browsers. Raises StartupError for a CORS_CONFIG that means nothing.

    Named origins alone may send credentials, as in the reference. Rules that are written out
    replace the defaults, yet a page that is let in may use every method, send every header and
    read ours unless they name others: without them no SDK works.
    """
    # Imported here: `serve` asks for the prefix alone, and its children serve.
    from graphstead.contract.middleware import CorsPolicy

    faults = _Faults()
    named = "cors_config (CORS_CONFIG)"
    config = read_cors(_json(settings.cors_config, named, faults), named, faults)
    faults.refuse()
    config = config or project.http.cors
    if config is None:
        origins = settings.cors_allow_origins
        return CorsPolicy(allow_origins=origins, allow_credentials="*" not in origins)
    return _policy(config)


def _json(text: str | None, key: str, faults: _Faults) -> Any:
    try:
        return None if text is None else json.loads(text)
    except json.JSONDecodeError as error:
        faults(key, f"not JSON: {error.msg} at character {error.pos}")
        return None


def _policy(config: CorsConfig) -> CorsPolicy:
    from starlette.middleware.cors import ALL_METHODS

    from graphstead.contract.middleware import EXPOSED_HEADERS, CorsPolicy

    def named(value: Any, default: Any) -> Any:
        return default if value is None else value

    return CorsPolicy(
        allow_origins=config.allow_origins,
        allow_origin_regex=config.allow_origin_regex,
        allow_methods=named(config.allow_methods, ALL_METHODS),
        allow_headers=named(config.allow_headers, ("*",)),
        allow_credentials=config.allow_credentials,
        expose_headers=named(config.expose_headers, EXPOSED_HEADERS),
        max_age_s=config.max_age,
    )
