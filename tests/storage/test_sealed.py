"""What keeps an encrypted storage from storing in clear by oversight, a key from wearing out."""

from __future__ import annotations

import dataclasses
import sqlite3
import typing
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import UnionType
from typing import Any

import pytest

from graphstead.storage import aes, base, rows
from graphstead.storage.aes import AesCipher
from graphstead.storage.base import Storage
from graphstead.storage.errors import SealingFailed, SealingRefused
from graphstead.storage.forms import Part
from graphstead.storage.rows import EventRow, Page, ThreadFilter, ThreadRow
from graphstead.storage.sealed import SealedTx
from graphstead.storage.sealed_session import FILTERS, PLAIN
from graphstead.storage.sealing import FIELDS, Sealer
from graphstead.storage.sealing_start import with_ciphers
from graphstead.storage.sqlite import open_sqlite
from graphstead.storage.sqlite.tx import KNOWN_SINCE

KEY = b"a key of 16 byte"
NOW = "2026-01-01T00:00:00.000000+00:00"
# Loose values that are stored in clear on purpose: when a thread expires, how vectors compare.
IN_CLEAR = {
    ("ApiKeyRow", "secret_hash"),
    ("RunRow", "sealed_for"),
    ("SealRow", "proof"),
    ("ThreadRow", "ttl"),
}
LOOSE = (dict, bytes)


def loose(annotation: Any) -> bool:
    """Tell whether a field may hold JSON or bytes."""
    if annotation is Any:
        return True
    origin = typing.get_origin(annotation)
    if origin in (UnionType, typing.Union):
        return any(map(loose, typing.get_args(annotation)))
    return (origin or annotation) in LOOSE


def test_every_loose_field_of_every_row_is_encrypted_or_known_to_be_clear() -> None:
    missing = []
    for name, kind in vars(rows).items():
        if not (name.endswith("Row") and isinstance(kind, type)):
            continue
        known = {field for field, _ in FIELDS[kind][1]} if kind in FIELDS else set()
        hints = typing.get_type_hints(kind)
        missing += [
            (name, field.name)
            for field in dataclasses.fields(kind)
            if loose(hints[field.name]) and field.name not in known
        ]
    assert set(missing) == IN_CLEAR


def test_every_table_and_every_filter_is_known_to_the_encrypted_transaction() -> None:
    tables = {name for name, one in vars(base.Tx).items() if isinstance(one, property)}
    names = set(SealedTx.__init__.__code__.co_names)
    assert tables <= names, tables - names
    for kind in FILTERS:
        unknown = {field.name for field in dataclasses.fields(kind)} - PLAIN
        assert unknown <= {"metadata", "access", "thread_access"}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Storage]]:
    made: list[Storage] = []

    def open_with(*hidden: str) -> Storage:
        cipher = AesCipher(KEY, hidden)
        below = open_sqlite(tmp_path / "rows.sqlite")
        made.append(with_ciphers(below, Sealer(cipher, cipher), NOW))
        return made[-1]

    yield open_with
    for one in made:
        one.close()


def test_loose_data_that_is_not_known_to_be_encrypted_is_refused(
    opened: Callable[..., Storage],
) -> None:
    storage = opened()
    for loose_value in ({"a": 1}, b"bytes", [b"bytes"]):
        with pytest.raises(TypeError, match="is not known to be stored encrypted"):
            storage.write_blocking(lambda tx, one=loose_value: tx.crons.move("c", one))  # type: ignore[misc]


def test_conditions_on_hidden_members_are_refused_however_they_are_put(
    opened: Callable[..., Storage],
) -> None:
    storage = opened("note")
    row = ThreadRow("t", "idle", {"owner": "ann", "note": "x"}, {}, NOW, NOW, NOW)
    assert storage.write_blocking(lambda tx: tx.threads.insert(row))
    found = storage.read_blocking(
        lambda tx: tx.threads.search(ThreadFilter(metadata={"owner": "ann"}), Page())
    )
    assert found == [row]
    with pytest.raises(SealingRefused, match=r"metadata\.note: encrypted at rest"):
        storage.read_blocking(lambda tx: tx.threads.count(ThreadFilter(metadata={"note": "x"})))


def part(value: Any, field: str = "data") -> Part:
    return Part("event", field, value, {})


def test_a_value_is_bound_to_its_column_and_to_the_key() -> None:
    cipher = AesCipher(KEY)
    (sealed,) = cipher.seal_bytes([part(b"told")])
    assert cipher.open_bytes([part(sealed)])[0].value == b"told"
    for other, field in ((cipher, "output"), (AesCipher(KEY[::-1]), "data")):
        fault = other.open_bytes([part(sealed, field)])[0].fault
        assert isinstance(fault, SealingFailed)
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    assert cipher.open_bytes([part(changed)])[0].fault is not None
    assert cipher.seal_bytes([part(b"told")]) != [sealed]


def test_a_process_takes_a_new_key_long_before_nonces_could_repeat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aes, "VALUES_PER_SALT", 2)
    cipher = AesCipher(KEY)
    sealed = cipher.seal_bytes([part(b"%d" % n) for n in range(5)])
    assert len({one[: aes.SALT_BYTES] for one in sealed}) == 3
    opened = AesCipher(KEY).open_bytes([part(one) for one in sealed])
    assert [one.value for one in opened] == [b"0", b"1", b"2", b"3", b"4"]


def test_a_stored_value_that_was_changed_names_its_column(opened: Callable[..., Storage]) -> None:
    storage = opened()
    storage.write_blocking(lambda tx: tx.events.append("r", [EventRow(1, 0, "values", b"1")]))

    def tamper(tx: Any) -> None:
        tx.below.connection.execute("update events set data = cast(substr(data, 1, 60) as blob)")

    storage.write_blocking(tamper)
    with pytest.raises(SealingFailed, match=r"event\.data cannot be decrypted"):
        storage.read_blocking(lambda tx: tx.events.after("r", 0, 10))


def test_an_encrypted_database_keeps_programs_out_that_know_nothing_of_it(
    opened: Callable[..., Storage], tmp_path: Path
) -> None:
    def newest_compat() -> int:
        with closing(sqlite3.connect(tmp_path / "rows.sqlite")) as db:
            told = "select compat_version from schema_version order by version desc limit 1"
            return int(db.execute(told).fetchone()[0])

    open_sqlite(tmp_path / "rows.sqlite").close()
    assert newest_compat() == 1
    opened().close()
    assert newest_compat() == KNOWN_SINCE
