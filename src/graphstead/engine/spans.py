"""Spans of what happens inside a run: nodes, model calls, tool calls, told by callbacks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langgraph.errors import GraphBubbleUp

from graphstead import tracing
from graphstead.engine import wire

__all__ = ["NodeSpans"]

STEP = "graph:step:"
LONGEST_CONTENT = 8_192


class NodeSpans(BaseCallbackHandler):
    """One handler per run; steps that are no nodes hand their parent's span on to their children.

    Its spans hang below the span that is current where the handler is made.
    """

    # Else langchain calls it from other threads, out of order.
    run_inline = True

    def __init__(self) -> None:
        from opentelemetry import context

        self._root = context.get_current()
        self._spans: dict[UUID, tuple[Any, bool]] = {}

    def on_chain_start(self, serialized: Any, inputs: Any, **about: Any) -> None:
        metadata = about.get("metadata") or {}
        if not any(tag.startswith(STEP) for tag in about.get("tags") or ()):
            self._pass_on(about)
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

    def on_chat_model_start(self, serialized: Any, messages: Any, **about: Any) -> None:
        self._start_model("chat", messages, about)

    def on_llm_start(self, serialized: Any, prompts: Any, **about: Any) -> None:
        self._start_model("text_completion", prompts, about)

    def _start_model(self, operation: str, given: Any, about: dict[str, Any]) -> None:
        metadata = about.get("metadata") or {}
        model = metadata.get("ls_model_name")
        self._start(
            f"{operation} {model or about.get('name')}",
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
        span, _ = self._spans.get(run_id, (None, False))
        if span is not None:
            span.set_attributes(_usage(response))
        self._end(run_id, [one for many in response.generations for one in many])

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **about: Any) -> None:
        self._fail(run_id, error)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **about: Any) -> None:
        self._fail(run_id, error)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **about: Any) -> None:
        self._fail(run_id, error)

    def close(self) -> None:
        """End what a stopped run left open."""
        for run_id in list(self._spans):
            self._end(run_id, None)

    def _pass_on(self, about: dict[str, Any]) -> None:
        parent, _ = self._spans.get(about.get("parent_run_id"), (None, False))  # type: ignore[arg-type]
        self._spans[about["run_id"]] = (parent, False)

    def _start(self, name: str, about: dict[str, Any], given: Any, **attributes: Any) -> None:
        from opentelemetry import context
        from opentelemetry.trace import set_span_in_context

        parent, _ = self._spans.get(about.get("parent_run_id"), (None, False))  # type: ignore[arg-type]
        above = self._root if parent is None else set_span_in_context(parent, self._root)
        known = {key.replace("__", "."): value for key, value in attributes.items() if value}
        span = tracing.tracer().start_span(name, context=above, attributes=known)
        if tracing.shows_content():
            span.set_attribute("graphstead.input", _content(given))
        self._spans[about["run_id"]] = (span, True)
        # Spans of the node's own making hang below it; the context ends with the node's task.
        context.attach(set_span_in_context(span, context.get_current()))

    def _end(self, run_id: UUID, output: Any) -> None:
        span, own = self._spans.pop(run_id, (None, False))
        if own:
            if tracing.shows_content() and output is not None:
                span.set_attribute("graphstead.output", _content(output))
            span.end()

    def _fail(self, run_id: UUID, error: BaseException) -> None:
        span, own = self._spans.get(run_id, (None, False))
        if own and isinstance(error, GraphBubbleUp):
            span.set_attribute("graphstead.interrupted", True)
        elif own:
            tracing.record(error, span)
        self._end(run_id, None)


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
