"""The list of deliberate differences names tests that exist."""

from __future__ import annotations

import re

from servers import ROOT

PAGE = (ROOT / "docs" / "behaviour.md").read_text("utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and "| test |" not in line]


def known_tests() -> set[str]:
    files = (ROOT / "tests").rglob("test_*.py")
    return {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text())}


def test_every_difference_names_its_test() -> None:
    assert ROWS
    assert [row for row in ROWS if "`test_" not in row] == []


def test_every_named_test_exists() -> None:
    assert set(re.findall(r"`(test_\w+)`", PAGE)) - known_tests() == set()
