"""Runs `storage/actor.py` in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import graphstead

ACTOR = Path(__file__).with_name("actor.py")


@contextmanager
def actor(role: str, database: Path, *args: str) -> Iterator[subprocess.Popen[str]]:
    """Start an actor on this database; it is killed at the end at the latest."""
    process = subprocess.Popen(
        [sys.executable, str(ACTOR), role, str(database), *args],
        env={**os.environ, "PYTHONPATH": str(Path(graphstead.__file__).parents[1])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    """Return the next line the actor says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str], line: str = "") -> None:
    """Send the actor a line."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
