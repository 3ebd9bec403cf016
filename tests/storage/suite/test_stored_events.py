from __future__ import annotations

from typing import Any

import pytest
from storage.rows import make_end, make_event

from graphstead.storage.base import Storage
from graphstead.storage.errors import ConstraintViolated
from graphstead.storage.rows import EndedRun, EndRow, EventRow


def append(storage: Storage, run_id: str, *rows: EventRow) -> None:
    storage.write_blocking(lambda tx: tx.events.append(run_id, rows))


def end(storage: Storage, **fields: Any) -> EndRow:
    row = make_end(**fields)
    storage.write_blocking(lambda tx: tx.events.end(row))
    return row


def after(storage: Storage, run_id: str, seq: int, limit: int = 100) -> list[EventRow]:
    return storage.read_blocking(lambda tx: tx.events.after(run_id, seq, limit))


def test_events_come_back_in_order_behind_a_position(storage: Storage) -> None:
    rows = [make_event(seq, f'{{"n":{seq}}}'.encode()) for seq in range(1, 6)]
    append(storage, "r", *rows[:2])
    append(storage, "r", *rows[2:])
    append(storage, "other", make_event(1))
    assert after(storage, "r", 0) == rows
    assert after(storage, "r", 3) == rows[3:]
    assert after(storage, "r", 1, limit=2) == rows[1:3]
    assert after(storage, "r", 5) == []


def test_the_last_position_is_zero_without_events(storage: Storage) -> None:
    assert storage.read_blocking(lambda tx: tx.events.last_seq("r")) == 0
    append(storage, "r", make_event(1), make_event(2))
    assert storage.read_blocking(lambda tx: tx.events.last_seq("r")) == 2


def test_a_position_is_never_given_twice(storage: Storage) -> None:
    append(storage, "r", make_event(1, b"1"))
    with pytest.raises(ConstraintViolated):
        append(storage, "r", make_event(2, b"2"), make_event(1, b"other"))
    assert after(storage, "r", 0) == [make_event(1, b"1")]


def test_an_end_can_be_recorded_anew(storage: Storage) -> None:
    assert storage.read_blocking(lambda tx: tx.events.ended("r")) is None
    end(storage, run_id="r")
    second = end(storage, run_id="r", status="error", ended_ms=5, output=b'{"x":1}')
    assert storage.read_blocking(lambda tx: tx.events.ended("r")) == second


def test_purging_takes_what_ended_first_up_to_a_bound(storage: Storage) -> None:
    for run_id, ended_ms in (("c", 30), ("a", 10), ("b", 20), ("d", 40)):
        append(storage, run_id, make_event(1), make_event(2))
        end(storage, run_id=run_id, ended_ms=ended_ms)
    append(storage, "live", make_event(1))

    assert storage.write_blocking(lambda tx: tx.events.purge(40, 2)) == 2
    assert after(storage, "a", 0) == after(storage, "b", 0) == []
    assert storage.read_blocking(lambda tx: tx.events.ended("a")) is None
    assert storage.write_blocking(lambda tx: tx.events.purge(40, 2)) == 1
    assert storage.write_blocking(lambda tx: tx.events.purge(40, 2)) == 0
    assert len(after(storage, "d", 0)) == 2
    assert len(after(storage, "live", 0)) == 1


def test_deleting_takes_events_and_end_of_one_run(storage: Storage) -> None:
    for run_id in ("r", "other"):
        append(storage, run_id, make_event(1))
        end(storage, run_id=run_id)
    storage.write_blocking(lambda tx: tx.events.delete("r"))
    assert after(storage, "r", 0) == []
    assert storage.read_blocking(lambda tx: tx.events.ended("r")) is None
    assert len(after(storage, "other", 0)) == 1
    assert storage.read_blocking(lambda tx: tx.events.ended("other")) is not None


def test_the_ends_of_a_thread_are_listed_from_a_time_on_in_order(storage: Storage) -> None:
    made = [end(storage, thread_id="t", ended_ms=ended_ms) for ended_ms in (30, 10, 20)]
    rows = [EndedRun(row.run_id, row.ended_ms) for row in made]
    end(storage, thread_id="other", ended_ms=20)

    def ends(from_ms: int, limit: int = 9) -> list[EndedRun]:
        return storage.read_blocking(lambda tx: tx.events.ends_of("t", from_ms, limit))

    assert ends(0) == [rows[1], rows[2], rows[0]]
    assert ends(20) == [rows[2], rows[0]]
    assert ends(20, limit=1) == [rows[2]]


def test_the_last_end_is_told_of_each_thread_that_has_one(storage: Storage) -> None:
    for thread_id, ended_ms in (("t", 30), ("t", 10), ("other", 20)):
        end(storage, thread_id=thread_id, ended_ms=ended_ms)
    asked = ["t", "other", "never"]
    ends = storage.read_blocking(lambda tx: tx.events.last_ends(asked))
    assert ends == {"t": 30, "other": 20}


def test_the_last_event_of_a_run_tells_its_time(storage: Storage) -> None:
    append(storage, "r", EventRow(1, 5, "values", b"{}"), EventRow(2, 7, "values", b"{}"))
    append(storage, "other", EventRow(1, 9, "values", b"{}"))
    assert storage.read_blocking(lambda tx: tx.events.last_ms("r")) == 7
    assert storage.read_blocking(lambda tx: tx.events.last_ms("never")) == 0
