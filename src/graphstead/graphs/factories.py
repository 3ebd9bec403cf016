"""What a graph's variable may hold, and how it becomes a compiled graph.

compiled graph     used as it is, for every run
builder            compiled once, at start
factory            called for every use: no argument, `config`, a `ServerRuntime`, or both;
                   plain or async, returning a graph, a builder or a (async) context manager
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, is_dataclass
from typing import Any, Literal

from langgraph.graph import StateGraph
from langgraph.pregel import Pregel
from langgraph_sdk import runtime as sdk_runtime
from langgraph_sdk.runtime import ServerRuntime

__all__ = ["Access", "Factory", "GraphTypeError", "Opening", "as_graph"]

Access = Literal["threads.create_run", "threads.update", "threads.read", "assistants.read"]
Graph = Pregel[Any, Any, Any, Any]


class GraphTypeError(TypeError):
    """A variable or a factory that gives something else than a graph."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Why a graph is wanted, and for whom; what a factory may look at."""

    config: Mapping[str, Any]
    access: Access
    store: Any = None
    user: Any = None
    context: Any = None


@dataclass(frozen=True, slots=True)
class Factory:
    """A callable that makes a graph; the names are its parameters for config and runtime."""

    call: Callable[..., Any]
    config_name: str | None
    runtime_name: str | None
    context_type: type | None

    @classmethod
    def of(cls, call: Callable[..., Any]) -> Factory:
        """Look at a factory's parameters. Raises GraphTypeError where one cannot be served."""
        config_name = runtime_name = None
        context_type: type | None = None
        for name, annotation in _wanted(call).items():
            if _is_runtime(annotation) and runtime_name is None:
                runtime_name, context_type = name, _context_type(annotation)
            elif config_name is None and (runtime_name is not None or not _is_runtime(annotation)):
                config_name = name
            else:
                raise GraphTypeError(
                    f"a factory takes nothing, 'config', a ServerRuntime, or both; not '{name}'"
                )
        return cls(call, config_name, runtime_name, context_type)

    @asynccontextmanager
    async def open(self, opening: Opening) -> AsyncIterator[Graph]:
        """Make the graph and keep its resources until the block ends. Raises GraphTypeError."""
        made = self.call(**self._arguments(opening))
        if inspect.isawaitable(made):
            made = await made
        if isinstance(made, AbstractAsyncContextManager) and not isinstance(made, Pregel):
            async with made as graph:
                yield as_graph(graph)
        elif isinstance(made, AbstractContextManager) and not isinstance(made, Pregel):
            with made as graph:
                yield as_graph(graph)
        else:
            yield as_graph(made)

    def _arguments(self, opening: Opening) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        if self.config_name is not None:
            arguments[self.config_name] = opening.config
        if self.runtime_name is not None:
            arguments[self.runtime_name] = self._runtime(opening)
        return arguments

    def _runtime(self, opening: Opening) -> Any:
        told = {
            "access_context": opening.access,
            "user": opening.user,
            "store": opening.store,
        }
        if opening.access != "threads.create_run":
            return sdk_runtime._ReadRuntime(**told)
        return sdk_runtime._ExecutionRuntime(**told, context=self._context(opening.context))

    def _context(self, context: Any) -> Any:
        if self.context_type is None or not isinstance(context, Mapping):
            return context
        return self.context_type(**context)


def as_graph(value: Any) -> Graph:
    """Return a compiled graph, compiling a builder. Raises GraphTypeError for anything else."""
    if isinstance(value, Pregel):
        return value
    if isinstance(value, StateGraph):
        return value.compile()
    raise GraphTypeError(f"expected a graph, found {type(value).__name__}")


def _wanted(call: Callable[..., Any]) -> dict[str, Any]:
    """Map the parameters a call must or may fill to their annotations."""
    try:
        parameters = inspect.signature(call).parameters.values()
    except (TypeError, ValueError) as exc:
        raise GraphTypeError(f"{call!r} has no readable signature") from exc
    hints = _hints(call)
    wanted: dict[str, Any] = {}
    for parameter in parameters:
        annotation = hints.get(parameter.name, parameter.annotation)
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        required = parameter.default is parameter.empty
        if required or parameter.name == "config" or _is_runtime(annotation):
            wanted[parameter.name] = annotation
    return wanted


def _hints(call: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(inspect.unwrap(call))
    except (NameError, TypeError, AttributeError):
        return {}


def _is_runtime(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return "ServerRuntime" in annotation
    return annotation is ServerRuntime or typing.get_origin(annotation) is ServerRuntime


def _context_type(annotation: Any) -> type | None:
    for argument in typing.get_args(annotation):
        if isinstance(argument, type) and (
            is_dataclass(argument) or hasattr(argument, "model_validate")
        ):
            return argument
    return None
