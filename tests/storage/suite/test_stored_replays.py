from __future__ import annotations

import pytest
from storage.rows import make_replay

from graphstead.storage.base import Storage
from graphstead.storage.errors import ConstraintViolated
from graphstead.storage.rows import ReplayRow


def keep(storage: Storage, row: ReplayRow) -> ReplayRow:
    storage.write_blocking(lambda tx: tx.replays.keep(row))
    return row


def get(storage: Storage, row: ReplayRow) -> ReplayRow | None:
    return storage.read_blocking(lambda tx: tx.replays.get(row.scope, row.key))


def test_an_answer_is_remembered_under_its_scope_and_key(storage: Storage) -> None:
    row = keep(storage, make_replay(answer=b"1"))
    other = keep(storage, make_replay(scope="other", key=row.key, answer=b"2"))
    assert (get(storage, row), get(storage, other)) == (row, other)
    assert get(storage, make_replay()) is None


def test_a_key_is_answered_once(storage: Storage) -> None:
    row = keep(storage, make_replay())
    with pytest.raises(ConstraintViolated):
        keep(storage, make_replay(key=row.key, answer=b"other"))
    assert get(storage, row) == row


def test_old_answers_are_forgotten_oldest_first_up_to_a_bound(storage: Storage) -> None:
    rows = [keep(storage, make_replay(created_ms=created_ms)) for created_ms in (30, 10, 20)]
    storage.write_blocking(lambda tx: tx.replays.purge(30, 1))
    assert [get(storage, row) is None for row in rows] == [False, True, False]
    storage.write_blocking(lambda tx: tx.replays.purge(30, 9))
    assert [get(storage, row) is None for row in rows] == [False, True, True]
