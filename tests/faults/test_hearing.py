"""The judge of streams: it sees each kind of contradiction, and none where a gap was told."""

from __future__ import annotations

import json

import pytest
from faults.hearing import apart, steps_known, torn
from faults.ledger import Frame


def said(*seqs: int) -> list[Frame]:
    return [(seq, "custom", json.dumps({"step": seq})) for seq in seqs]


def gap(after: int, until: int, *, lost: bool = True) -> Frame:
    return until, "gap", json.dumps({"after": after, "until": until, "lost": lost})


WHOLE = said(1, 2, 3)
TOLD = [*said(1), gap(1, 2), *said(3)]
PASSING = [*said(1), gap(1, 2, lost=False), *said(3)]


@pytest.mark.parametrize("frames", [WHOLE, TOLD, PASSING, [gap(0, 3)]])
def test_what_lacks_nothing_untold_is_whole(frames: list[Frame]) -> None:
    assert torn(frames, may_lose=True) is None


@pytest.mark.parametrize(
    "frames",
    [
        said(1, 3),
        said(2, 3),
        said(1, 2, 2),
        said(2, 1),
        [*said(1), gap(0, 2)],
        [gap(0, 2), gap(1, 2)],
    ],
)
def test_what_is_missing_doubled_or_out_of_order_is_seen(frames: list[Frame]) -> None:
    assert torn(frames, may_lose=True)


def test_without_a_redis_a_gap_is_a_fault() -> None:
    assert torn(TOLD, may_lose=False)


@pytest.mark.parametrize(
    ("heard", "replay"), [(WHOLE, WHOLE), (WHOLE, TOLD), (PASSING, WHOLE), (TOLD, TOLD)]
)
def test_a_replay_may_lack_what_was_lost_since(heard: list[Frame], replay: list[Frame]) -> None:
    assert apart(heard, replay) is None


@pytest.mark.parametrize(
    ("heard", "replay"),
    [
        (TOLD, WHOLE),
        (said(1, 2), WHOLE),
        ([], WHOLE),
        (WHOLE, [*said(1, 2), (3, "custom", '{"step":4}')]),
    ],
)
def test_a_replay_that_contradicts_is_seen(heard: list[Frame], replay: list[Frame]) -> None:
    assert apart(heard, replay)


def test_steps_are_known_from_both_together() -> None:
    assert steps_known(TOLD, [gap(0, 1), *said(2, 3)]) == ([1, 2, 3], True)
    assert steps_known(TOLD, [gap(0, 2), *said(3)]) == ([1, 3], False)
    assert steps_known([gap(0, 3)]) == ([], False)
    assert steps_known([gap(0, 2 << 32), *said((2 << 32) + 1)]) == ([(2 << 32) + 1], False)
