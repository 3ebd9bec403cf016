"""Labels of threads: the scalar members of their metadata, in a table that triggers keep.

What has a label here has one there (migration 0004); what has none is found by containment alone.
"""

from __future__ import annotations

import re
from typing import Any

from graphstead.storage.rows import Json

__all__ = ["Label", "labels_of"]

Label = tuple[str, str]

_KEY = re.compile(r"[\w .:/@-]{1,64}", re.ASCII)
_LONGEST_VALUE = 128
_LARGEST = 2**53


def labels_of(metadata: Json) -> list[Label]:
    """Return (key, value as stored) of the members that threads are labelled with."""
    pairs = ((key, _value(value)) for key, value in metadata.items() if _KEY.fullmatch(key))
    return [(key, value) for key, value in pairs if value is not None]


def _value(value: Any) -> str | None:
    if isinstance(value, str):
        short = len(value) <= _LONGEST_VALUE and "\0" not in value
        return f'"{value}' if short else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and abs(value) <= _LARGEST and value == int(value):
        return str(int(value))
    return None
