"""Stops for a person's decision; resume it with `{"command": {"resume": true}}`."""

from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict


class Approval(TypedDict, total=False):
    request: str
    draft: str
    approved: bool
    result: str


async def draft(state: Approval) -> Approval:
    return {"draft": f"Draft for: {state.get('request', 'nothing')}"}


async def approve(state: Approval) -> Approval:
    answer = interrupt({"question": "Send this?", "draft": state["draft"]})
    return {"approved": bool(answer)}


async def finish(state: Approval) -> Approval:
    return {"result": "sent" if state["approved"] else "dropped"}


graph = (
    StateGraph(Approval)
    .add_node("draft", draft)
    .add_node("approve", approve)
    .add_node("finish", finish)
    .add_edge(START, "draft")
    .add_edge("draft", "approve")
    .add_edge("approve", "finish")
    .compile(name="approval")
)
