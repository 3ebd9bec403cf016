"""LangGraph's own saver and store, which keep everything in the memory of one process."""

from collections.abc import Iterable

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.base import InvalidNamespaceError, Op, Result
from langgraph.store.memory import InMemoryStore

saver = InMemorySaver()


class MoodyStore(InMemoryStore):
    """Fails where it is told to."""

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        ops = list(ops)
        for op in ops:
            key = getattr(op, "key", None)
            if key == "broken":
                raise RuntimeError("the disk of this store is on fire")
            if key == "unfit":
                raise InvalidNamespaceError("no key may be unfit")
        return await super().abatch(ops)


async def store() -> MoodyStore:
    return MoodyStore()
