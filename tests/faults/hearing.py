"""Judges what was heard of a run: each event once and in order, what is missing told as a gap.

Exactly: a stream may lack an event only where it was told of a gap that begins right behind what it
had, and a replay only what is lost for good. What both have is the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from faults.ledger import Frame

GAP = "gap"


def torn(frames: Sequence[Frame], *, may_lose: bool) -> str | None:
    """Return the first place where an event is missing, doubled or out of order untold."""
    last = 0
    for seq, event, data in frames:
        if event == GAP and may_lose:
            told = json.loads(data)
            if told["after"] != last or told["until"] != seq or seq <= last:
                return f"a gap {data} behind {last}"
        elif event == GAP or seq != last + 1:
            return f"{event} {seq} behind {last}"
        last = seq
    return None


def apart(heard: Sequence[Frame], replay: Sequence[Frame]) -> str | None:
    """Return in what a replay contradicts what was heard before it.

    What was told to be lost does not come back, and what could not be had for a while may.
    """
    lost = [gap for gap in map(_lost, heard) if gap]
    told = {seq: (event, data) for seq, event, data in heard if event != GAP}
    for seq, event, data in replay:
        if event == GAP:
            continue
        if told.get(seq, (event, data)) != (event, data):
            return f"{event} {seq} is not what was heard"
        if any(after < seq <= until for after, until in lost):
            return f"{event} {seq} was told to be lost"
    if not heard or not replay or heard[-1][0] != replay[-1][0]:
        return f"one ends with {heard[-1:]}, the other with {replay[-1:]}"
    return None


def passing_gaps(replay: Sequence[Frame]) -> list[str]:
    """Return gaps that a server calls passing."""
    return [data for _, event, data in replay if event == GAP and not json.loads(data)["lost"]]


def brief(frames: Sequence[Frame]) -> list[str]:
    return [f"{seq} {data if event == GAP else event}" for seq, event, data in frames]


def has_gap(frames: Sequence[tuple[Any, str, str]]) -> bool:
    return any(event == GAP for _, event, _ in frames)


def steps_known(*tellings: Sequence[Frame]) -> tuple[list[int], bool]:
    """Return the steps that any of these tell of, in order, and whether they lack no event.

    Numbers may be in the billions behind a loss: they are counted, not listed.
    """
    known = {frame[0]: frame for frames in tellings for frame in frames if frame[1] != GAP}
    ordered = [known[seq] for seq in sorted(known)]
    last = max((seq for frames in tellings for seq, _, _ in frames), default=0)
    whole = len(known) == last
    return list(dict.fromkeys(_steps(ordered))), whole


def _steps(frames: Sequence[Frame]) -> Iterator[int]:
    return (json.loads(data)["step"] for _, event, data in frames if event == "custom")


def _lost(frame: Frame) -> tuple[int, int] | None:
    _, event, data = frame
    if event != GAP:
        return None
    told = json.loads(data)
    return (told["after"], told["until"]) if told["lost"] else None
