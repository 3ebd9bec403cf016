"""A chat that calls a tool before it answers, as agents do; still without a key."""

from typing import Literal

from langchain_core.messages import AIMessage, ToolMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode


def count_letters(text: str) -> int:
    """Count the letters of a text."""
    return sum(letter.isalpha() for letter in text)


async def think(state: MessagesState) -> MessagesState:
    last = state["messages"][-1]
    if isinstance(last, ToolMessage):
        return {"messages": [AIMessage(f"That is {last.text} letters.")]}
    call = {"name": "count_letters", "args": {"text": last.text}, "id": f"call-{last.id}"}
    return {"messages": [AIMessage("", tool_calls=[call])]}


def wants_tool(state: MessagesState) -> Literal["tools", "__end__"]:
    last = state["messages"][-1]
    return "tools" if isinstance(last, AIMessage) and last.tool_calls else "__end__"


graph = (
    StateGraph(MessagesState)
    .add_node("think", think)
    .add_node("tools", ToolNode([count_letters]))
    .add_edge(START, "think")
    .add_conditional_edges("think", wants_tool)
    .add_edge("tools", "think")
    .compile(name="tools")
)
