"""Run the same scripted calls against two servers and print where they answer differently."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from graphstead.conformance.differences import ABSENT, Difference, Found, differences, grouped
from graphstead.conformance.normal import normal
from graphstead.conformance.play import BROKEN_OFF, Answer, Play
from graphstead.conformance.scenes_runs import SCENES as RUNS
from graphstead.conformance.scenes_streams import streams
from graphstead.conformance.scenes_threads import SCENES as THREADS
from graphstead.conformance.stage import Scene, graphs_of

__all__ = ["compare", "main", "report"]

AT_ONCE = 4
WIDTH = 160


def compare(base_a: str, base_b: str, only: Sequence[str] = ()) -> list[Found]:
    """Play the scenes (all of them by default) against both servers; return what differs.

    Raises httpx.HTTPError where a server cannot be reached.
    """
    graphs = graphs_of(base_a) & graphs_of(base_b)
    every = (*THREADS, *RUNS, *streams(graphs))
    scenes = [one for one in every if one.graphs <= graphs and (not only or one.name in only)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        pairs = pool.map(lambda scene: _both(base_a, base_b, scene), scenes)
        return grouped(found for a, b in pairs for found in _beside(a, b))


def _both(base_a: str, base_b: str, scene: Scene) -> tuple[Play, Play]:
    a, b = Play(base_a, scene.name), Play(base_b, scene.name)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda play: play.perform(scene.act), (a, b)))
    return a, b


def _beside(a: Play, b: Play) -> Iterator[tuple[str, Difference]]:
    """Pair the answers of both sides by the name of the call."""
    for call in [*a.answers, *(call for call in b.answers if call not in a.answers)]:
        left, right = a.answers.get(call), b.answers.get(call)
        if left is None or right is None:
            yield call, Difference("answer", _outline(left), _outline(right))
            continue
        for one in differences(normal(left, a.names), normal(right, b.names)):
            yield call, one


def _outline(answer: Answer | None) -> str:
    if answer is None:
        return ABSENT
    return str(answer.body) if answer.status == BROKEN_OFF else str(answer.status)


def report(found: Sequence[Found]) -> str:
    """Return the differences as text, one paragraph each."""
    lines: list[str] = []
    for one in found:
        more = f" and {len(one.calls) - 1} more" if len(one.calls) > 1 else ""
        lines += [f"{one.difference.path}   ({one.calls[0]}{more})"]
        lines += [f"  A {_cut(one.difference.a)}", f"  B {_cut(one.difference.b)}"]
    return "\n".join([*lines, f"Differences: {len(found)}"])


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"


def as_json(found: Sequence[Found]) -> str:
    """Return the differences as a JSON array."""
    rows = [
        {
            "path": one.difference.path,
            "a": one.difference.a,
            "b": one.difference.b,
            "calls": one.calls,
        }
        for one in found
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def main(arguments: Sequence[str]) -> int:
    """Compare and print; always 0, for differences are facts and no failure."""
    parser = argparse.ArgumentParser("compare", description=__doc__)
    parser.add_argument("base_a", help="for example http://127.0.0.1:8123")
    parser.add_argument("base_b")
    parser.add_argument("--scene", action="append", default=[], help="only this one; repeatable")
    parser.add_argument("--json", action="store_true", help="print a JSON array")
    given = parser.parse_args(arguments)
    found = compare(given.base_a, given.base_b, given.scene)
    print(as_json(found) if given.json else report(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
