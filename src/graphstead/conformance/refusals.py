"""Ask every operation for what its contract does not allow, in a bounded number of ways."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import orjson

from graphstead.conformance.checking import Result, Verdict, Wanted
from graphstead.conformance.client import Client
from graphstead.conformance.contract_checks import Contract
from graphstead.conformance.exchange import Exchange
from graphstead.conformance.operations import METHODS, Described
from graphstead.contract.schemas import Schemas, schemas_for

__all__ = ["refusals"]

GROUP = "refusals"
SENTENCE = "Refuses, with a reason, what its contract does not allow."
MOST_MEMBERS = 8
JSON = "application/json"
MOST_PROBES = 24
MOST_REASONS = 6
JUNK: tuple[Any, ...] = ({"junk": 1}, 7.5, "junk", ["junk", 1], True)
WHOLE: tuple[Any, ...] = ("junk", ["junk"], {"junk": 1}, None)
UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PARAMETER = re.compile(r"\{([^}]+)\}")
NOT_IMPLEMENTED = 501


@dataclass(frozen=True)
class Probe:
    """One request that has to be refused, and whether every server has to (or ours alone)."""

    what: str
    method: str
    path: str
    content: bytes | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON
    for_all: bool = True
    status: int | None = None


def refusals(
    client: Client, contract: Contract, asked: Iterable[Exchange], wanted: Wanted
) -> Iterator[Result]:
    """Yield a result for each wanted operation that was accepted before, as `asked` shows."""
    schemas = schemas_for(contract.document)
    accepted = _accepted(contract, asked)
    for one in contract.operations.judged:
        if one.label in accepted and wanted(GROUP, one.label):
            probes = list(_probes(one, accepted[one.label], contract, schemas))
            yield _tried(client, contract, one, probes[:MOST_PROBES])


def _accepted(contract: Contract, asked: Iterable[Exchange]) -> dict[str, Exchange]:
    """Return for each operation a request that it accepted."""
    found: dict[str, Exchange] = {}
    for exchange in asked:
        one = contract.operation_of(exchange)
        if one is not None and exchange.accepted:
            found.setdefault(one.label, exchange)
    return found


def _tried(client: Client, contract: Contract, one: Described, probes: Sequence[Probe]) -> Result:
    reasons: list[str] = []
    shown: list[Exchange] = []
    for probe in probes:
        found, exchange = _told(client, contract, one, probe)
        reasons += [f"{probe.what}: {reason}" for reason in found]
        if exchange is not None and found:
            shown.append(exchange)
    verdict = Verdict.FAIL if reasons else Verdict.PASS
    if not probes:
        verdict, reasons = Verdict.NOT_APPLICABLE, ["there is nothing that it could refuse"]
    sentence = f"{SENTENCE} {len(probes)} requests." if probes else SENTENCE
    return Result(
        GROUP, one.label, sentence, verdict, tuple(reasons[:MOST_REASONS]), tuple(shown[:2])
    )


def _told(
    client: Client, contract: Contract, one: Described, probe: Probe
) -> tuple[list[str], Exchange | None]:
    try:
        told = _sent(client, probe)
    except httpx.HTTPError as error:
        return [f"no answer: {type(error).__name__}"], None
    return list(_faults(contract, one, probe, told)), told


def _sent(client: Client, probe: Probe) -> Exchange:
    """Send a probe on a connection of its own: some servers close it after a fault."""
    typed = {} if probe.content is None else {"content-type": probe.content_type}
    return client.stream(
        probe.method,
        probe.path,
        query=probe.query or None,
        headers={**typed, "connection": "close"},
        content=probe.content,
        until=lambda events: len(events) > 1,
    )


def _faults(contract: Contract, one: Described, probe: Probe, told: Exchange) -> Iterator[str]:
    strict = contract.profile == "full"
    if told.status >= 500 and told.status != NOT_IMPLEMENTED:
        yield f"{told.status}, a fault of the server"
    elif not _refuses(one, told):
        if probe.for_all or strict:
            yield f"accepted with {told.status}"
    else:
        if strict and probe.status is not None and told.status != probe.status:
            yield f"{told.status} where {probe.status} was expected"
        if told.method == one.method:
            yield from contract.faults(one, told)


def _refuses(one: Described, told: Exchange) -> bool:
    """Tell whether an answer is a refusal, be it inside a 200 as some have it."""
    if 300 <= told.status < 500 or told.status == NOT_IMPLEMENTED:
        return True
    return (
        b"__error__" in told.body
        or b"event: error" in told.body
        or (one.speaks_rpc and b'"error"' in told.body)
    )


def _probes(
    one: Described, sound: Exchange, contract: Contract, schemas: Schemas
) -> Iterator[Probe]:
    """Yield the ways to break a request that was accepted."""
    parts = urlsplit(sound.url)
    path = parts.path.removeprefix(contract.root)
    query = dict(parse_qsl(parts.query))
    yield from _of_the_path(one, sound, query)
    yield from _of_the_query(one, path, query, sound)
    if one.body is not None:
        yield from _of_the_body(one, path, query, sound, schemas)
    yield from _of_the_method(one, path, contract)


def _of_the_path(one: Described, sound: Exchange, query: Mapping[str, str]) -> Iterator[Probe]:
    names = [found["name"] for found in one.named("path") if found["name"].endswith("_id")]
    if not names or one.path.startswith("/a2a"):
        return
    content = sound.request_body or None
    unknown = PARAMETER.sub(lambda match: str(uuid.uuid4()), one.path)
    malformed = PARAMETER.sub(lambda match: quote("no id!"), one.path)
    if "404" in one.statuses:
        yield Probe("an unknown id", one.method, unknown, content, query)
    yield Probe("a malformed id", one.method, malformed, content, query, for_all=False)


def _of_the_query(
    one: Described, path: str, query: Mapping[str, str], sound: Exchange
) -> Iterator[Probe]:
    content = sound.request_body or None
    for parameter in one.named("query"):
        name, schema = parameter["name"], parameter.get("schema", {})
        if schema.get("type") in ("integer", "boolean", "number"):
            junk = {**query, name: "junk"}
            yield Probe(f"{name}=junk", one.method, path, content, junk, for_all=False)
        if schema.get("type") == "integer" and schema.get("minimum", -1) >= 0:
            below = {**query, name: str(schema["minimum"] - 1)}
            yield Probe(f"{name} too small", one.method, path, content, below, for_all=False)


def _of_the_body(
    one: Described, path: str, query: Mapping[str, str], sound: Exchange, schemas: Schemas
) -> Iterator[Probe]:
    assert one.body is not None
    validator, sent = schemas.at(one.body.pointer), sound.request_body
    if one.requires_body:
        yield Probe("broken JSON", one.method, path, b'{"a": ', query)
        yield Probe("no body", one.method, path, b"", query)
    yield Probe(
        "a CSV", one.method, path, sent, query, content_type="text/csv", for_all=False, status=415
    )
    for candidates, must in _broken(orjson.loads(sent) if sent else None, one):
        found = next((pair for pair in candidates if not validator.ok(pair[1])), None)
        if found is not None:
            content = orjson.dumps(found[1])
            yield Probe(found[0], one.method, path, content, query, for_all=must)


def _broken(sound: Any, one: Described) -> Iterator[tuple[list[tuple[str, Any]], bool]]:
    """Yield bodies near a sound one, a few of each kind: of another type, a member missing, …

    Only those that break the schema are of use. The second of the pair tells whether every server
    has to refuse them.
    """
    for junk in WHOLE:
        yield [(f"{orjson.dumps(junk).decode()} as the body", junk)], True
    if not isinstance(sound, dict) or one.body is None:
        return
    schema = one.body.resolved().value
    required = schema.get("required", [])
    for name in required:
        yield [(f"no {name}", {key: sound[key] for key in sound if key != name})], True
    for name in list(schema.get("properties", {}))[:MOST_MEMBERS]:
        tried = [(f"{name}: {orjson.dumps(junk).decode()}", {**sound, name: junk}) for junk in JUNK]
        yield tried, name in required


def _of_the_method(one: Described, path: str, contract: Contract) -> Iterator[Probe]:
    """Yield a method that the path does not have, for the first operation of the path alone."""
    declared = contract.operations.methods(one.path)
    wrong = next((method for method in METHODS if method not in declared), None)
    if one.method == min(declared) and wrong is not None:
        unknown = UUID_TEXT.sub(str(uuid.uuid4()), path)
        yield Probe(f"the method {wrong}", wrong, unknown, for_all=False, status=405)
