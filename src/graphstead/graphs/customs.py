"""A project's own saver and store: what its variable may hold, and how that is opened and closed.

an instance            used as it is
a function or class    called once, plain or async; may return a (async) context manager

Both live on one loop of their own, so that they may hold what belongs to a loop, whoever calls.
"""

from __future__ import annotations

import inspect
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from typing import Any, TypeVar

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.store.base import BaseStore

from graphstead.graphs.config import GraphSource, Project
from graphstead.graphs.host import LoopThread
from graphstead.graphs.importing import Importer, ImportFault
from graphstead.problems import StartupError

__all__ = ["Customs", "open_customs"]

T = TypeVar("T")
NEEDED = ("get_tuple", "list", "put", "put_writes", "delete_thread")


class Customs:
    """What of saver and store is the project's own, open until `close`."""

    def __init__(self) -> None:
        self.loop = LoopThread("customs")
        self.saver: BaseCheckpointSaver[Any] | None = None
        self.store: BaseStore | None = None
        self._stack = AsyncExitStack()

    async def enter(self, made: Any, kind: type[T]) -> T:
        """Return what a variable stands for. Raises TypeError for another kind of thing."""
        if not isinstance(made, kind) and callable(made):
            made = made()
        if inspect.isawaitable(made):
            made = await made
        if not isinstance(made, kind):
            if isinstance(made, AbstractAsyncContextManager):
                made = await self._stack.enter_async_context(made)
            elif isinstance(made, AbstractContextManager):
                made = self._stack.enter_context(made)
        if not isinstance(made, kind):
            raise TypeError(f"expected a {kind.__name__}, found {type(made).__name__}")
        return made

    def close(self) -> None:
        """Leave what was entered, last first."""
        if self.saver is not None or self.store is not None:
            self.loop.call_blocking(self._stack.aclose)
        self.loop.stop()


def open_customs(project: Project) -> Customs:
    """Open the project's own saver and store. Raises StartupError with every fault."""
    importer = Importer(project.root, project.import_paths)
    customs, faults = Customs(), list[str]()
    if project.checkpointer is not None:
        customs.saver = _open(customs, importer, project.checkpointer, BaseCheckpointSaver, faults)
    if project.store_source is not None:
        kind: type[BaseStore] = BaseStore  # type: ignore[type-abstract]
        customs.store = _open(customs, importer, project.store_source, kind, faults)
    if customs.saver is not None:
        faults.extend(_lacks(customs.saver))
    if faults:
        customs.close()
        raise StartupError(faults)
    return customs


def _open(
    customs: Customs, importer: Importer, source: GraphSource, kind: type[T], faults: list[str]
) -> T | None:
    where = f"{source.graph_id} ({source.path})"
    try:
        importer.extend_sys_path()
        made = importer.load(source)
        return customs.loop.call_blocking(lambda: customs.enter(made, kind))
    except ImportFault as fault:
        faults.append(f"{where} cannot be loaded: {fault}")
    except TypeError as fault:
        faults.append(f"{where}: {fault}")
    except Exception as fault:  # the project's own code may raise anything
        faults.append(f"{where} cannot be opened: {type(fault).__name__}: {fault}")
    return None


def _lacks(saver: BaseCheckpointSaver[Any]) -> list[str]:
    """Tell which methods are missing that no server can do without."""
    base, kind = BaseCheckpointSaver, type(saver)
    missing = [
        name
        for name in NEEDED
        if all(getattr(kind, one) is getattr(base, one) for one in (name, f"a{name}"))
    ]
    return [f"checkpointer.path: {kind.__name__} implements neither {n} nor a{n}" for n in missing]
