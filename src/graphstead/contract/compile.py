"""Turn a bundled document into operations that only need to be run.

Decoders, validators, statuses and member lists are decided once, here; no request ever looks
into the document again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from graphstead.contract.json_rpc import BY_STATUS as JSON_RPC_BY_STATUS
from graphstead.contract.json_rpc import MARK as JSON_RPC
from graphstead.contract.members import Members, compile_members
from graphstead.contract.parameters import Parameter, compile_parameter
from graphstead.contract.schemas import LateSchemas, Schemas, Validator, schemas_for
from graphstead.contract.specification import Place, PlacedOperation, placed_operations
from graphstead.contract.whole_numbers import WholeNumbers, compile_whole_numbers
from graphstead.problems import StartupError

__all__ = ["Body", "Content", "Contract", "Operation", "WebSocketFrames", "compile_contract"]

EVENT_STREAM = "text/event-stream"
COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Content:
    """One media type of a body, with its compiled schema where it has one."""

    media_type: str
    validator: Validator | None
    pointer: str
    members: Members | None = None
    whole_numbers: WholeNumbers | None = None

    @property
    def is_json(self) -> bool:
        """Tell whether the bytes are JSON."""
        return self.media_type == "application/json" or self.media_type.endswith("+json")


@dataclass(frozen=True, slots=True)
class Body:
    """The request body of an operation; the first content is taken when no type is sent."""

    required: bool
    contents: Mapping[str, Content]
    first: Content


@dataclass(frozen=True, slots=True)
class Response:
    """One declared answer."""

    status: str
    contents: Mapping[str, Content]
    required_headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WebSocketFrames:
    """What a WebSocket carries: the schemas of what the server sends, and the client if told.

    `events` is the operation that declares the events of the server, where there are any.
    """

    server: Validator
    client: Validator | None = None
    events: str | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """Everything the layers need to know about one operation."""

    operation_id: str
    method: str
    path: str
    tag: str
    support: str
    public: bool
    parameters: tuple[Parameter, ...]
    body: Body | None
    responses: Mapping[str, Response]
    filled_status: Mapping[str, int] = field(default_factory=dict)
    empty_status: int | None = None
    json_rpc: bool = False
    rpc_by_status: bool = False
    websocket: WebSocketFrames | None = None
    refused_as_command: bool = False

    @property
    def planned(self) -> bool:
        """Tell whether this version only describes the operation."""
        return self.support == "planned"

    def declared(self, status: int) -> Response | None:
        """Return the answer declared for a status, ranges and default included."""
        text = str(status)
        for key in (text, f"{text[0]}XX", "default"):
            if key in self.responses:
                return self.responses[key]
        return None


@dataclass(frozen=True, slots=True)
class Contract:
    """A compiled document: its operations by id, and the schemas they came from."""

    document: Mapping[str, Any]
    schemas: Schemas
    operations: Mapping[str, Operation]


def compile_contract(document: Mapping[str, Any], *, answers: Schemas | None = None) -> Contract:
    """Compile every operation. Raises StartupError with all faults of the document.

    ``answers`` may be the schemas of a stricter copy, used for responses only. Without it the
    schemas of responses are compiled when they are first used.
    """
    schemas = schemas_for(document)
    answers = answers or LateSchemas(schemas)
    operations: dict[str, Operation] = {}
    faults: list[str] = []
    for placed in placed_operations(document):
        try:
            operation = _compile_operation(placed, schemas, answers)
        except StartupError as error:
            faults.extend(error.faults)
            continue
        if operation.operation_id in operations:
            faults.append(f"operationId {operation.operation_id!r} is given twice")
        operations[operation.operation_id] = operation
    if faults:
        raise StartupError(faults)
    return Contract(document, schemas, MappingProxyType(operations))


def _compile_operation(placed: PlacedOperation, schemas: Schemas, answers: Schemas) -> Operation:
    value = placed.place.value
    where = f"{placed.method.upper()} {placed.path}"
    operation_id, tags = value.get("operationId"), value.get("tags") or []
    if not operation_id or len(tags) != 1:
        raise StartupError([f"{where}: an operation needs an operationId and exactly one tag"])
    parameters = tuple(
        parameter
        for place in placed.parameters
        if (parameter := compile_parameter(place, schemas)) is not None
    )
    _check_arguments(where, placed.path, parameters)
    responses = dict(_responses(placed.place, answers))
    faults = _form_of_faults(where, value)
    return Operation(
        operation_id=operation_id,
        method=placed.method.upper(),
        path=placed.path,
        tag=tags[0],
        support=value.get("x-graphstead-support", "full"),
        public=_is_public(value, placed.place.document),
        parameters=parameters,
        body=_body(placed.place, schemas),
        responses=MappingProxyType(responses),
        filled_status=_filled_status(responses),
        empty_status=_empty_status(responses),
        json_rpc=faults == JSON_RPC,
        rpc_by_status=faults == JSON_RPC_BY_STATUS,
        websocket=_websocket(placed.place, answers),
        refused_as_command=faults == COMMAND,
    )


def _websocket(place: Place, answers: Schemas) -> WebSocketFrames | None:
    frames = place.get("x-websocket")
    if frames is None:
        return None
    told = frames.value
    return WebSocketFrames(
        server=answers.at(frames.schema("serverFrame").pointer),
        client=answers.at(frames.schema("clientFrame").pointer) if "clientFrame" in told else None,
        events=told.get("events"),
    )


def _form_of_faults(where: str, operation: Mapping[str, Any]) -> str | None:
    """Return in which form the contract's refusals are told; None means the usual one."""
    form: str | None = operation.get("x-graphstead-faults")
    if form not in (None, JSON_RPC, JSON_RPC_BY_STATUS, COMMAND):
        raise StartupError([f"{where}: x-graphstead-faults may not be {form!r}"])
    return form


