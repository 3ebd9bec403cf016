"""The contract of one assistant: the document of the server, narrowed to it and to its graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from graphstead.contract.load import Document, follow, references
from graphstead.contract.switches import without
from graphstead.derive.graph_components import WRITE, GraphComponents, graph_components
from graphstead.derive.honest import honest

__all__ = ["FACTS", "Portrait", "assistant_contract", "example_run"]

FACTS = "x-graphstead-assistant"
TAGS = frozenset({"Threads", "Thread Runs", "Stateless Runs", "Streaming", "Crons"})
PATHS = frozenset({"/ok", "/info"})
SCHEMAS = "#/components/schemas/"
CRON = {"schedule": "0 9 * * *"}
TOLD = """This is the contract of one assistant, `{name}`, which runs the graph `{graph_id}`.
{purpose}

It is the contract of the server with the schemas of that graph in place of open ones. It speaks of
threads that this assistant alone works on, and of the state of the graph itself, not of its
subgraphs. The server goes by the open contract and takes what that allows.

"""


class Portrait(Protocol):
    """What has to be known of an assistant; `context` are the values it gives by itself."""

    @property
    def assistant_id(self) -> str: ...

    @property
    def graph_id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str | None: ...

    @property
    def version(self) -> int: ...

    @property
    def is_own(self) -> bool:
        """Tell whether it is the graph's own, which goes by the name of the graph too."""

    @property
    def context(self) -> Mapping[str, Any]: ...

    @property
    def schemas(self) -> Mapping[str, Any]: ...


def assistant_contract(document: Mapping[str, Any], portrait: Portrait, pin: str) -> Document:
    """Return the document for this assistant alone; `pin` names the contract it is made from."""
    kept = without(document, lambda path, operation: not _concerns(path, operation))
    graph = graph_components(portrait.schemas, document["components"]["schemas"])
    narrowed = _Narrowing(kept["components"]["schemas"], portrait, graph).changed()
    components = {
        **kept["components"],
        "schemas": {**kept["components"]["schemas"], **graph.schemas, **narrowed},
        "parameters": _parameters(kept["components"].get("parameters", {}), portrait),
    }
    whole = {**kept, "info": _info(document["info"], portrait), FACTS: _facts(portrait, pin)}
    whole = _tidy({**whole, "components": components})
    changed = (graph.schemas.keys() | narrowed.keys()) & whole["components"]["schemas"].keys()
    run = example_run(portrait, graph)
    return honest(whole, changed, lambda ok: _example(run, portrait.name, ok))


def _concerns(path: str, operation: Mapping[str, Any]) -> bool:
    """Tell whether an operation has to do with one assistant; those of the project are kept."""
    if "x-graphstead-support" not in operation:
        return True
    return "{assistant_id}" in path or path in PATHS or operation["tags"][0] in TAGS


def _info(info: Mapping[str, Any], portrait: Portrait) -> Document:
    purpose = (portrait.description or "").strip()
    told = TOLD.format(name=portrait.name, graph_id=portrait.graph_id, purpose=purpose)
    summary = purpose or f"The assistant {portrait.name}."
    whole = told + info.get("description", "")
    return {**info, "title": portrait.name, "summary": summary, "description": whole}


def _facts(portrait: Portrait, pin: str) -> Document:
    return {
        "assistant_id": portrait.assistant_id,
        "graph_id": portrait.graph_id,
        "name": portrait.name,
        "version": portrait.version,
        "contract": pin,
    }


def _names(portrait: Portrait) -> list[str]:
    return [portrait.assistant_id, *([portrait.graph_id] if portrait.is_own else [])]


def _parameters(parameters: Mapping[str, Any], portrait: Portrait) -> Document:
    """Let the assistant's place in paths admit this one alone."""
    own = {"schema": {"$ref": f"{SCHEMAS}AssistantRef"}, "example": portrait.assistant_id}
    return {
        name: {**{key: one[key] for key in one if key != "examples"}, **own}
        if one["in"] == "path" and one["name"] == "assistant_id"
        else one
        for name, one in parameters.items()
    }


