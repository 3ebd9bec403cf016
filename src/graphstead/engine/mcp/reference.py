"""What the engine asks the contract layer for, which it must not import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from graphstead.problems import FieldError
from graphstead.storage.rows import Json


class Reference(Protocol):
    """The contract, ready to be searched, shown and applied."""

    def search(self, query: str, limit: int) -> list[Json]:
        """Return operations, best first."""

    def show(self, name: str) -> Json:
        """Return an operation or a schema. Raises NotFound."""

    def judge(self, name: str, payload: Any) -> Json:
        """Judge a request body. Raises NotFound."""

    def faults_of(self, schema: Mapping[str, Any], value: Any, loc: str) -> Sequence[FieldError]:
        """Judge a value by any schema."""
