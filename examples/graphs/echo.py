"""Answers with what it was sent: the smallest graph that does something."""

from typing import Any

from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict


class Echo(TypedDict, total=False):
    message: Any
    reply: Any


def echo(state: Echo) -> Echo:
    return {"reply": state.get("message")}


graph = (
    StateGraph(Echo)
    .add_node("echo", echo)
    .add_edge(START, "echo")
    .add_edge("echo", END)
    .compile(name="echo")
)
