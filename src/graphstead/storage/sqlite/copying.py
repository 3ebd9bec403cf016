"""Copy a database file while servers write it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from graphstead.storage.sqlite.opening import refusal

__all__ = ["copy_file"]


def copy_file(path: Path, target: Path) -> None:
    """Write everything committed in the file at `path` to `target`, which is there whole or not.

    One reading transaction, so writers are not held up. Raises DatabaseRefused, NotADatabase or
    OSError.
    """
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        with (
            closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(partial)) as copy,
        ):
            source.backup(copy)
    except sqlite3.Error as fault:
        partial.unlink(missing_ok=True)
        raise refusal(path, fault) from fault
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    partial.replace(target)
