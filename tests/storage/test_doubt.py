"""Whether a commit in doubt was made is told by a server that crashed and gives numbers again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from faults.places import OwnPostgres, own_postgres

from graphstead.storage.postgres.doubt import STATUS, Server, is_committed, server_of

NUMBER = "select cast(pg_current_xact_id() as text)"


@pytest.fixture(scope="module")
def postgres() -> Iterator[OwnPostgres]:
    with own_postgres() as own:
        yield own


def connected(postgres: OwnPostgres) -> psycopg.Connection[Any]:
    return psycopg.connect(postgres.uri, autocommit=True)


def number_of(connection: psycopg.Connection[Any]) -> str:
    row = connection.execute(NUMBER).fetchone()
    assert row is not None
    return str(row[0])


def number_that_is_forgotten(postgres: OwnPostgres) -> tuple[str, Server]:
    """Crash the server behind a number that it gives again; return that, and which server it was.

    Now and then the server logs how far its numbers are, and then it would not.
    """
    for _ in range(9):
        lost = connected(postgres)
        server = server_of(lost)
        lost.execute("begin")
        number = number_of(lost)
        postgres.crash()
        lost.close()
        postgres.start()
        with connected(postgres) as again:
            if int(number_of(again)) <= int(number):
                return number, server
    raise AssertionError("all numbers were logged")


def test_a_number_that_a_crashed_server_gave_again_is_not_taken_for_the_first(
    postgres: OwnPostgres,
) -> None:
    number, server = number_that_is_forgotten(postgres)
    with connected(postgres) as again:
        while int(number_of(again)) < int(number):
            continue
        row = again.execute(STATUS, (number,)).fetchone()
        assert row == ("committed",), "somebody else's"
        assert is_committed(again, number, server) is False


@pytest.mark.parametrize("mode", ["immediate", "fast", None])
def test_what_was_committed_and_what_was_not_is_told_after_a_restart(
    postgres: OwnPostgres, mode: str | None
) -> None:
    with connected(postgres) as before:
        server = server_of(before)
        undone = _number_in_transaction(before, "rollback")
        done = _number_in_transaction(before, "commit")
    if mode is not None:
        postgres.stop(mode)
        postgres.start()
    with connected(postgres) as again:
        assert is_committed(again, done, server) is True
        assert is_committed(again, undone, server) is False


def _number_in_transaction(connection: psycopg.Connection[Any], end: str) -> str:
    connection.execute("begin")
    number = number_of(connection)
    connection.execute("create table if not exists kept (n int)")
    connection.execute(end)
    return number


def test_another_line_of_history_tells_nothing(postgres: OwnPostgres) -> None:
    with connected(postgres) as connection:
        number = _number_in_transaction(connection, "commit")
        ours = server_of(connection)
        elsewhere = ours._replace(started="long ago", timeline=ours.timeline + 1)
        assert is_committed(connection, number, elsewhere) is None
