"""Skill bundles: what an agent needs in order to use one operation, or the whole API.

The shape is that of a skill folder: `SKILL.md` to begin with, `docs/` to read, `schemas/` to check
against, `examples/` to copy from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphstead.contract.load import render, resolved
from graphstead.derive.catalogue import Entry
from graphstead.derive.fragment import as_yaml, dereferenced, fragment
from graphstead.derive.reference import (
    Answer,
    as_json,
    calls,
    cells,
    errors_table,
    flat,
    responses,
)
from graphstead.derive.samples import Sample

__all__ = ["contract_hash", "skill", "skill_name", "whole_skill"]

WHOLE = "agent-server"


def contract_hash(document: Mapping[str, Any]) -> str:
    """Return what identifies a contract: the SHA-256 of the bundle, sixteen digits of it."""
    return hashlib.sha256(render(dict(document))).hexdigest()[:16]


def skill_name(entry: Entry) -> str:
    """Return the folder of an operation's bundle."""
    return f"{entry.folder}-{entry.name}"


def skill(
    document: Mapping[str, Any],
    entry: Entry,
    sample: Sample | None,
    answer: Answer | None,
) -> dict[str, str]:
    """Return the files of one operation's bundle by path, pinned to its part of the contract."""
    files = dict(_files(document, entry, sample, answer))
    pin = contract_hash(fragment(document, entry))
    return {"SKILL.md": _entry_page(document, entry, files, pin), **files}


def _files(
    document: Mapping[str, Any], entry: Entry, sample: Sample | None, answer: Answer | None
) -> Iterator[tuple[str, str]]:
    yield f"docs/{entry.name}.md", _guide(document, entry)
    for name, schema in _schemas(document, entry):
        yield f"schemas/{name}.json", as_json(dereferenced(document, schema)) + "\n"
    yield f"examples/{entry.name}.openapi.yaml", as_yaml(fragment(document, entry))
    if sample is not None:
        yield "examples/requests.md", _requests(entry, sample, answer)
    yield "examples/errors.md", _errors(document, entry)


def _guide(document: Mapping[str, Any], entry: Entry) -> str:
    rows = [cells(one.status, one.meaning) for one in responses(document, entry)]
    table = "| status | meaning |\n|---|---|\n" + "\n".join(rows)
    description = str(entry.operation["description"]).strip()
    return f"# {entry.title}\n\n`{entry.call}`\n\n{description}\n\n## Answers\n\n{table}\n"


def _schemas(document: Mapping[str, Any], entry: Entry) -> Iterator[tuple[str, Any]]:
    """Yield a name and a schema for what is sent and for what comes back in success."""
    if "requestBody" in entry.operation:
        body = resolved(document, entry.operation["requestBody"])
        yield from _contents("request", body)
    for one in responses(document, entry):
        if one.status < "300":
            yield from _contents(f"answer-{one.status}", one.members)


def _contents(name: str, body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for media_type, content in body.get("content", {}).items():
        if "schema" in content:
            kind = "event" if media_type == "text/event-stream" else ""
            yield f"{name}-{kind}" if kind else name, content["schema"]


def _requests(entry: Entry, sample: Sample, answer: Answer | None) -> str:
    text = f"# Requests\n\n{calls(entry, sample)}"
    if answer is None:
        return text
    shown = answer.get("events") or answer.get("text") or as_json(answer.get("body"))
    return f"{text}\nA real answer, status {answer['status']}:\n\n```text\n{shown.rstrip()}\n```\n"


def _errors(document: Mapping[str, Any], entry: Entry) -> str:
    text = f"# When it refuses\n\n{errors_table(document, entry)}"
    for one in responses(document, entry):
        examples = one.members.get("content", {}).get("application/json", {}).get("examples", {})
        for example in examples.values() if one.status >= "400" else ():
            text += f"\n{one.status}, {flat(example['summary'])}:\n\n```json\n"
            text += f"{as_json(example['value'])}\n```\n"
    return text


def _entry_page(
    document: Mapping[str, Any], entry: Entry, files: Mapping[str, str], pin: str
) -> str:
    rows = [cells(f"`{path}`", *_contains(path)) for path in files]
    table = "\n".join(["| file | contains | use for |", "|---|---|---|", *rows])
    return f"""---
name: {skill_name(entry)}
description: {as_json(entry.purpose)}
---

# {entry.title}

{entry.purpose}

## When to use

Use it to call `{entry.call}` of an Agent Server (tag {entry.tag}).

## Reference files

{table}

## Workflow

1. Read the page under `docs/`: what the call does, and what each status means.
2. Build the request from a call in `examples/`; check it against `schemas/` where it has a body.
3. On a refusal look its status up in `examples/errors.md` before trying again.
4. Send nothing that the contract in `examples/{entry.name}.openapi.yaml` does not describe.

Canonical source: `{entry.call}` in `/openapi.json` of the server, contract `{pin}`, version \
{document["info"]["version"]}.
"""


def _contains(path: str) -> tuple[str, str]:
    folder, _, name = path.partition("/")
    if folder == "docs":
        return "What the call does", "Understanding it"
    if folder == "schemas":
        what = "request body" if name.startswith("request") else "answer"
        return f"JSON Schema of the {what}, complete in itself", "Checking data"
    if name == "requests.md":
        return "Calls that were executed, and a real answer", "Copying"
    if name == "errors.md":
        return "Every refusal with its cure", "Recovering"
    return "The OpenAPI document of this one operation", "Exact names, types and bounds"


def whole_skill(document: Mapping[str, Any], entries: Sequence[Entry], pin: str) -> dict[str, str]:
    """Return the files of the bundle for the whole API."""
    rows = [
        cells(f"`{entry.call}`", entry.purpose, f"`docs/{entry.folder}.md`") for entry in entries
    ]
    table = "\n".join(["| call | what it is for | read |", "|---|---|---|", *rows])
    info = document["info"]
    head = f"""---
name: {WHOLE}
description: "Runs LangGraph graphs over HTTP: assistants, threads, runs, streams, crons, store."
---

# The Agent Server API

{info["summary"]}

## When to use

Use it to start, follow and steer runs of graphs on an Agent Server, and to read what they left.

## Reference files

{table}

## Workflow

1. Find the call in the table, then read its section in the file beside it.
2. For exact schemas open `/docs/<tag>/<operation>.md` or `/openapi.json` of the server.
3. For a bundle of one operation alone: `/skills/<tag>-<operation>.zip`.

Canonical source: `/openapi.json` of the server, contract `{pin}`, version {info["version"]}.
"""
    return {"SKILL.md": head, **_by_tag(document, entries)}


def _by_tag(document: Mapping[str, Any], entries: Sequence[Entry]) -> dict[str, str]:
    files = {"docs/concepts.md": f"# Concepts\n\n{document['info']['description'].strip()}\n"}
    for tag in document["tags"]:
        own = [entry for entry in entries if entry.tag == tag["name"]]
        sections = "\n".join(_guide(document, entry).replace("#", "##", 1) for entry in own)
        if own:
            text = f"# {tag['name']}\n\n{flat(tag['description'])}\n\n{sections}"
            files[f"docs/{own[0].folder}.md"] = text
    return files
