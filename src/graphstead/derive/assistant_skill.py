"""The skill bundle of one assistant: what somebody needs in order to use it, and nothing else."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from graphstead.contract.load import Document
from graphstead.derive.assistant_contract import FACTS, Portrait, example_run
from graphstead.derive.catalogue import slug
from graphstead.derive.graph_components import PARTS, graph_components
from graphstead.derive.message_forms import with_message_forms
from graphstead.derive.reference import as_json, cells
from graphstead.derive.samples import ADDRESS

__all__ = ["assistant_skill", "assistant_skill_name"]

LINE = 84
DIALECT = "https://json-schema.org/draft/2020-12/schema"
MEANINGS = {
    "input": "What a run takes as `input`",
    "output": "What a run ends with",
    "state": "The state that a thread keeps, as `values`",
    "context": "What it reads from `context`",
}
PROGRAMS = {"run.sh": "curl", "run.py": "the SDK for Python", "run.mjs": "the SDK for JavaScript"}
CURL = """#!/bin/sh
# Make a thread, run {name} on it and wait, then answer what it asks if there is an ANSWER.
set -eu
url=${{AGENT_SERVER_URL:-{address}}}
call() {{
    curl -sS "$url$1" -H 'Content-Type: application/json' \\
        ${{LANGGRAPH_API_KEY:+-H "X-Api-Key: $LANGGRAPH_API_KEY"}} -d "$2"
}}
thread_id=$(call /threads '{{}}' | sed 's/.*"thread_id":"\\([^"]*\\)".*/\\1/')
call "/threads/$thread_id/runs/wait" {body}
echo
if [ -n "${{ANSWER:-}}" ]; then
    call "/threads/$thread_id/runs/wait" \\
        "{{\\"assistant_id\\":\\"{assistant}\\",\\"command\\":{{\\"resume\\":$ANSWER}}}}"
    echo
fi
"""
PYTHON = """\"\"\"Make a thread, follow a run of {title} on it, then answer what it asks.\"\"\"

import json
import os

from langgraph_sdk import get_sync_client

ASSISTANT = {assistant}
INPUT = {input}{context}

with get_sync_client(url=os.environ.get("AGENT_SERVER_URL", "{address}")) as client:
    thread_id = client.threads.create()["thread_id"]
    for part in client.runs.stream(
        thread_id, ASSISTANT, input=INPUT, {own}stream_mode="updates"
    ):
        print(part.event, json.dumps(part.data))
    state = client.threads.get_state(thread_id)
    if state["interrupts"] and "ANSWER" in os.environ:
        answer = {{"resume": json.loads(os.environ["ANSWER"])}}
        client.runs.wait(thread_id, ASSISTANT, command=answer)
        state = client.threads.get_state(thread_id)
    print(json.dumps(state["values"]))
"""
JAVASCRIPT = """// Make a thread, follow a run of {title} on it, then answer what it asks.
import {{ Client }} from "@langchain/langgraph-sdk";

const ASSISTANT = {assistant};
const INPUT = {input};{context}

const {{ AGENT_SERVER_URL, ANSWER }} = process.env;
const client = new Client({{ apiUrl: AGENT_SERVER_URL ?? "{address}" }});
const {{ thread_id }} = await client.threads.create();
const options = {{ input: INPUT, {own}streamMode: "updates" }};
for await (const part of client.runs.stream(thread_id, ASSISTANT, options)) {{
  console.log(part.event, JSON.stringify(part.data));
}}
let state = await client.threads.getState(thread_id);
if (state.tasks.some((task) => task.interrupts.length) && ANSWER !== undefined) {{
  await client.runs.wait(thread_id, ASSISTANT, {{ command: {{ resume: JSON.parse(ANSWER) }} }});
  state = await client.threads.getState(thread_id);
}}
console.log(JSON.stringify(state.values));
"""


def assistant_skill_name(portrait: Portrait) -> str:
    """Return the folder of an assistant's bundle."""
    return f"assistant-{slug(portrait.name) or slug(portrait.graph_id) or portrait.assistant_id}"


def _title(portrait: Portrait) -> str:
    """Return the name on one line."""
    return " ".join(portrait.name.split()) or portrait.graph_id


def assistant_skill(contract: Document, portrait: Portrait, base_path: str = "") -> dict[str, str]:
    """Return the files of the bundle by path; `contract` is the assistant's own."""
    run = example_run(portrait, graph_components(portrait.schemas))
    programs = _programs(portrait, run, f"{ADDRESS}{base_path}")
    files = {"docs/calls.md": _calls(portrait, programs)}
    for part in PARTS:
        if schema := portrait.schemas.get(f"{part}_schema"):
            schema = with_message_forms(schema) if part == "input" else schema
            files[f"schemas/{part}.json"] = as_json({"$schema": DIALECT, **schema}) + "\n"
    files["examples/input.json"] = as_json(run["input"]) + "\n"
    files |= {f"examples/{name}": text for name, text in programs.items()}
    files["examples/openapi.json"] = as_json(contract) + "\n"
    return {"SKILL.md": _entry_page(portrait, files, contract), **files}


