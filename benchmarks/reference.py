"""This server, durable, beside the reference's development server, which keeps all in memory.

    python -m benchmarks.reference --reference "langgraph dev" [--short] [--only creates ...]

Both run the same graphs (benchmarks/project) with their default logs, one after the other in
every round. Without --reference only our own figures are shown. Exits with 1 where a target is
missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import uvloop

from benchmarks.parts import PARTS, Figure, Part, Scale
from benchmarks.rounds import Comparison, exit_code, machine, table
from benchmarks.served import Kind, Served, graphstead, reference, served


@dataclass(slots=True)
class Rounds:
    """The figures of one server, and the processor time in ms that each item cost it."""

    figures: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)


def measure(part: Part, kinds: Sequence[Kind], scale: Scale, rounds: int) -> dict[str, Rounds]:
    """Run one part on fresh servers, in turn, after a warm-up that does not count."""
    found = {kind.name: Rounds() for kind in kinds}
    with ExitStack() as stack:
        servers = {kind.name: stack.enter_context(served(kind, jobs=part.jobs)) for kind in kinds}
        for server in servers.values():
            once(part, server, Scale.short())
        for _ in range(rounds):
            for name, server in servers.items():
                figure, cpu_ms = once(part, server, scale)
                found[name].figures.append(figure)
                found[name].cpu_ms.append(cpu_ms)
    return found


def once(part: Part, server: Served, scale: Scale) -> tuple[float, float]:
    """Return the part's figure and the server's processor time per item in ms."""
    before_s = server.cpu_s()
    figure = uvloop.run(_figure(part, server, scale))
    cpu_ms = (server.cpu_s() - before_s) * 1000 / figure.items
    # What the part left behind (logs, garbage) is not the next one's.
    time.sleep(0.3)
    return figure.value, cpu_ms


async def _figure(part: Part, server: Served, scale: Scale) -> Figure:
    return await part.measure(server.address, scale)


def compare(part: Part, found: Mapping[str, Rounds]) -> list[Comparison]:
    """Return the figure against its target, and the processor time for the reader."""
    ours, theirs = found["graphstead"], found["reference"]
    return [
        Comparison(part.name, part.unit, ours.figures, theirs.figures, part.target),
        Comparison(f"{part.name}: processor", "ms", ours.cpu_ms, theirs.cpu_ms, None),
    ]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reference", help="command of the reference, as 'langgraph dev'")
    parser.add_argument("--ours", help="command of this server; 'graphstead dev' is the default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--short", action="store_true", help="less of everything: for a look")
    parser.add_argument("--only", nargs="*", default=[], help="parts whose names contain this")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    scale = Scale.short() if given.short else Scale.full()
    kinds = [graphstead(given.ours)]
    if given.reference:
        kinds.append(reference(given.reference))
    print(machine(), flush=True)
    comparisons: list[Comparison] = []
    for part in PARTS:
        if given.only and not any(text in part.name for text in given.only):
            continue
        found = measure(part, kinds, scale, given.rounds)
        if given.reference:
            compared = compare(part, found)
            comparisons += compared
            print(*(" ".join(one.row()) for one in compared), sep="\n", flush=True)
        else:
            show_alone(part, found["graphstead"])
    if comparisons:
        print(table(comparisons))
    return exit_code(comparisons)


def show_alone(part: Part, ours: Rounds) -> None:
    """Print our own figures where there is nothing to compare them with."""
    shown = ", ".join(f"{value:.4g}" for value in ours.figures)
    cpu = ", ".join(f"{value:.3g}" for value in ours.cpu_ms)
    print(f"{part.name}: {shown} {part.unit} (processor {cpu} ms); no --reference", flush=True)


if __name__ == "__main__":
    sys.exit(main())
