"""The operations of the contract, as the tests of this folder name them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graphstead.contract.load import Document, packaged

METHODS = ("get", "put", "post", "delete", "patch")
DOCUMENT: Document = packaged()


@dataclass(frozen=True)
class Described:
    """One operation of the contract."""

    operation_id: str
    method: str
    path: str
    planned: bool
    responses: tuple[str, ...]
    value: Any

    @property
    def label(self) -> str:
        return f"{self.method} {self.path}"


def described() -> Iterator[Described]:
    """Yield every operation of the contract."""
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                value = item[method]
                yield Described(
                    operation_id=value["operationId"],
                    method=method.upper(),
                    path=path,
                    planned=value["x-graphstead-support"] == "planned",
                    responses=tuple(value["responses"]),
                    value=value,
                )


OPERATIONS = tuple(described())
# A WebSocket is no matter of requests and answers: tests/streaming judges its frames.
FULL = tuple(one for one in OPERATIONS if not one.planned and "x-websocket" not in one.value)