def _programs(portrait: Portrait, run: Document, address: str) -> dict[str, str]:
    """Return the programs by file name; each makes a thread, a run, and an answer if asked."""
    title = _title(portrait)
    shared = {"address": address, "title": title.replace('"', "'").replace("\\", "/")}
    context = run.get("context")
    quoted = json.dumps(run["assistant_id"])
    return {
        "run.sh": CURL.format(
            name=title,
            address=address,
            body=shlex.quote(_json(run)),
            assistant=portrait.assistant_id,
        ),
        "run.py": PYTHON.format(
            **shared,
            assistant=quoted,
            input=_python(run["input"]),
            context="" if context is None else f"\nCONTEXT = {_python(context)}",
            own="" if context is None else "context=CONTEXT, ",
        ),
        "run.mjs": JAVASCRIPT.format(
            **shared,
            assistant=quoted,
            input=_json(run["input"]),
            context="" if context is None else f"\nconst CONTEXT = {_json(context)};",
            own="" if context is None else "context: CONTEXT, ",
        ),
    }


def _json(value: Any) -> str:
    """Write JSON on one line where it is short, else over several."""
    line = json.dumps(value, ensure_ascii=False)
    return line if len(line) <= LINE else json.dumps(value, ensure_ascii=False, indent=2)


def _python(value: Any) -> str:
    """Write a JSON value as Python has it; short texts alone keep their double quotes."""
    match value:
        case None | bool():
            return repr(value)
        case dict():
            return "{" + ", ".join(f"{_python(k)}: {_python(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_python, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _calls(portrait: Portrait, programs: Mapping[str, str]) -> str:
    parts = [
        f"# Calls of {_title(portrait)}\n",
        "Each program makes a thread, runs the assistant on it and shows what comes of it. "
        "`AGENT_SERVER_URL` says where the server is, `LANGGRAPH_API_KEY` is sent where it asks "
        "for a key, and `ANSWER`, as JSON, answers a question that the graph stops with.\n",
    ]
    for name, text in programs.items():
        language = {"sh": "sh", "py": "python", "mjs": "javascript"}[name.partition(".")[2]]
        parts.append(f"## With {PROGRAMS[name]}\n\n```{language}\n{text.rstrip()}\n```\n")
    return "\n".join(parts)


def _contains(path: str) -> tuple[str, str]:
    folder, _, name = path.partition("/")
    stem = name.partition(".")[0]
    if folder == "docs":
        return "Calls in three languages", "Reading"
    if folder == "schemas":
        return f"JSON Schema: {MEANINGS[stem][0].lower()}{MEANINGS[stem][1:]}", "Checking data"
    if name == "openapi.json":
        return "The OpenAPI document of this assistant", "Exact names, types and bounds"
    if name == "input.json":
        return "An input that the schema admits", "Starting from"
    return f"A program for {PROGRAMS[name]}", "Running, copying"


def _entry_page(portrait: Portrait, files: Mapping[str, str], contract: Document) -> str:
    rows = [cells(f"`{path}`", *_contains(path)) for path in files]
    table = "\n".join(["| file | contains | use for |", "|---|---|---|", *rows])
    purpose = " ".join((portrait.description or f"The assistant {_title(portrait)}.").split())
    facts = contract[FACTS]
    return f"""---
name: {assistant_skill_name(portrait)}
description: {json.dumps(purpose, ensure_ascii=False)}
---

# {_title(portrait)}

{purpose}

## When to use

Use it to run this assistant, of the graph `{portrait.graph_id}`, on an Agent Server.

## Reference files

{table}

## Workflow

1. Write an input by `schemas/input.json`, beginning from `examples/input.json`.
2. Make a thread with `POST /threads`; it keeps the state between runs.
3. Run on it: `POST /threads/{{thread_id}}/runs/wait` for the output, \
`POST /threads/{{thread_id}}/runs/stream` to follow the steps.
4. Where the output has `__interrupt__`, the graph asks: answer with `command.resume` in a run \
without input.
5. Read what the thread keeps with `GET /threads/{{thread_id}}/state`.

Canonical source: `/assistants/{portrait.assistant_id}/openapi.json` of the server, version \
{portrait.version} of the assistant, contract `{facts["contract"]}`.
"""
