"""The JSON Schemas of a graph and of its subgraphs, as clients of `/assistants` read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NotRequired, Required, TypedDict, get_args, get_origin
from weakref import WeakKeyDictionary

import structlog
from langgraph.channels.base import BaseChannel
from langgraph.pregel import Pregel
from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import CoreSchema
from typing_extensions import ReadOnly

__all__ = ["Schemas", "describe", "describe_subgraphs"]

log = structlog.get_logger(__name__)
Graph = Pregel[Any, Any, Any, Any]
Schema = dict[str, Any]
ROOT_CHANNEL = "__root__"
QUALIFIERS = frozenset({NotRequired, ReadOnly, Required})


class Schemas(TypedDict):
    """The five schemas of a graph; null where one cannot be made or, for context, is not wanted.

    `config_schema` repeats `context_schema`, and is empty where a graph takes no context.
    """

    input_schema: Schema | None
    output_schema: Schema | None
    state_schema: Schema | None
    config_schema: Schema | None
    context_schema: Schema | None


_KNOWN: WeakKeyDictionary[Any, dict[str, Schemas]] = WeakKeyDictionary()


def describe(graph: Graph) -> Schemas:
    """Return a graph's schemas; one that cannot be made is null and logged.

    They are remembered for as long as the graph's builder lives: a chat's take 200 ms to make.
    """
    builder = getattr(graph, "builder", None)
    if builder is None:
        return _describe(graph)
    known = _KNOWN.setdefault(builder, {})
    if graph.name not in known:
        known[graph.name] = _describe(graph)
    return known[graph.name].copy()


def _describe(graph: Graph) -> Schemas:
    context = _made(graph, "context_schema", graph.get_context_jsonschema)
    return {
        "input_schema": _made(graph, "input_schema", graph.get_input_jsonschema),
        "output_schema": _made(graph, "output_schema", graph.get_output_jsonschema),
        "state_schema": _made(graph, "state_schema", lambda: _state_schema(graph)),
        "config_schema": {} if graph.context_schema is None else context,
        "context_schema": context,
    }


def describe_subgraphs(
    graph: Graph, *, namespace: str | None = None, recurse: bool = False
) -> dict[str, Schemas]:
    """Map the names of a graph's subgraphs to their schemas; deeper ones join names by ``|``.

    `namespace` picks the one of exactly this name, which below the first level needs `recurse`.
    """
    found = graph.get_subgraphs(namespace=namespace, recurse=recurse)
    return {name: describe(subgraph) for name, subgraph in found if isinstance(subgraph, Pregel)}


def _made(graph: Graph, name: str, make: Callable[[], Schema | None]) -> Schema | None:
    try:
        return make()
    except Exception as exc:  # the user's types may refuse in any way
        cause = str(exc).partition("\n")[0]
        log.warning("no schema can be made", graph=graph.name, schema=name, cause=cause)
        return None


def _state_schema(graph: Graph) -> Schema:
    """Build the schema of everything a thread's values may hold, all of it optional."""
    title = graph.get_name("State")
    if graph.stream_channels_asis == ROOT_CHANNEL:
        model = _root_model(title, _value_type(graph, ROOT_CHANNEL))
    else:
        types = {name: _value_type(graph, name) for name in graph.stream_channels_list}
        model = _fields_model(title, types)
    return model.model_json_schema(schema_generator=_Lenient)


def _value_type(graph: Graph, channel: str) -> Any:
    found = graph.channels[channel]
    return _unqualified(found.ValueType) if isinstance(found, BaseChannel) else Any


def _unqualified(annotation: Any) -> Any:
    """Return a type without the words that only a TypedDict may say of its members."""
    origin = get_origin(annotation)
    if origin in QUALIFIERS:
        return _unqualified(get_args(annotation)[0])
    if origin is Annotated:
        bare, *notes = get_args(annotation)
        return Annotated[(_unqualified(bare), *notes)]
    return annotation


def _root_model(title: str, value_type: Any) -> type[BaseModel]:
    return create_model(title, __base__=RootModel, root=(value_type, None))


def _fields_model(title: str, types: dict[str, Any]) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for position, (name, value_type) in enumerate(types.items()):
        if _is_safe(name):
            fields[name] = (value_type, None)
        else:
            alias = Field(None, alias=name, title=_title(name))
            fields[f"field_{position}"] = (value_type, alias)
    return create_model(title, __config__=ConfigDict(arbitrary_types_allowed=True), **fields)


def _is_safe(name: str) -> bool:
    """Tell whether pydantic takes this field name without a word."""
    return (
        name.isidentifier()
        and not name.startswith(("_", "model_"))
        and not hasattr(BaseModel, name)
    )


def _title(name: str) -> str:
    return name.lstrip("_").title().replace("_", " ")


class _Lenient(GenerateJsonSchema):
    """Lets a value whose type has no schema be anything, instead of refusing the whole state."""

    def handle_invalid_for_json_schema(
        self, schema: CoreSchema, error_info: str
    ) -> JsonSchemaValue:
        return {}
