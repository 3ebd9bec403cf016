"""Spans of what happens inside a run: nodes, model calls, tool calls, told by callbacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langgraph.errors import GraphBubbleUp

from graphstead import tracing
from graphstead.engine import wire

__all__ = ["NodeSpans"]

STEP = "graph:step:"
LONGEST_CONTENT = 8_192


@dataclass(frozen=True, slots=True)
class _Place:
    """Where children hang: `here` is their context; `span` is what the step itself has to end."""

    here: Any
    span: Any = None


class NodeSpans(BaseCallbackHandler):
    """One handler per run; steps that are no nodes hand their parent's span on to their children.

    Its spans hang below the span that is current where the handler is made.
    """

    # Else langchain calls it from other threads, out of order.
    run_inline = True

    def __init__(self) -> None:
        from opentelemetry import context

        self._root = _Place(context.get_current())
        self._places: dict[UUID, _Place] = {}

    def on_chain_start(self, serialized: Any, inputs: Any, **about: Any) -> None:
        from opentelemetry import context

        metadata = about.get("metadata") or {}
        if not any(tag.startswith(STEP) for tag in about.get("tags") or ()):
            self._places[about["run_id"]] = self._above(about)
            return
        node = metadata.get("langgraph_node", about.get("name"))
        self._start(
            f"node {node}",
            about,
            inputs,
            graphstead__node=node,
            graphstead__step=metadata.get("langgraph_step"),
            graphstead__checkpoint_ns=metadata.get("langgraph_checkpoint_ns"),
        )
        # Spans that the project makes in the node hang below it. Of models and tools this cannot
        # be had: their ends are told in another context than their starts.
        context.attach(self._places[about["run_id"]].here)

    def on_chat_model_start(self, serialized: Any, messages: Any, **about: Any) -> None:
        self._start_model("chat", messages, {**about, "class": _class(serialized)})

    def on_llm_start(self, serialized: Any, prompts: Any, **about: Any) -> None:
        self._start_model("text_completion", prompts, {**about, "class": _class(serialized)})

    def _start_model(self, operation: str, given: Any, about: dict[str, Any]) -> None:
        metadata = about.get("metadata") or {}
        model = metadata.get("ls_model_name")
        self._start(
            f"{operation} {model or about['class']}",
            about,
            given,
            gen_ai__operation__name=operation,
            gen_ai__request__model=model,
            gen_ai__provider__name=metadata.get("ls_provider"),
        )

    def on_tool_start(self, serialized: Any, input_str: str, **about: Any) -> None:
        name = about.get("name") or (serialized or {}).get("name")
        self._start(
            f"execute_tool {name}",
            about,
            input_str,
            gen_ai__operation__name="execute_tool",
            gen_ai__tool__name=name,
        )

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **about: Any) -> None:
        self._end(run_id, outputs)

    def on_tool_end(self, output: Any, *, run_id: UUID, **about: Any) -> None:
        self._end(run_id, output)

    def on_llm_end(self, response: Any, *, run_id: UUID, **about: Any) -> None:
        if place := self._places.get(run_id):
            place.span.set_attributes(_usage(response))
        self._end(run_id, [one for many in response.generations for one in many])

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **about: Any) -> None:
        self._fail(run_id, error)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **about: Any) -> None:
        self._fail(run_id, error)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **about: Any) -> None:
        self._fail(run_id, error)

    def close(self) -> None:
        """End what a stopped run left open, and go back to the span the handler was made in."""
        from opentelemetry import context

        for run_id in list(self._places):
            self._end(run_id, None)
        # A node that is alone in its step runs in the task of the run itself.
        context.attach(self._root.here)

    def _above(self, about: dict[str, Any]) -> _Place:
        """Return the parent's place, without the span that the parent has to end."""
        return _Place(self._places.get(about["parent_run_id"], self._root).here)

    def _start(self, name: str, about: dict[str, Any], given: Any, **attributes: Any) -> None:
        from opentelemetry.trace import set_span_in_context

        above = self._above(about).here
        known = {key.replace("__", "."): value for key, value in attributes.items() if value}
        span = tracing.tracer().start_span(name, context=above, attributes=known)
        if tracing.shows_content():
            span.set_attribute("graphstead.input", _content(given))
        here = set_span_in_context(span, above)
        self._places[about["run_id"]] = _Place(here, span)

    def _end(self, run_id: UUID, output: Any) -> None:
        place = self._places.pop(run_id, None)
        if place is None or place.span is None:
            return
        if tracing.shows_content() and output is not None:
            place.span.set_attribute("graphstead.output", _content(output))
        place.span.end()

    def _fail(self, run_id: UUID, error: BaseException) -> None:
        span = self._places[run_id].span if run_id in self._places else None
        if span is not None and isinstance(error, GraphBubbleUp):
            span.set_attribute("graphstead.interrupted", True)
        elif span is not None:
            tracing.record(error, span)
        self._end(run_id, None)


def _class(serialized: Any) -> str:
    """Return the class of a model as langchain describes it."""
    named = serialized or {}
    return str(named.get("name") or (named.get("id") or ["model"])[-1])


def _usage(response: Any) -> dict[str, int]:
    """Return the tokens that a model says it took."""
    found: dict[str, int] = {}
    for many in response.generations:
        for one in many:
            used = getattr(getattr(one, "message", None), "usage_metadata", None) or {}
            for name in ("input_tokens", "output_tokens"):
                if name in used:
                    key = f"gen_ai.usage.{name}"
                    found[key] = found.get(key, 0) + int(used[name])
    return found


def _content(value: Any) -> str:
    try:
        text = wire.dumps(value).decode()
    except TypeError:
        text = repr(value)
    return text[:LONGEST_CONTENT]
