"""The reference page of one operation, as Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphstead.contract.load import resolved
from graphstead.derive.catalogue import Entry, catalogue
from graphstead.derive.fragment import as_yaml, fragment
from graphstead.derive.samples import Sample

__all__ = ["Answer", "calls", "errors_table", "index_page", "page", "text_of"]

Answer = Mapping[str, Any]

INDEX = """> ## Documentation index
> Every page of this reference is listed in [llms.txt](../../llms.txt).
"""
KINDS = ("path", "query", "header")


@dataclass(frozen=True, slots=True)
class _Response:
    """One declared answer, with what it refers to put in place."""

    status: str
    members: Mapping[str, Any]

    @property
    def meaning(self) -> str:
        return flat(self.members["description"])

    @property
    def cure(self) -> str:
        return flat(self.members.get("x-graphstead-cure", ""))

    @property
    def media_types(self) -> Sequence[str]:
        return list(self.members.get("content", {}))


def page(
    document: Mapping[str, Any], entry: Entry, sample: Sample | None, answer: Answer | None
) -> str:
    """Return the whole page: its text, then the contract of the operation by itself."""
    contract = as_yaml(fragment(document, entry))
    section = f"## OpenAPI\n\n```yaml {entry.call}\n{contract}```\n"
    return f"{INDEX}\n{text_of(document, entry, sample, answer)}\n{section}"


def text_of(
    document: Mapping[str, Any], entry: Entry, sample: Sample | None, answer: Answer | None
) -> str:
    """Return what a page says in words: purpose, calls, parameters, answers, events, errors."""
    parts = [
        f"# {entry.title}\n",
        f"> {entry.purpose}\n",
        f"`{entry.call}` · {entry.tag} · operationId `{entry.operation_id}`{_support(entry)}\n",
        f"{paragraphs(entry.operation['description'])}\n",
        calls(entry, sample),
        _answered(answer),
        _parameters(document, entry),
        _answers(document, entry),
        _events(document, entry),
        "## When it refuses\n\n" + errors_table(document, entry),
        _onward(document, entry),
    ]
    return "\n".join(part for part in parts if part)


def _support(entry: Entry) -> str:
    support = entry.support
    return "" if support == "full" else f" · {support}: answers 501 in this version"


def calls(entry: Entry, sample: Sample | None) -> str:
    """Return the section with the three ways to call the operation; empty without a sample."""
    if sample is None:
        return ""
    ids = sample.needs(entry)
    own = f"\n{_own_words(ids)}\n" if ids else ""
    return (
        f"## Call it\n{own}\n"
        f"```sh\n{sample.curl(entry)}\n```\n\n"
        f"```python\n{sample.python_program()}\n```\n\n"
        f"```javascript\n{sample.javascript_program()}\n```\n"
    )


def _own_words(ids: Sequence[str]) -> str:
    names = ", ".join(f"`{name}`" for name in ids)
    return f"Of your own: {names}; upper-case shell variables in the first."


def _answered(answer: Answer | None) -> str:
    if answer is None:
        return ""
    head = f"What came back, with status {answer['status']}:"
    if "events" in answer:
        return f"{head}\n\n```text\n{answer['events'].rstrip()}\n```\n"
    if "text" in answer:
        return f"{head}\n\n```text\n{answer['text'].rstrip()}\n```\n"
    if answer.get("body") is None:
        return f"What comes back: status {answer['status']}, without a body.\n"
    return f"{head}\n\n```json\n{as_json(answer['body'])}\n```\n"


def _parameters(document: Mapping[str, Any], entry: Entry) -> str:
    given = [*entry.item.get("parameters", ()), *entry.operation.get("parameters", ())]
    found = [resolved(document, one) for one in given]
    rows = [_parameter_row(one) for kind in KINDS for one in found if one["in"] == kind]
    table = "\n".join(["| name | in | required | type | meaning |", "|---|---|---|---|---|", *rows])
    body = _body(document, entry)
    return f"## What it takes\n\n{table}\n{body}" if rows else f"## What it takes\n{body}"


def _parameter_row(one: Mapping[str, Any]) -> str:
    described: list[Mapping[str, Any]] = [one, *one.get("content", {}).values()]
    schema = next(part["schema"] for part in described if "schema" in part)
    required = "yes" if one.get("required") else "no"
    return cells(f"`{one['name']}`", one["in"], required, type_of(schema), one["description"])


def _body(document: Mapping[str, Any], entry: Entry) -> str:
    if "requestBody" not in entry.operation:
        return ""
    body = resolved(document, entry.operation["requestBody"])
    lines = []
    for media_type, content in body["content"].items():
        lines.append(f"\nBody, `{media_type}`: {flat(body.get('description', ''))}\n")
        lines.append(_members(document, content.get("schema", {})))
    return "\n".join(lines)


def _members(document: Mapping[str, Any], schema: Any) -> str:
    whole = resolved(document, schema)
    if whole.get("type") == "array":
        whole = resolved(document, whole.get("items", {}))
    properties, required = _properties(document, whole)
    if not properties:
        return ""
    rows = [
        cells(
            f"`{name}`",
            "yes" if name in required else "no",
            type_of(member),
            _default(member),
            resolved(document, member).get("description", ""),
        )
        for name, member in properties.items()
    ]
    head = ["| member | required | type | default | meaning |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def _properties(
    document: Mapping[str, Any], schema: Mapping[str, Any]
) -> tuple[dict[str, Any], set[str]]:
    """Return members and required names, those of every part of an `allOf` together."""
    properties, required = dict(schema.get("properties") or {}), set(schema.get("required", ()))
    for part in schema.get("allOf", ()):
        more, needed = _properties(document, resolved(document, part))
        properties, required = {**more, **properties}, required | needed
    return properties, required


def _default(member: Mapping[str, Any]) -> str:
    return f"`{json.dumps(member['default'])}`" if "default" in member else ""


def _answers(document: Mapping[str, Any], entry: Entry) -> str:
    rows = [
        cells(one.status, ", ".join(f"`{kind}`" for kind in one.media_types) or "none", one.meaning)
        for one in responses(document, entry)
        if one.status < "400"
    ]
    head = "## What it answers\n\n| status | content | meaning |\n|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def _events(document: Mapping[str, Any], entry: Entry) -> str:
    rows = [
        cells(f"`{name}`", schema.get("description", ""))
        for one in responses(document, entry)
        for name, schema in _event_schemas(document, one)
    ]
    if not rows:
        return ""
    return "## Events\n\n| event | meaning |\n|---|---|\n" + "\n".join(rows) + "\n"


def _event_schemas(
    document: Mapping[str, Any], answer: _Response
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    schema = answer.members.get("content", {}).get("text/event-stream", {}).get("schema")
    whole = resolved(document, schema) if schema else {}
    for choice in whole.get("oneOf") or whole.get("anyOf") or ():
        event = resolved(document, choice)
        named = resolved(document, event.get("properties", {}).get("event", {}))
        names = named.get("enum") or [named.get("const") or _begin(named.get("pattern", ""))]
        yield from ((str(name), event) for name in names if name)


def _begin(pattern: str) -> str:
    """Return the name that a pattern such as `^values(\\|.+)?$` begins with."""
    return pattern.removeprefix("^").partition("(")[0].rstrip("$")


def errors_table(document: Mapping[str, Any], entry: Entry) -> str:
    """Return the table of refusals: status, what it means, what to do about it."""
    rows = [
        cells(one.status, one.meaning, one.cure)
        for one in responses(document, entry)
        if one.status >= "400"
    ]
    return "| status | meaning | cure |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def responses(document: Mapping[str, Any], entry: Entry) -> list[_Response]:
    """Return the declared answers in the order of their statuses."""
    declared = entry.operation["responses"]
    return [_Response(status, resolved(document, declared[status])) for status in sorted(declared)]


def _onward(document: Mapping[str, Any], entry: Entry) -> str:
    links = {
        link["operationId"]: flat(link.get("description", ""))
        for one in responses(document, entry)
        for link in (resolved(document, each) for each in one.members.get("links", {}).values())
    }
    lines = [
        f"- [{other.title}](../{other.folder}/{other.name}.md): {links[other.operation_id]}"
        for other in catalogue(document)
        if other.operation_id in links
    ]
    return "## Where to go from the answer\n\n" + "\n".join(lines) + "\n" if lines else ""


def index_page(entries: Sequence[Entry]) -> str:
    """Return the list of all pages, by tag."""
    lines = ["# Reference", "", "Derived from the contract; one page for each operation.", ""]
    folder = ""
    for entry in entries:
        if entry.folder != folder:
            folder = entry.folder
            lines += [f"## {entry.tag}", "", "| call | page |", "|---|---|"]
        lines.append(cells(f"`{entry.call}`", f"[{entry.title}]({entry.folder}/{entry.name}.md)"))
    return "\n".join(lines) + "\n"


def type_of(schema: Mapping[str, Any]) -> str:
    """Say in a word or two what a schema admits."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(type_of(choice) for choice in choices))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type", "any")
    names = kind if isinstance(kind, list) else [kind]
    return " or ".join(_named(name, schema) for name in names)


def _named(name: str, schema: Mapping[str, Any]) -> str:
    if name == "array" and "items" in schema:
        return f"array of {type_of(schema['items'])}"
    return f"{name} ({schema['format']})" if "format" in schema and name != "null" else name


def cells(*texts: str) -> str:
    """Write one row of a table."""
    return "| " + " | ".join(flat(text).replace("|", "\\|") for text in texts) + " |"


def flat(text: str) -> str:
    """Put a text on one line."""
    return " ".join(str(text).split())


def paragraphs(text: str) -> str:
    """Keep paragraphs, tables and lists of a description as they are."""
    return str(text).strip()


def as_json(value: Any) -> str:
    """Write JSON data for people."""
    return json.dumps(value, ensure_ascii=False, indent=2)
