"""The operations of the contract as pages: where each lives, what it is called, what it is for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Entry", "catalogue", "entries", "slug"]

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation: its place in the document and its place in the docs."""

    method: str
    path: str
    operation: Mapping[str, Any]
    item: Mapping[str, Any]

    @property
    def operation_id(self) -> str:
        """Return the operationId, which also names the handler."""
        return str(self.operation["operationId"])

    @property
    def tag(self) -> str:
        """Return the first tag, which also names the handler's module."""
        return str(self.operation["tags"][0])

    @property
    def support(self) -> str:
        """Return `full`, or `planned` where this version answers 501."""
        return str(self.operation.get("x-graphstead-support", "full"))

    @property
    def title(self) -> str:
        """Return the summary: the title of the page."""
        return str(self.operation["summary"])

    @property
    def purpose(self) -> str:
        """Return the first sentence of the description."""
        return first_sentence(self.operation["description"])

    @property
    def folder(self) -> str:
        """Return the tag as a part of a path."""
        return slug(self.tag)

    @property
    def name(self) -> str:
        """Return the title as a part of a path, unique within its tag."""
        return slug(self.title)

    @property
    def call(self) -> str:
        """Return method and path, such as ``POST /runs/batch``."""
        return f"{self.method.upper()} {self.path}"


def entries(document: Mapping[str, Any]) -> Iterator[Entry]:
    """Yield every operation, in the order of the document's paths."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if operation := item.get(method):
                yield Entry(method, path, operation, item)


def catalogue(document: Mapping[str, Any]) -> tuple[Entry, ...]:
    """Return every operation, in the order of the document's tags, then of its paths."""
    order = [slug(tag["name"]) for tag in document["tags"]]
    return tuple(sorted(entries(document), key=lambda entry: order.index(entry.folder)))


def slug(text: str) -> str:
    """Write a title as lower-case words joined by hyphens."""
    return "-".join(re.findall(r"[a-z0-9]+", text.lower().replace("'", "")))


def first_sentence(text: str) -> str:
    """Return the text up to the first full stop that ends a sentence."""
    flat = " ".join(text.split())
    return re.split(r"(?<=[.!?])\s(?=[A-Z`])", flat, maxsplit=1)[0]
