"""A graph that answers with who runs it."""

from __future__ import annotations

from typing import Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from langgraph_sdk.runtime import ServerRuntime

NAMES = ("langgraph_auth_user", "langgraph_auth_user_id", "langgraph_auth_permissions", "user_id")


class State(TypedDict, total=False):
    seen: dict[str, Any]


def look(state: State, config: RunnableConfig) -> State:
    names = (
        "langgraph_auth_user",
        "langgraph_auth_user_id",
        "langgraph_auth_permissions",
        "user_id",
    )
    return {"seen": {name: config["configurable"].get(name) for name in names}}


graph = StateGraph(State).add_node(look).add_edge(START, "look").compile()


def made(runtime: ServerRuntime[Any]) -> Any:
    """Make a graph that tells for whom it was made."""
    user = runtime.user

    def tell(state: State) -> State:
        return {"seen": {"identity": user.identity if user else None}}

    return StateGraph(State).add_node(tell).add_edge(START, "tell").compile()
