"""The threads that an assistant worked on, deleted together with it."""

from __future__ import annotations

from graphstead.engine import assistant_rows, thread_life
from graphstead.engine.access import Access
from graphstead.engine.callers import Asked
from graphstead.engine.clock import Clock
from graphstead.storage.base import Storage
from graphstead.storage.rows import Page, ThreadFilter

AT_ONCE = 100


class AssistantThreads:
    """Deletes slice after slice, so that no transaction grows with the number of threads."""

    def __init__(self, storage: Storage, clock: Clock, access: Access) -> None:
        self._storage = storage
        self._clock = clock
        self._access = access

    async def delete(self, assistant_id: str, asked: Asked) -> None:
        """Delete the threads that the caller may delete; the others stay as they are."""
        if self._access.is_open:
            while await self._delete_slice(assistant_id) == AT_ONCE:
                continue
            return
        kept = 0
        while thread_ids := await self._slice(assistant_id, kept):
            for thread_id in thread_ids:
                kept += not await self._delete_one(thread_id, asked)

    async def _delete_slice(self, assistant_id: str) -> int:
        clock = self._clock
        return await self._storage.write(
            lambda tx: assistant_rows.delete_threads(tx, assistant_id, clock, AT_ONCE)
        )

    async def _slice(self, assistant_id: str, offset: int) -> list[str]:
        match = ThreadFilter(metadata={"assistant_id": assistant_id})
        page = Page(limit=AT_ONCE, offset=offset, descending=False)
        threads = await self._storage.read(lambda tx: tx.threads.search(match, page))
        return [thread.thread_id for thread in threads]

    async def _delete_one(self, thread_id: str, asked: Asked) -> bool:
        clock = self._clock
        grant = await self._access.ask_ahead(asked.caller, "threads", "delete", thread_id=thread_id)
        if grant.refusal is not None:
            return False
        return await self._storage.write(lambda tx: thread_life.delete(tx, thread_id, clock, grant))
