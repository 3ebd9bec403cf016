"""Which saver a graph gets: ours over the storage, or the project's own."""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from graphstead.engine.checkpoint_queue import Behind
from graphstead.engine.checkpoints import Ahead, Saver
from graphstead.engine.custom_saver import CustomSaver, RunSaver
from graphstead.graphs.checkpointer_config import SerdeConfig
from graphstead.storage.base import Storage
from graphstead.storage.rows import RunRow

__all__ = ["Savers", "serializer"]


class Savers:
    """Makes savers. `custom` is the project's own, None where checkpoints are ours to keep."""

    def __init__(
        self,
        storage: Storage,
        serde: SerializerProtocol | None = None,
        custom: CustomSaver | None = None,
    ) -> None:
        self._storage = storage
        self.serde: SerializerProtocol = serde or Saver(storage).serde
        self.custom = custom

    @property
    def can_trim(self) -> bool:
        """Tell whether states can be dropped while their thread stays."""
        return self.custom is None or self.custom.can("prune")

    def of_run(self, run: RunRow, behind: Behind) -> Saver | RunSaver:
        """Return the saver of a run; only durability sync makes a step wait for its checkpoint.

        `behind` waits for the events that have to be stored before a checkpoint.
        """
        fence = (run.run_id, run.gen)
        if self.custom is not None:
            return RunSaver(self.custom, self._storage, fence, behind)
        ahead: Ahead = "writes" if run.kwargs["durability"] == "sync" else "everything"
        return Saver(self._storage, fence=fence, serde=self.serde, ahead=ahead, behind=behind)

    def over(self, storage: Storage) -> Saver | CustomSaver:
        """Return a saver for states that no run writes or reads."""
        return self.custom or Saver(storage, serde=self.serde)


def serializer(asked: SerdeConfig | None) -> SerializerProtocol | None:
    """Return LangGraph's serializer with the project's limits; None where it names none."""
    if asked is None:
        return None
    limits: dict[str, Any] = {"pickle_fallback": asked.pickle_fallback}
    if asked.allowed_json_modules is not None:
        limits["allowed_json_modules"] = asked.allowed_json_modules
    if asked.allowed_msgpack_modules is not None:
        limits["allowed_msgpack_modules"] = asked.allowed_msgpack_modules
    return JsonPlusSerializer(**limits)
