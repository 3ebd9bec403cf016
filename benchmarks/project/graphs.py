"""The graphs that both servers run: as little work of their own as the measured thing allows."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Literal, TypedDict

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.config import get_stream_writer
from langgraph.graph import START, MessagesState, StateGraph


class State(TypedDict, total=False):
    message: Any
    number: int
    steps: int
    seconds: float
    notes: list[str]


async def say(state: State) -> State:
    return {"message": state.get("message")}


async def emit(state: State) -> State:
    """Write `number` custom chunks of some 180 bytes, as a model that never waits would."""
    write = get_stream_writer()
    write({"at": time.time()})
    for index in range(state["number"]):
        write({"index": index, "text": "x" * 150})
        await asyncio.sleep(0)
    return {}


async def tick(state: State) -> State:
    """Write `number` custom chunks that tell when they were written, `seconds` apart."""
    write = get_stream_writer()
    for index in range(state["number"]):
        write({"at": time.time(), "index": index, "text": "x" * 120})
        await asyncio.sleep(state["seconds"])
    return {}


async def step(state: State) -> State:
    """Add 200 bytes to the state; the first step tells when it began."""
    if not state["number"]:
        get_stream_writer()({"at": time.time()})
    return {
        "number": state["number"] + 1,
        "notes": [*state.get("notes", []), "x" * 200],
    }


async def more(state: State) -> Literal["step", "__end__"]:
    return "step" if state["number"] < state["steps"] else "__end__"


async def spin(state: State) -> State:
    """Hold a processor for `seconds` without awaiting."""
    until = time.monotonic() + state["seconds"]
    while time.monotonic() < until:
        pass
    return {}


class Words(BaseChatModel):
    """A model without a network: ten tokens, at once."""

    @property
    def _llm_type(self) -> str:
        return "words"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("word " * 10))])

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for _ in range(10):
            yield ChatGenerationChunk(message=AIMessageChunk(content="word "))


async def answer(state: MessagesState) -> MessagesState:
    return {"messages": [await Words().ainvoke(state["messages"])]}


echo = StateGraph(State).add_node("say", say).add_edge(START, "say").compile(name="echo")
chunks = StateGraph(State).add_node("emit", emit).add_edge(START, "emit").compile(name="chunks")
ticks = StateGraph(State).add_node("tick", tick).add_edge(START, "tick").compile(name="ticks")
burn = StateGraph(State).add_node("spin", spin).add_edge(START, "spin").compile(name="burn")
tokens = (
    StateGraph(MessagesState)
    .add_node("answer", answer)
    .add_edge(START, "answer")
    .compile(name="tokens")
)
steps = (
    StateGraph(State)
    .add_node("step", step)
    .add_edge(START, "step")
    .add_conditional_edges("step", more)
    .compile(name="steps")
)
