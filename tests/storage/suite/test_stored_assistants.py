from __future__ import annotations

from typing import Any

import pytest
from storage.rows import at, make_assistant

from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import AssistantFilter, AssistantRow, Page

EVERY = AssistantFilter()


def insert(storage: Storage, *rows: AssistantRow) -> None:
    storage.write_blocking(lambda tx: [tx.assistants.insert(row) for row in rows])


def search(storage: Storage, match: AssistantFilter = EVERY, **page: Any) -> list[AssistantRow]:
    return storage.read_blocking(lambda tx: tx.assistants.search(match, Page(**page)))


def test_an_assistant_comes_back_as_it_was_stored(storage: Storage) -> None:
    row = make_assistant(
        description="d", config={"tags": ["a"]}, context={"k": None}, metadata={"n": 1.5}
    )
    insert(storage, row)
    assert storage.read_blocking(lambda tx: tx.assistants.get(row.assistant_id)) == row


def test_an_unknown_assistant_is_none(storage: Storage) -> None:
    assert storage.read_blocking(lambda tx: tx.assistants.get("nobody")) is None


def test_a_taken_assistant_id_is_not_overwritten(storage: Storage) -> None:
    row = make_assistant(name="first")
    again = make_assistant(assistant_id=row.assistant_id, name="second")
    assert storage.write_blocking(lambda tx: tx.assistants.insert(row))
    assert not storage.write_blocking(lambda tx: tx.assistants.insert(again))
    assert search(storage) == [row]


def test_replacing_remembers_every_version_newest_first(storage: Storage) -> None:
    first = make_assistant(metadata={"n": 1})
    second = make_assistant(assistant_id=first.assistant_id, version=2, metadata={"n": 2})
    insert(storage, first)
    storage.write_blocking(lambda tx: tx.assistants.replace(second))

    def versions(tx: Tx, metadata: dict[str, Any] | None, **page: Any) -> list[AssistantRow]:
        return tx.assistants.versions(first.assistant_id, metadata, Page(**page))

    assert storage.read_blocking(lambda tx: tx.assistants.get(first.assistant_id)) == second
    assert storage.read_blocking(lambda tx: versions(tx, None)) == [second, first]
    assert storage.read_blocking(lambda tx: versions(tx, {"n": 1})) == [first]
    assert storage.read_blocking(lambda tx: versions(tx, None, limit=1, offset=1)) == [first]


def test_returning_to_an_old_version_stores_no_further_one(storage: Storage) -> None:
    first = make_assistant()
    second = make_assistant(assistant_id=first.assistant_id, version=2)
    insert(storage, first)
    storage.write_blocking(lambda tx: tx.assistants.replace(second))
    storage.write_blocking(lambda tx: tx.assistants.replace(first))
    rows = storage.read_blocking(
        lambda tx: tx.assistants.versions(first.assistant_id, None, Page())
    )
    assert [row.version for row in rows] == [2, 1]
    assert search(storage) == [first]


def test_deleting_an_assistant_deletes_its_versions(storage: Storage) -> None:
    row = make_assistant()
    insert(storage, row)
    assert storage.write_blocking(lambda tx: tx.assistants.delete(row.assistant_id))
    assert not storage.write_blocking(lambda tx: tx.assistants.delete(row.assistant_id))
    left = storage.read_blocking(lambda tx: tx.assistants.versions(row.assistant_id, None, Page()))
    assert left == []


@pytest.mark.parametrize("sort_by", ["assistant_id", "graph_id", "created_at", "updated_at"])
@pytest.mark.parametrize("descending", [False, True])
def test_assistants_are_sorted_by_a_column_then_by_id(
    storage: Storage, sort_by: str, descending: bool
) -> None:
    rows = [
        make_assistant(graph_id=f"g{n % 2}", created_at=at(n % 3), updated_at=at(-n % 2))
        for n in range(6)
    ]
    insert(storage, *rows)
    expected = sorted(
        rows, key=lambda row: (getattr(row, sort_by), row.assistant_id), reverse=descending
    )
    assert search(storage, sort_by=sort_by, descending=descending) == expected


def test_names_are_sorted_without_regard_to_case(storage: Storage) -> None:
    insert(storage, *(make_assistant(name=name) for name in ["b", "Ä", "A", "ö", "C"]))
    rows = search(storage, sort_by="name", descending=False)
    assert [row.name for row in rows] == ["A", "b", "C", "Ä", "ö"]


@pytest.mark.parametrize(
    ("match", "found"),
    [
        (AssistantFilter(), ["Über Agent", "plain", "50%"]),
        (AssistantFilter(graph_id="steps"), ["plain"]),
        (AssistantFilter(name="ÜBER"), ["Über Agent"]),
        (AssistantFilter(name="%"), ["50%"]),
        (AssistantFilter(metadata={"team": {"name": "a"}}), ["Über Agent", "plain"]),
        (AssistantFilter(graph_id="chat", metadata={"team": {"name": "a"}}), ["Über Agent"]),
        (AssistantFilter(metadata={"team": "a"}), []),
    ],
)
def test_every_part_of_an_assistant_filter_must_hold(
    storage: Storage, match: AssistantFilter, found: list[str]
) -> None:
    team = {"team": {"name": "a", "size": 2}}
    insert(
        storage,
        make_assistant(name="Über Agent", metadata=team),
        make_assistant(name="plain", graph_id="steps", metadata=team),
        make_assistant(name="50%"),
    )
    assert [row.name for row in search(storage, match, descending=False)] == found
    assert storage.read_blocking(lambda tx: tx.assistants.count(match)) == len(found)


def test_a_page_is_a_slice_of_the_sorted_list(storage: Storage) -> None:
    rows = [make_assistant() for _ in range(5)]
    insert(storage, *rows)
    assert search(storage, descending=False, limit=2, offset=2) == rows[2:4]
    assert search(storage, descending=False, limit=2, offset=9) == []
