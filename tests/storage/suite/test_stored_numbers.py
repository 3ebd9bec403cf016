from __future__ import annotations

from typing import Any

from storage.rows import make_end, make_event, make_run

from graphstead.storage.base import Storage
from graphstead.storage.rows import EndRow, NumberedRun


def add(storage: Storage, place: int, base: int, frames: int | None = None) -> NumberedRun:
    row = NumberedRun(f"r{place}", "thread", place, "graph", base, frames)
    storage.write_blocking(lambda tx: tx.numbers.add(row))
    return row


def end(storage: Storage, run_id: str, ended_ms: int) -> EndRow:
    row = make_end(run_id=run_id, ended_ms=ended_ms, thread_status="idle")
    storage.write_blocking(lambda tx: tx.events.end(row))
    return row


def ask(storage: Storage, name: str, *arguments: Any) -> Any:
    return storage.read_blocking(lambda tx: getattr(tx.numbers, name)(*arguments))


def test_numbered_runs_are_found_by_place_and_by_number(storage: Storage) -> None:
    first, second, third = add(storage, 1, 0, 10), add(storage, 2, 10, 5), add(storage, 3, 15)
    assert ask(storage, "last", "thread") == third
    assert ask(storage, "after", "thread", 1, 10) == [second, third]
    assert ask(storage, "after", "thread", 0, 1) == [first]
    found = [ask(storage, "behind", "thread", seq) for seq in (0, 9, 10, 14, 15, 99)]
    assert found == [first, first, second, second, third, third]
    assert ask(storage, "last", "other") is None


def test_a_count_is_noted_once(storage: Storage) -> None:
    add(storage, 1, 0)
    storage.write_blocking(lambda tx: tx.numbers.close("r1", 7))
    storage.write_blocking(lambda tx: tx.numbers.close("r1", 9))
    assert ask(storage, "last", "thread").frames == 7


def test_runs_without_numbers_are_found_in_the_order_of_their_ends(storage: Storage) -> None:
    later, sooner = end(storage, "b", 20), end(storage, "a", 10)
    assert ask(storage, "next_ended", "thread") == sooner
    storage.write_blocking(lambda tx: tx.numbers.add(NumberedRun("a", "thread", 1, None, 0, 3)))
    assert ask(storage, "next_ended", "thread") == later


def test_the_first_run_that_is_kept_has_ended_or_is_under_way(storage: Storage) -> None:
    add(storage, 1, 0, 3), add(storage, 2, 3, 3), add(storage, 3, 6)
    assert ask(storage, "first_kept", "thread") is None
    storage.write_blocking(lambda tx: tx.runs.insert(make_run(run_id="r3", thread_id="thread")))
    assert ask(storage, "first_kept", "thread").place == 3
    end(storage, "r2", 1)
    assert ask(storage, "first_kept", "thread").place == 2


def test_events_that_go_uncounted_leave_room_behind_them(storage: Storage) -> None:
    add(storage, 1, 0, 4), add(storage, 2, 4)
    storage.write_blocking(lambda tx: tx.events.append("r2", [make_event(1), make_event(2)]))
    for run_id in ("r1", "r2"):
        storage.write_blocking(lambda tx, run_id=run_id: tx.events.delete(run_id))  # type: ignore[misc]
    counted, guessed = ask(storage, "after", "thread", 0, 10)
    assert counted.frames == 4
    assert guessed.frames >= 128


def test_the_numbers_of_a_thread_are_forgotten_together(storage: Storage) -> None:
    add(storage, 1, 0, 3), add(storage, 2, 3)
    storage.write_blocking(lambda tx: tx.numbers.forget("thread"))
    assert ask(storage, "last", "thread") is None