class _Narrowing:
    """Says which schemas of the contract a graph decides, and what they become."""

    def __init__(
        self, schemas: Mapping[str, Any], portrait: Portrait, graph: GraphComponents
    ) -> None:
        self._schemas = schemas
        self._portrait = portrait
        self._graph = graph

    def changed(self) -> dict[str, Document]:
        """Return the schemas that are others for this assistant, by name."""
        found = {
            "AssistantRef": self._assistant(),
            "RunInput": self._input(),
            "RunOutput": self._output(),
            "RunContext": self._context(),
            "Configurable": self._configurable(),
            "ThreadValues": self._state("ThreadValues", {"type": "null"}),
            "StateWrite": self._written(),
        }
        told = {name: one for name, one in found.items() if one is not None}
        return {**told, **self._subgraphs()} if "ThreadValues" in told else told

    def _told(self, name: str) -> Document:
        return {"description": self._schemas[name]["description"]}

    def _assistant(self) -> Document:
        names = _names(self._portrait)
        told = "This assistant: its id" + (", or the name of its graph." if names[1:] else ".")
        return {"type": "string", "enum": names, "description": told}

    def _input(self) -> Document | None:
        reference = self._graph.reference("input")
        if reference is None:
            return None
        given = self._graph.example("input")
        example = {} if given is None else {"examples": [given]}
        return {**self._told("RunInput"), "anyOf": [reference, {"type": "null"}], **example}

    def _output(self) -> Document | None:
        reference, whole = self._graph.reference("output"), self._graph.schema("output")
        if reference is None or whole is None:
            return None
        questions = {"type": "array", "items": {"$ref": f"{SCHEMAS}Interrupt"}}
        so_far = {
            "title": "OutputSoFar",
            "type": "object",
            "description": "What there is of it when the graph stopped early, to ask or cancelled.",
            "properties": {**whole.get("properties", {}), "__interrupt__": questions},
        }
        failed = {
            "title": "RunFailed",
            "type": "object",
            "description": "The run failed.",
            "required": ["__error__"],
            "properties": {"__error__": {"$ref": f"{SCHEMAS}RunFailure"}},
        }
        return {**self._told("RunOutput"), "anyOf": [reference, so_far, failed, {"type": "null"}]}

    def _context(self) -> Document | None:
        reference, whole = self._graph.reference("context"), self._graph.schema("context")
        if reference is None or whole is None:
            return None
        needed = _needed(self._portrait, whole)
        if needed == whole.get("required", []):
            return {**reference, **self._told("RunContext")}
        loose = {key: value for key, value in whole.items() if key != "required"}
        return {**loose, "required": needed, **self._told("RunContext")}

    def _configurable(self) -> Document | None:
        """Any of the context's members, each as the graph reads it, and others beside them."""
        properties = (self._graph.schema("context") or {}).get("properties")
        if not properties:
            return None
        return {**self._schemas["Configurable"], "properties": properties}

    def _written(self) -> Document | None:
        others = ({"type": "array"}, {"type": "null"})
        reference = self._graph.reference(WRITE)
        if reference is None:
            return self._state("StateWrite", *others)
        return {**self._told("StateWrite"), "anyOf": [reference, *others]}

    def _state(self, name: str, *others: Document) -> Document | None:
        reference = self._graph.reference("state")
        return reference and {**self._told(name), "anyOf": [reference, *others]}

    def _subgraphs(self) -> dict[str, Document]:
        """Keep the states of subgraphs, which are not this graph's, as open as they were."""
        state, task = self._schemas["ThreadState"], self._schemas["ThreadTask"]
        values = {**state["properties"]["values"], "$ref": f"{SCHEMAS}JsonValue"}
        inner = {**task["properties"]["state"]}
        inner["anyOf"] = [{"$ref": f"{SCHEMAS}SubgraphState"}, {"type": "null"}]
        return {
            "SubgraphState": {**state, "properties": {**state["properties"], "values": values}},
            "ThreadTask": {**task, "properties": {**task["properties"], "state": inner}},
        }


def example_run(portrait: Portrait, graph: GraphComponents) -> Document:
    """Return the body of a run of this assistant, with the context that it cannot do without."""
    given = graph.example("input")
    body = {"assistant_id": _names(portrait)[-1], "input": {} if given is None else given}
    needed = _needed(portrait, graph.schema("context") or {})
    made = graph.example("context") if needed else None
    if isinstance(made, dict):
        body["context"] = {name: made[name] for name in needed}
    return body


def _needed(portrait: Portrait, context: Mapping[str, Any]) -> list[str]:
    """Return the members of the context that a run has to bring."""
    return [name for name in context.get("required", ()) if name not in portrait.context]


def _example(run: Document, name: str, ok: Callable[[Any], bool]) -> Document | None:
    """Return an example of whatever body it is that starts runs of the assistant."""
    for value in (run, [run], {**run, **CRON}):
        if ok(value):
            return {"summary": f"With {name}", "value": value}
    return None


def _tidy(document: Document) -> Document:
    """Leave out components and tags that nothing refers to any more."""
    components = document["components"]
    reached = _reached(document)
    kept = {
        kind: {
            name: one
            for name, one in members.items()
            if kind == "securitySchemes" or f"#/components/{kind}/{name}" in reached
        }
        for kind, members in components.items()
    }
    used = {
        tag
        for item in document["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict)
        for tag in operation.get("tags", ())
    }
    tags = [tag for tag in document.get("tags", ()) if tag["name"] in used]
    return {**document, "tags": tags, "components": {k: v for k, v in kept.items() if v}}


def _reached(document: Document) -> frozenset[str]:
    """Return every component that paths and webhooks refer to, directly or not."""
    found: set[str] = set()
    waiting: list[Any] = [document["paths"], document.get("webhooks", {})]
    while waiting:
        for place in _components(reference for _, reference in references(waiting.pop())):
            if place not in found:
                found.add(place)
                waiting.append(follow(document, place))
    return frozenset(found)


def _components(places: Iterable[str]) -> Iterable[str]:
    """Return the components that these references lead into."""
    return ("/".join(place.split("/")[:4]) for place in places if place.startswith("#/components/"))
