"""Graphs that show what the event protocol tells: tools, reasoning, several voices, subgraphs.

A gate is a file: a graph that is given one waits for it, so that a test decides when it goes on.
"""

import asyncio
import operator
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.config import get_stream_writer
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, ToolRuntime, tools_condition
from langgraph.stream import StreamChannel, StreamTransformer
from langgraph.types import interrupt
from typing_extensions import TypedDict

# The piece that waits for a gate.
GATED = 10
PIECES = [
    AIMessageChunk(content=[{"type": "reasoning", "reasoning": "Letters ", "index": 0}]),
    AIMessageChunk(content=[{"type": "reasoning", "reasoning": "count.", "index": 0}]),
    AIMessageChunk(content=[{"type": "text", "text": "Let me ", "index": 1}]),
    AIMessageChunk(content=[{"type": "text", "text": "look.", "index": 1}]),
    AIMessageChunk(
        content=[],
        tool_call_chunks=[{"name": "measure", "args": '{"text": ', "id": "call-1", "index": 2}],
    ),
    AIMessageChunk(
        content=[], tool_call_chunks=[{"name": None, "args": '"tea"}', "id": None, "index": 2}]
    ),
    AIMessageChunk(
        content=[],
        usage_metadata={"input_tokens": 3, "output_tokens": 7, "total_tokens": 10},
    ),
]


async def opened(gate: str) -> None:
    while True:
        if Path(gate).exists():
            return
        await asyncio.sleep(0.02)


class Thinker(BaseChatModel):
    """Think, speak and call a tool; after the tool has answered, speak only."""

    pause_s: float = 0.0
    words: tuple[str, ...] = ()
    gate: str = ""

    @property
    def _llm_type(self) -> str:
        return "thinker"

    def _pieces(self, messages: list[BaseMessage]) -> list[AIMessageChunk]:
        if self.words:
            return [AIMessageChunk(content=word) for word in self.words]
        if messages and isinstance(messages[-1], ToolMessage):
            return [AIMessageChunk(content="Three "), AIMessageChunk(content="letters.")]
        return PIECES

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        whole = self._pieces(messages)[0]
        for piece in self._pieces(messages)[1:]:
            whole += piece
        return ChatResult(generations=[ChatGeneration(message=AIMessage(whole.content))])

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        for piece in self._pieces(messages):
            yield ChatGenerationChunk(message=piece)

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for number, piece in enumerate(self._pieces(messages)):
            await asyncio.sleep(self.pause_s)
            if self.gate and number == GATED:
                await opened(self.gate)
            yield ChatGenerationChunk(message=piece)


class Silent(BaseChatModel):
    """A model that cannot stream."""

    @property
    def _llm_type(self) -> str:
        return "silent"

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("All at once."))])


def measure(text: str, runtime: ToolRuntime) -> str:
    """Measure a text."""
    runtime.emit_output_delta("counting")
    return str(len(text))


class Steps(StreamTransformer):
    """Count the states in a stream of the graph's own, which clients hear as `custom:steps`."""

    def init(self) -> dict[str, Any]:
        self.count = 0
        self.steps: StreamChannel[Any] = StreamChannel("steps")
        return {"steps": self.steps}

    def process(self, event: Any) -> bool:
        if event["method"] == "values" and not event["params"]["namespace"]:
            self.count += 1
            self.steps.push({"count": self.count})
        return True


thinker = Thinker()


async def think(state: MessagesState) -> MessagesState:
    return {"messages": [await thinker.ainvoke(state["messages"])]}


agent = (
    StateGraph(MessagesState)
    .add_node("think", think)
    .add_node("tools", ToolNode([measure]))
    .add_edge(START, "think")
    .add_conditional_edges("think", tools_condition)
    .add_edge("tools", "think")
    .compile(name="agent", transformers=[Steps])
)


low = Thinker(words=("low ", "low ", "low"), pause_s=0.01)
high = Thinker(words=("high ", "high ", "high"), pause_s=0.01)


async def both(state: MessagesState) -> MessagesState:
    """Two calls at a time within one node."""
    return {"messages": [*await asyncio.gather(low.ainvoke("sing"), high.ainvoke("sing"))]}


async def alone(state: MessagesState) -> MessagesState:
    return {"messages": [await Silent().ainvoke("sing")]}


choir = (
    StateGraph(MessagesState)
    .add_node("both", both)
    .add_node("alone", alone)
    .add_edge(START, "both")
    .add_edge(START, "alone")
    .compile(name="choir")
)


class Talk(MessagesState, total=False):
    mood: str


async def speak(state: Talk) -> Talk:
    return {"messages": [await low.ainvoke(state["messages"])], "mood": "calm"}


member = StateGraph(Talk).add_node("speak", speak).add_edge(START, "speak").compile(name="member")
group = StateGraph(Talk).add_node("member", member).add_edge(START, "member").compile(name="group")
team = StateGraph(Talk).add_node("group", group).add_edge(START, "group").compile(name="team")


class Answers(TypedDict, total=False):
    said: Annotated[list[str], operator.add]


async def left(state: Answers) -> Answers:
    return {"said": [f"left {interrupt('left?')}"]}


async def right(state: Answers) -> Answers:
    return {"said": [f"right {interrupt('right?')}"]}


two_questions = (
    StateGraph(Answers)
    .add_node("left", left)
    .add_node("right", right)
    .add_edge(START, "left")
    .add_edge(START, "right")
    .compile(name="two_questions")
)

slow = Thinker(words=tuple(f"word{number} " for number in range(40)), pause_s=0.05)


async def talk(state: MessagesState) -> MessagesState:
    """Talk; a last message that ends in `until GATE` says for what to wait after some words."""
    gate = str(state["messages"][-1].content).partition(" until ")[2]
    speaker = slow.model_copy(update={"gate": gate})
    return {"messages": [await speaker.ainvoke(state["messages"])]}


slow_talk = (
    StateGraph(MessagesState)
    .add_node("before", lambda state: {})
    .add_node("talk", talk)
    .add_edge(START, "before")
    .add_edge("before", "talk")
    .compile(name="slow_talk")
)


async def ask(state: MessagesState) -> MessagesState:
    answer = interrupt("Shall I send it?")
    return {"messages": [AIMessage(f"It was answered: {answer}")]}


asking = (
    StateGraph(MessagesState).add_node("ask", ask).add_edge(START, "ask").compile(name="asking")
)


class Gated(TypedDict, total=False):
    gates: list[str]
    passed: int


async def wait(state: Gated) -> Gated:
    """Tell the number of the next gate, then wait for it."""
    passed = state.get("passed", 0)
    get_stream_writer()({"gate": passed})
    await opened(state["gates"][passed])
    return {"passed": passed + 1}


def onward(state: Gated) -> Literal["wait", "__end__"]:
    return "wait" if state["passed"] < len(state["gates"]) else "__end__"


gated = (
    StateGraph(Gated)
    .add_node("wait", wait)
    .add_edge(START, "wait")
    .add_conditional_edges("wait", onward)
    .compile(name="gated")
)
