"""Calls of every operation that really run: with curl, and with the SDKs for Python and JavaScript.

`spec/samples/<tag>.yaml` holds them by operationId; tests run each against a server and compare
what comes back with the answer that was recorded.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from graphstead.contract.load import Document, read_text
from graphstead.derive.catalogue import Entry

__all__ = ["ADDRESS", "Sample", "needed", "read_answers", "read_samples"]

ADDRESS = "http://127.0.0.1:8123"
ANSWERS = "answers.json"
LINE = 84
PYTHON = f"""from langgraph_sdk import get_sync_client

client = get_sync_client(url="{ADDRESS}")
"""
JAVASCRIPT = f"""import {{ Client }} from "@langchain/langgraph-sdk";

const client = new Client({{ apiUrl: "{ADDRESS}" }});
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """One operation called in three ways.

    `python` and `javascript` are statements that use `client`, or whole programs where they import
    what they need. `max_time_s` ends the call of a stream that has no end of
    its own; `given` tells the tests what kind of row an id has to name.
    """

    operation_id: str
    python: str
    javascript: str
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    max_time_s: float | None = None
    given: Mapping[str, str] = field(default_factory=dict)

    def curl(self, entry: Entry) -> str:
        """Return a command for a POSIX shell; ids of the reader's own are shell variables."""
        words = [self._options(entry), f'"{ADDRESS}{self._target(entry)}"']
        lines = [" ".join(word for word in words if word)]
        given = dict(self.headers)
        if self.body is not None:
            given.setdefault("Content-Type", "application/json")
        lines += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in given.items()]
        if self.body is not None:
            lines.append(f"-d {_quoted(_json(self.body))}")
        return " \\\n  ".join(lines)

    def _options(self, entry: Entry) -> str:
        words = ["curl", "-sN" if streams(entry) else "-s"]
        if entry.method != ("get" if self.body is None else "post"):
            words += ["-X", entry.method.upper()]
        if self.max_time_s is not None:
            words += ["--max-time", f"{self.max_time_s:g}"]
        return " ".join(words)

    def _target(self, entry: Entry) -> str:
        path = entry.path
        for name in names_in(path):
            path = path.replace(f"{{{name}}}", self.path.get(name, f"${name.upper()}"))
        query = urlencode(self.query, doseq=True)
        return f"{path}?{query}" if query else path

    def python_program(self) -> str:
        """Return a program; ids of the reader's own are variables named as in the contract."""
        return _whole(PYTHON, self.python)

    def javascript_program(self) -> str:
        """Return an ES module, likewise."""
        return _whole(JAVASCRIPT, self.javascript)

    def needs(self, entry: Entry) -> tuple[str, ...]:
        """Name what the reader has to bring: path parameters, and `$NAME` in query or body."""
        own = [name for name in names_in(entry.path) if name not in self.path]
        return tuple(dict.fromkeys([*own, *needed(json.dumps([self.body, dict(self.query)]))]))


def _json(value: Any) -> str:
    """Write JSON on one line where it is short, else over several."""
    line = json.dumps(value, ensure_ascii=False)
    return line if len(line) <= LINE else json.dumps(value, ensure_ascii=False, indent=2)


def _whole(head: str, text: str) -> str:
    body = text.rstrip("\n")
    return body if "import " in text else f"{head}\n{body}"


def _quoted(text: str) -> str:
    """Quote for the shell so that `$NAME` still becomes the reader's id."""
    if "$" not in text:
        return shlex.quote(text)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def needed(text: str) -> Iterator[str]:
    """Yield the names of shell variables in a text, in lower case."""
    for part in text.split("$")[1:]:
        name = "".join(_leading_name(part))
        if name:
            yield name.lower()


def _leading_name(text: str) -> Iterator[str]:
    for letter in text:
        if not (letter.isupper() or letter == "_"):
            return
        yield letter


def names_in(path: str) -> list[str]:
    """Return the parameters of a path template in their order."""
    return [part.partition("}")[0] for part in path.split("{")[1:]]


def streams(entry: Entry) -> bool:
    """Tell whether the answer is a stream of events."""
    contents = (answer.get("content", {}) for answer in entry.operation["responses"].values())
    return any("text/event-stream" in content for content in contents)


def read_samples() -> dict[str, Sample]:
    """Return the samples by operationId. Raises StartupError where a file is not sound."""
    found: dict[str, Sample] = {}
    for source in sorted(_folder().iterdir(), key=lambda path: path.name):
        if source.name.endswith(".yaml"):
            for operation_id, members in read_text(source.read_text("utf-8"), source.name).items():
                found[operation_id] = Sample(operation_id=operation_id, **members)
    return found


def read_answers() -> Document:
    """Return the recorded answers by operationId: `status`, and `body` or `events`."""
    source = _folder() / ANSWERS
    answers: Document = json.loads(source.read_text("utf-8")) if source.is_file() else {}
    return answers


def _folder() -> Any:
    return files("graphstead.spec").joinpath("samples")
