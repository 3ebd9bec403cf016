"""Whether a caller may see the thread that a conversation is about."""

from __future__ import annotations

from graphstead.engine.access import Access
from graphstead.engine.callers import Asked
from graphstead.problems import ThreadNotFound
from graphstead.storage.base import Storage
from graphstead.streaming.protocol_log import Admits


async def sight(storage: Storage, access: Access, thread_id: str, asked: Asked) -> Admits | None:
    """Return what the thread's metadata has to meet to be followed, None where nothing is asked.

    A thread that is yet to be made may be waited for; whose it is, is looked at then. Raises
    ThreadNotFound for one that is there and hidden.
    """
    if access.is_open:
        return None
    grant = await access.ask(asked.caller, "threads", "read", thread_id=thread_id)
    if grant.condition is None:
        return None
    thread = await storage.read(lambda tx: tx.threads.get(thread_id))
    if thread is not None and not grant.admits(thread.metadata):
        raise ThreadNotFound(thread_id)
    return grant.admits
