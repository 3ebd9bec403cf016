"""New checkpoints are the newest ones of their thread, also where the clock is behind."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from factories import NOBODY
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.base import id as ids

from graphstead.engine.checkpoint_ids import LAST, continue_after
from graphstead.engine.checkpoints import Saver
from graphstead.storage.base import Storage

HOUR_100NS = 3600 * 10_000_000


@pytest.fixture(autouse=True)
def generator() -> Iterator[None]:
    """Let what a test makes of the process's generator end with it."""
    before = vars(ids)[LAST]
    yield
    vars(ids)[LAST] = before


def from_a_clock_ahead() -> str:
    """Return an id as another host makes it whose clock is an hour ahead."""
    own = vars(ids)[LAST]
    vars(ids)[LAST] = ids.uuid6().time + HOUR_100NS
    made = str(ids.uuid6())
    vars(ids)[LAST] = own
    return made


def test_ids_go_on_behind_one_that_was_seen() -> None:
    ahead = from_a_clock_ahead()
    assert str(ids.uuid6()) < ahead
    continue_after(ahead)
    first, second = str(ids.uuid6()), str(ids.uuid6())
    assert ahead < first < second


@pytest.mark.parametrize("other", ["", "no-uuid", NOBODY])
def test_ids_of_another_kind_change_nothing(other: str) -> None:
    continue_after(other)
    assert ids.uuid6().time < (time.time_ns() // 100 + 0x01B21DD213814000) + HOUR_100NS


@pytest.mark.parametrize("named", [True, False])
async def test_a_checkpoint_of_a_host_that_is_behind_is_the_newest(
    storage: Storage, named: bool
) -> None:
    saver, here = Saver(storage), {"thread_id": "t", "checkpoint_ns": ""}
    older, ahead = empty_checkpoint(), empty_checkpoint() | {"id": from_a_clock_ahead()}
    for checkpoint in (older, ahead):
        await saver.aput({"configurable": here}, checkpoint, {}, {})
    asked = here | ({"checkpoint_id": older["id"]} if named else {})
    await saver.aget_tuple({"configurable": asked})
    mine = empty_checkpoint()
    await saver.aput({"configurable": here}, mine, {}, {})
    newest = await saver.aget_tuple({"configurable": here})
    assert newest is not None
    assert newest.checkpoint["id"] == mine["id"]
