"""Parts of the contract that a project does not want served."""

from __future__ import annotations

from typing import Any

import pytest

from graphstead.contract.check import check_document
from graphstead.contract.load import packaged
from graphstead.contract.switches import switched_off

PARTS = ("assistants", "threads", "runs", "store", "mcp", "a2a", "ui", "meta")
SAMPLE = {
    "assistants": "/assistants/search",
    "threads": "/threads/{thread_id}/state",
    "runs": "/runs/batch",
    "store": "/store/items",
    "mcp": "/mcp",
    "a2a": "/a2a/{assistant_id}",
    "ui": "/ui/{graph}",
    "meta": "/info",
}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_switched_off_takes_its_paths_with_it(part: str) -> None:
    left = switched_off(packaged(), {part})["paths"]
    assert SAMPLE[part] not in left
    assert {path for name, path in SAMPLE.items() if name != part} <= left.keys()
    assert "/ok" in left


def test_runs_take_crons_and_the_event_protocol_with_them() -> None:
    left = switched_off(packaged(), {"runs"})["paths"]
    gone = {"/runs/crons", "/threads/{thread_id}/runs/wait", "/threads/{thread_id}/stream/events"}
    assert not gone & left.keys()


@pytest.mark.parametrize("parts", [{"threads"}, {"runs", "assistants"}, {"webhooks"}, set(PARTS)])
def test_what_is_left_is_a_sound_document_without_links_into_the_void(parts: set[str]) -> None:
    left = switched_off(packaged(), parts)
    assert check_document(left) == []
    known = {operation["operationId"] for operation in operations(left)}
    assert {link["operationId"] for link in left["components"]["links"].values()} <= known


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    items = document["paths"].values()
    return [one for item in items for one in item.values() if "operationId" in one]


def test_nothing_switched_off_changes_nothing() -> None:
    assert switched_off(packaged(), ()) == packaged()
