"""langgraph.json by environment: what images built for the reference server carry."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["CONFIG_VARIABLES", "GRAPHS_VARIABLE", "config_of_environment"]

GRAPHS_VARIABLE = "LANGSERVE_GRAPHS"
CONFIG_VARIABLES = {
    GRAPHS_VARIABLE: "graphs",
    "LANGGRAPH_AUTH": "auth",
    "LANGGRAPH_HTTP": "http",
    "LANGGRAPH_STORE": "store",
    "LANGGRAPH_CHECKPOINTER": "checkpointer",
    "LANGGRAPH_WEBHOOKS": "webhooks",
    "LANGGRAPH_ENCRYPTION": "encryption",
    "LANGGRAPH_UI": "ui",
    "LANGGRAPH_UI_CONFIG": "ui_config",
}


def config_of_environment(
    environment: Mapping[str, str], fault: Callable[[str, str], None]
) -> dict[str, Any]:
    """Return keys of langgraph.json that variables hold as JSON; they replace those of the file.

    What is no JSON object goes to `fault` as (variable, what was expected).
    """
    found: dict[str, Any] = {}
    for variable, key in CONFIG_VARIABLES.items():
        text = environment.get(variable, "").strip()
        if not text or text == "null":
            continue
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            fault(variable, f"not JSON: {error.msg} at character {error.pos}")
            continue
        if not isinstance(value, dict):
            fault(variable, "expected a JSON object")
        else:
            found[key] = value
    return found
