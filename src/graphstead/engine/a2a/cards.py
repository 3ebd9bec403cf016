"""Agent cards: what an assistant tells other agents about itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphstead.engine.a2a.dialects import Dialect
from graphstead.storage.rows import Json

__all__ = ["HISTORY_SCOPE_HEADER", "Profile", "card", "profile_of"]

TEXT_AND_DATA = ("application/json", "text/plain")
DATA_ONLY = ("application/json",)
BINDING = "JSONRPC"
HISTORY_SCOPE_HEADER = b"langgraph-a2a-history-scope"
HISTORY_SCOPE: Json = {
    "uri": "https://langchain.com/a2a/extensions/history-scope/v1",
    "description": "Whether a task's history is that of its whole context or its own alone",
    "required": False,
    "params": {
        "header": "LangGraph-A2A-History-Scope",
        "values": ["context", "task"],
        "default": "context",
        "methods": ["SendMessage", "GetTask", "ListTasks"],
    },
}
SCHEMES: Json = {
    "apiKey": {"apiKeySecurityScheme": {"location": "header", "name": "X-Api-Key"}},
    "bearer": {"httpAuthSecurityScheme": {"scheme": "Bearer"}},
}


@dataclass(frozen=True, slots=True)
class Profile:
    """What an assistant takes and gives: members of its graph's input, media types.

    `own_input_modes` are those that its metadata name, and then the only ones it takes.
    """

    keys: Sequence[str]
    required: Sequence[str]
    own_input_modes: Sequence[str] | None
    own_output_modes: Sequence[str] | None

    @property
    def converses(self) -> bool:
        """Tell whether the graph takes messages."""
        return "messages" in self.keys

    @property
    def input_modes(self) -> list[str]:
        return list(self.own_input_modes or (TEXT_AND_DATA if self.converses else DATA_ONLY))

    @property
    def output_modes(self) -> list[str]:
        return list(self.own_output_modes or TEXT_AND_DATA)


def profile_of(assistant: Json, input_schema: Mapping[str, Any] | None) -> Profile:
    """Read what an assistant takes from its graph's schema and its own metadata."""
    schema = input_schema or {}
    wishes = assistant["metadata"].get("a2a")
    wishes = wishes if isinstance(wishes, Mapping) else {}
    return Profile(
        keys=list(schema.get("properties") or ()),
        required=list(schema.get("required") or ()),
        own_input_modes=_modes(wishes.get("input_modes")),
        own_output_modes=_modes(wishes.get("output_modes")),
    )


def _modes(given: Any) -> list[str] | None:
    if not isinstance(given, list):
        return None
    return [mode for mode in given if isinstance(mode, str)] or None


def card(assistant: Json, profile: Profile, base_url: str, *, secured: bool) -> Json:
    """Return an assistant's card, in words that clients of 1.0 and of 0.3 read.

    `base_url` is this server as the caller sees it; `secured`: callers must say who they are.
    """
    url = f"{base_url}/a2a/{assistant['assistant_id']}"
    name = assistant["name"]
    told: Json = {
        "name": name,
        "description": assistant["description"] or f"{name} assistant",
        "url": url,
        "preferredTransport": BINDING,
        "protocolVersion": "0.3.0",
        "supportedInterfaces": [
            {"url": url, "protocolBinding": BINDING, "protocolVersion": dialect.value}
            for dialect in (Dialect.CURRENT, Dialect.LEGACY)
        ],
        "capabilities": {
            "streaming": True,
            "pushNotifications": False,
            "stateTransitionHistory": False,
            "extendedAgentCard": True,
            "extensions": [HISTORY_SCOPE],
        },
        "supportsAuthenticatedExtendedCard": True,
        "defaultInputModes": profile.input_modes,
        "defaultOutputModes": profile.output_modes,
        "skills": [_skill(assistant, profile)],
        "version": str(assistant["version"]),
    }
    if secured:
        told["securitySchemes"] = SCHEMES
        told["securityRequirements"] = [{"schemes": {name: {"list": []}}} for name in SCHEMES]
    return told


def _skill(assistant: Json, profile: Profile) -> Json:
    name = assistant["name"]
    return {
        "id": f"{assistant['assistant_id']}-main",
        "name": f"{name} Capabilities",
        "description": assistant["description"] or f"{name} assistant",
        "tags": ["assistant", "langgraph"],
        "examples": [],
        "inputModes": profile.input_modes,
        "outputModes": profile.output_modes,
        "metadata": {
            "inputSchema": {
                "required": list(profile.required),
                "properties": list(profile.keys),
                "supportsA2A": profile.converses,
            }
        },
    }
