"""What sweeping and measuring threads needs of a backend."""

from __future__ import annotations

from storage.rows import make_blob, make_checkpoint, make_thread, make_write

from graphstead.storage.base import Storage
from graphstead.storage.rows import ThreadUsage, Usage


def fill(storage: Storage, checkpoint_ns: str = "") -> None:
    """Store a checkpoint with three values of two channels and one pending write."""
    row = make_checkpoint(checkpoint_ns=checkpoint_ns, checkpoint=b"12345", metadata={"a": "ü"})
    blobs = [make_blob("x", "1", b"123"), make_blob("x", "2", b"1"), make_blob("y", "1", b"")]
    place = (row.thread_id, checkpoint_ns, row.checkpoint_id)
    storage.write_blocking(lambda tx: tx.checkpoints.put(row, blobs))
    writes = [make_write("task", 0, blob=b"1234")]
    storage.write_blocking(lambda tx: tx.checkpoints.put_writes(*place, writes, replace=False))


def usage_of(storage: Storage) -> ThreadUsage:
    return storage.read_blocking(lambda tx: tx.checkpoints.usage("thread"))


def test_threads_are_listed_once_their_time_has_come(storage: Storage) -> None:
    for thread_id, expires_ms in {"never": None, "late": 30, "now": 20, "first": 10}.items():
        row = make_thread(thread_id=thread_id, expires_ms=expires_ms)
        storage.write_blocking(lambda tx, row=row: tx.threads.insert(row))  # type: ignore[misc]
    assert storage.read_blocking(lambda tx: tx.threads.expired(20, 10)) == ["first", "now"]
    assert storage.read_blocking(lambda tx: tx.threads.expired(40, 1)) == ["first"]


def test_what_a_thread_takes_is_counted_by_kind_and_channel(clear_storage: Storage) -> None:
    fill(clear_storage)
    found = usage_of(clear_storage)
    assert found.checkpoints == Usage(1, len(b'12345{"a":"\xc3\xbc"}'))
    assert found.values == {"x": Usage(2, 4), "y": Usage(1, 0)}
    assert found.writes == Usage(1, 4)


def test_a_thread_without_checkpoints_takes_nothing(storage: Storage) -> None:
    assert usage_of(storage) == ThreadUsage(Usage(), {}, Usage())


def test_namespaces_are_deleted_with_their_values_and_writes(storage: Storage) -> None:
    for checkpoint_ns in ("", "a:1", "a:2"):
        fill(storage, checkpoint_ns)
    storage.write_blocking(lambda tx: tx.checkpoints.delete_namespaces("thread", ["a:1", "a:2"]))
    found = usage_of(storage)
    assert (found.checkpoints.count, found.values["x"].count, found.writes.count) == (1, 2, 1)
