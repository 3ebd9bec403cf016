"""Rounds, medians, ratios: what is measured in turn is compared within its own round."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Comparison", "Target", "exit_code", "machine", "table"]


@dataclass(frozen=True, slots=True)
class Target:
    """What a ratio must reach: at least that much more, or at most that share."""

    ratio: float
    better: Literal["more", "less"] = "more"

    def met(self, ratio: float) -> bool:
        return ratio >= self.ratio if self.better == "more" else ratio <= self.ratio

    def __str__(self) -> str:
        if self.better == "more":
            return f">= {self.ratio:g}"
        return f"<= 1/{1 / self.ratio:g}" if self.ratio < 1 else f"<= {self.ratio:g}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure: ours and the baseline's, a value each per round."""

    name: str
    unit: str
    ours: Sequence[float]
    baseline: Sequence[float]
    target: Target | None

    @property
    def ratios(self) -> list[float]:
        return [mine / theirs for mine, theirs in zip(self.ours, self.baseline, strict=True)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def met(self) -> bool:
        return self.target is None or self.target.met(self.ratio)

    def row(self) -> list[str]:
        """Return the cells of a table row."""
        spread = f"{_short(min(self.ratios))} to {_short(max(self.ratios))}"
        return [
            self.name,
            f"{_short(statistics.median(self.ours))} {self.unit}",
            f"{_short(statistics.median(self.baseline))} {self.unit}",
            _short(self.ratio),
            spread,
            str(self.target or "none"),
            "-" if self.target is None else "yes" if self.met else "NO",
        ]


HEAD = ["measure", "graphstead", "baseline", "ratio", "of the rounds", "target", "met"]


def _short(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 0.001 else f"{value:.2e}"


def table(comparisons: Sequence[Comparison]) -> str:
    """Return a Markdown table with one comparison per row."""
    rows = [HEAD, *(comparison.row() for comparison in comparisons)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [_line(row, widths) for row in rows]
    return "\n".join([lines[0], _line(["-" * width for width in widths], widths), *lines[1:]])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"


def exit_code(comparisons: Sequence[Comparison]) -> int:
    """Return 1 where a target was missed."""
    return 0 if all(comparison.met for comparison in comparisons) else 1


def machine() -> str:
    """Describe where this runs, and how busy it was."""
    load = "/".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, load before {load}"
    )
