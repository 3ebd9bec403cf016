"""Loads the named, described SQL of `sql/<topic>.sql`.

A dialect's differences live in `sql/<topic>.<dialect>.sql` under the same names and replace the
portable text. `{topic.name}` inside a query is replaced by that named text; other braces are
left for the caller to fill with named texts, never with values: values are always bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

_INCLUDE = re.compile(r"\{([a-z_]+\.[a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Query:
    """One named statement or part of one."""

    name: str
    description: str
    sql: str


def parse(text: str) -> Iterator[Query]:
    """Yield the queries of one file: a `-- name:` line, description lines, then SQL."""
    for part in re.split(r"^-- name:", text, flags=re.MULTILINE)[1:]:
        name, *lines = part.strip().splitlines()
        split = next((i for i, line in enumerate(lines) if not line.startswith("--")), len(lines))
        description = " ".join(line.lstrip("- ").strip() for line in lines[:split])
        yield Query(name.strip(), description, "\n".join(lines[split:]).strip().rstrip(";"))


def load(dialect: str) -> Mapping[str, Query]:
    """Return every query of this dialect by name, with includes resolved."""
    portable: dict[str, Query] = {}
    special: dict[str, Query] = {}
    for file in sorted(files("graphstead.storage").joinpath("sql").iterdir(), key=lambda f: f.name):
        _topic, *dialects, suffix = file.name.split(".")
        if suffix == "sql" and dialects in ([], [dialect]):
            found = special if dialects else portable
            found.update((query.name, query) for query in parse(file.read_text("utf-8")))
    queries = {**portable, **special}

    def resolved(sql: str) -> str:
        return _INCLUDE.sub(lambda match: resolved(queries[match[1]].sql), sql)

    return MappingProxyType(
        {name: Query(name, q.description, resolved(q.sql)) for name, q in queries.items()}
    )
