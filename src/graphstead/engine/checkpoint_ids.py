"""Keeps the ids of new checkpoints behind those that are there, whatever the clock says.

LangGraph makes the ids from the time (uuid6), and the newest checkpoint of a thread is the one with
the highest id. After a step of the clock, or on a host whose clock is behind, new checkpoints would
sort before older ones and never be seen. So whoever reads a thread's newest checkpoint moves the
generator of its process on to it; from there it counts up until the clock is ahead again.
"""

from __future__ import annotations

from langgraph.checkpoint.base import id as ids

__all__ = ["continue_after"]

VERSION = 6
LAST = "_last_v6_timestamp"


def continue_after(checkpoint_id: str) -> None:
    """Have every id that this process makes from now on sort behind this one."""
    try:
        made = ids.UUID(checkpoint_id)
    except ValueError:
        return
    if made.version == VERSION and made.time > (vars(ids)[LAST] or 0):
        vars(ids)[LAST] = made.time
