"""What a run of the event protocol streams: every kind of event, messages as content blocks.

LangGraph's own event streaming is the source, with the graph's transformers in it. Its events are
logged under the names and in the forms of the other stream modes, so that whoever joins such a run
in the older way sees them too; only messages differ, being told step by step.
"""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langgraph.stream import StreamChannel, StreamTransformer
from langgraph.types import Interrupt

from graphstead.engine.chunks import public_checkpoint
from graphstead.storage.rows import Json

MODES = (
    "values",
    "updates",
    "messages",
    "tools",
    "lifecycle",
    "custom",
    "tasks",
    "checkpoints",
)
TASKS = "graphstead_tasks"
TOLD_OF_ORIGIN = ("langgraph_node", "langgraph_checkpoint_ns", "run_id")


def asked_by(kwargs: Mapping[str, Any]) -> bool:
    """Tell whether a run was started over the event protocol: no other asks for `lifecycle`."""
    return "lifecycle" in kwargs["stream_mode"]


class TaskTap(StreamTransformer):
    """Pass on the tasks that LangGraph's transformers keep back, and ask for every mode."""

    required_stream_modes = tuple(mode for mode in MODES if mode != "lifecycle")

    def init(self) -> dict[str, Any]:
        """Open the channel whose items LangGraph puts among its events."""
        self._tasks: StreamChannel[Any] = StreamChannel(TASKS)
        return {TASKS: self._tasks}

    def process(self, event: Any) -> bool:
        """Take the tasks of all graphs; the taps of the inner ones stay out of it."""
        if event["method"] == "tasks" and not self.scope:
            params = event["params"]
            self._tasks.push({"namespace": params["namespace"], "data": params["data"]})
        return True


class Source:
    """Stream one graph; keeps the newest values of the root and the questions asked."""

    def __init__(self) -> None:
        self._message_ids: dict[str, str] = {}

    async def events(
        self, graph: Any, given: Any, config: Json, options: Json
    ) -> AsyncIterator[tuple[tuple[str, ...], str, Any]]:
        """Yield (namespace, mode, payload), in order; whatever the graph raises comes out."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*streaming protocol", category=Warning)
            run = await graph.astream_events(
                given, config, version="v3", transformers=[TaskTap], **options
            )
        async with run:
            async for event in run:
                for found in self._told(event["method"], event["params"]):
                    yield found

    def _told(self, method: str, params: Json) -> Iterator[tuple[tuple[str, ...], str, Any]]:
        namespace, data = params["namespace"], params["data"]
        if method == f"custom:{TASKS}":
            method, namespace, data = "tasks", data["namespace"], data["data"]
        elif method == "lifecycle":
            namespace = data["namespace"]
        elif method == "values" and (asked := params.get("interrupts")):
            data = _with_questions(data, asked)
        elif method == "checkpoints":
            data = public_checkpoint(data)
        if method == "messages":
            for step in self._steps(*data):
                yield tuple(namespace), method, step
        else:
            yield tuple(namespace), method, data

    def _steps(self, step: Any, origin: Mapping[str, Any]) -> Iterator[list[Any]]:
        """Yield the steps of a message, each with its message's id; a whole message is one call."""
        told = {key: origin[key] for key in TOLD_OF_ORIGIN if key in origin}
        if isinstance(step, Mapping):
            yield [self._identified(dict(step), str(origin.get("run_id", ""))), told]
        elif isinstance(step, AIMessage) and not isinstance(step, AIMessageChunk):
            for one in whole_message(step):
                yield [one, told]

    def _identified(self, step: Json, run_id: str) -> Json:
        """Name message and call in every step: clients assemble several messages at a time."""
        if step["event"] == "message-start":
            self._message_ids[run_id] = step.get("id") or step.get("message_id") or run_id
        message_id = self._message_ids.get(run_id, run_id)
        if step["event"] in ("message-finish", "error"):
            self._message_ids.pop(run_id, None)
        return {**step, "id": message_id, "run_id": run_id}


def _with_questions(values: Any, asked: tuple[Interrupt, ...]) -> Any:
    if not isinstance(values, Mapping):
        return values
    return {**values, "__interrupt__": list(asked)}


def whole_message(message: AIMessage) -> Iterator[Json]:
    """Tell of a message that came in one piece as if it had grown, block by block."""
    message_id = message.id or ""
    yield {"event": "message-start", "role": "ai", "id": message_id}
    for index, block in enumerate(message.content_blocks):
        for step in _block_steps(dict(block)):
            yield {**step, "index": index, "id": message_id}
    end: Json = {"event": "message-finish", "id": message_id}
    if message.usage_metadata:
        end["usage"] = message.usage_metadata
    yield end


def _block_steps(block: Json) -> Iterator[Json]:
    kind = block.get("type")
    grows = kind if kind in ("text", "reasoning") else None
    start = {**block, grows: ""} if grows else block
    yield {"event": "content-block-start", "content": start}
    if grows and block.get(grows):
        delta = {"type": f"{grows}-delta", grows: block[grows]}
        yield {"event": "content-block-delta", "delta": delta}
    yield {"event": "content-block-finish", "content": block}
