"""The project's own store, usable from every loop and thread of this process."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from langgraph.store.base import BaseStore, Op, Result

from graphstead.graphs.host import LoopThread
from graphstead.problems import NotImplementedYet, ServerError

__all__ = ["CustomStore"]

log = structlog.get_logger("graphstead.store")


class CustomStore(BaseStore):
    """Run every batch on the loop that the project's store was opened on.

    A ValueError of its own passes; what else it raises is told by its name.
    """

    def __init__(self, inner: BaseStore, loop: LoopThread) -> None:
        self._inner = inner
        self._loop = loop
        self.supports_ttl = inner.supports_ttl
        self.ttl_config = inner.ttl_config

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        wanted = [*ops]
        return await self._loop.call(lambda: self._perform(wanted))

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """The same for threads that run no event loop."""
        wanted = [*ops]
        return self._loop.call_blocking(lambda: self._perform(wanted))

    async def _perform(self, ops: list[Op]) -> list[Result]:
        kind = type(self._inner).__name__
        try:
            return await self._inner.abatch(ops)
        except NotImplementedError as fault:
            raise NotImplementedYet(f"store.path: {kind} does not do this: {fault}") from fault
        except ValueError:
            raise
        except Exception as fault:  # the project's store may raise anything
            log.error("the project's store failed", store=kind, exc_info=fault)
            raise ServerError(f"store.path: {kind} raised {type(fault).__name__}") from fault

    def close(self) -> None:
        """Nothing is held here; who opened the store closes it."""