def _check_arguments(where: str, path: str, parameters: tuple[Parameter, ...]) -> None:
    names = [parameter.argument for parameter in parameters]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise StartupError([f"{where}: two parameters are both called {', '.join(twice)}"])
    templated = {part[1:-1] for part in path.split("/") if part.startswith("{")}
    declared = {parameter.name for parameter in parameters if parameter.location == "path"}
    if templated != declared:
        wrong = ", ".join(sorted(templated ^ declared))
        raise StartupError([f"{where}: template and path parameters disagree about {wrong}"])


def _is_public(operation: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Only an empty list, written out, makes an operation public."""
    security: Any = operation.get("security", document.get("security"))
    return bool(security == [])


def _body(place: Place, schemas: Schemas) -> Body | None:
    body = place.get("requestBody")
    if body is None:
        return None
    contents = dict(_contents(body, schemas, asked=True))
    first = next(iter(contents.values()))
    return Body(bool(body.value.get("required", False)), contents, first)


def _contents(
    place: Place, schemas: Schemas, *, asked: bool = False
) -> Iterator[tuple[str, Content]]:
    for media_type, media in place.children("content"):
        name = media_type.lower()
        if "schema" not in media.value:
            yield name, Content(name, None, media.pointer)
            continue
        schema = media.schema()
        members = compile_members(schema) if asked else None
        whole = compile_whole_numbers(schema) if asked else None
        yield name, Content(name, schemas.at(schema.pointer), schema.pointer, members, whole)


def _responses(place: Place, schemas: Schemas) -> Iterator[tuple[str, Response]]:
    for status, response in place.children("responses"):
        required = tuple(
            name.lower()
            for name, header in response.children("headers")
            if header.value.get("required", False)
        )
        yield status, Response(status, dict(_contents(response, schemas)), required)


def _filled_status(responses: Mapping[str, Response]) -> dict[str, int]:
    """Map each media type of a success to its status; the lowest status wins."""
    found: dict[str, int] = {}
    for status, response in sorted(responses.items()):
        if status.isdigit() and status.startswith("2"):
            for media_type in response.contents:
                found.setdefault(media_type, int(status))
    return found


def _empty_status(responses: Mapping[str, Response]) -> int | None:
    for status, response in sorted(responses.items()):
        if status.isdigit() and status.startswith("2") and not response.contents:
            return int(status)
    return None
