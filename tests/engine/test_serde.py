"""`checkpointer.serde`: which types may be rebuilt from checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from langgraph.checkpoint.base import empty_checkpoint

from graphstead.engine.savers import Savers, serializer
from graphstead.graphs.checkpointer_config import SerdeConfig
from graphstead.storage.rows import Page
from graphstead.storage.sqlite import open_sqlite


class Unknown:
    """A type that LangGraph's serializer knows nothing of."""

    def __init__(self, name: str) -> None:
        self.name = name


def kept(home: Path, asked: SerdeConfig | None, value: Any) -> Any:
    """Put a value into a checkpoint and return what comes back."""
    storage = open_sqlite(home / f"{uuid4()}.sqlite")
    saver = Savers(storage, serializer(asked)).over(storage)
    try:
        at: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
        point = {**empty_checkpoint(), "channel_values": {"one": value}}
        point["channel_versions"] = {"one": "1"}
        stored = saver.put(at, point, {}, {"one": "1"})  # type: ignore[arg-type]
        found = saver.get_tuple(stored)
        assert found is not None
        return found.checkpoint["channel_values"]["one"]
    finally:
        storage.close()


def test_what_no_serializer_knows_is_kept_with_the_fallback_alone(tmp_path: Path) -> None:
    assert kept(tmp_path, SerdeConfig(pickle_fallback=True), Unknown("x")).name == "x"
    for asked in (None, SerdeConfig()):
        with pytest.raises(TypeError, match="not msgpack serializable"):
            kept(tmp_path, asked, Unknown("x"))


def test_types_that_are_not_allowed_are_not_rebuilt(tmp_path: Path) -> None:
    path = Path("somewhere")
    assert kept(tmp_path, None, path) == path
    mine = (("graphstead.storage.rows", "Page"),)
    allowed = SerdeConfig(allowed_msgpack_modules=mine)
    assert kept(tmp_path, allowed, Page(limit=7)) == Page(limit=7)
    others = SerdeConfig(allowed_msgpack_modules=(("graphstead.storage.rows", "Bell"),))
    assert kept(tmp_path, others, Page(limit=7)) != Page(limit=7)
