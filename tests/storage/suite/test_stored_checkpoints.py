from __future__ import annotations

from typing import Any

import pytest
from storage.rows import make_blob, make_checkpoint, make_run, make_write

from graphstead.storage.base import Storage
from graphstead.storage.rows import BlobRow, CheckpointRow, Json, ThreadUsage, Usage, WriteRow


def put(
    storage: Storage,
    row: CheckpointRow,
    *blobs: BlobRow,
    versions: dict[str, str] | None = None,
) -> CheckpointRow:
    storage.write_blocking(lambda tx: tx.checkpoints.put(row, blobs, versions=versions))
    return row


def put_writes(
    storage: Storage,
    row: CheckpointRow,
    *rows: WriteRow,
    replace: bool = False,
    undo_of: str | None = None,
) -> None:
    storage.write_blocking(
        lambda tx: tx.checkpoints.put_writes(
            row.thread_id,
            row.checkpoint_ns,
            row.checkpoint_id,
            rows,
            replace=replace,
            undo_of=undo_of,
        )
    )


def listed(
    storage: Storage, thread_id: str | None = "thread", ns: str | None = "", **options: Any
) -> list[CheckpointRow]:
    return storage.read_blocking(lambda tx: tx.checkpoints.list(thread_id, ns, **options))


def blobs_of(storage: Storage, thread_id: str, *versions: tuple[str, str]) -> list[BlobRow]:
    rows = storage.read_blocking(lambda tx: tx.checkpoints.blobs(thread_id, "", versions))
    return sorted(rows, key=lambda row: (row.channel, row.version))


def writes_of(storage: Storage, row: CheckpointRow) -> list[WriteRow]:
    return storage.read_blocking(
        lambda tx: tx.checkpoints.writes(row.thread_id, row.checkpoint_ns, row.checkpoint_id)
    )


def size(storage: Storage, thread_id: str) -> int:
    return storage.read_blocking(lambda tx: tx.checkpoints.size(thread_id))


def test_a_checkpoint_comes_back_as_it_was_stored(storage: Storage) -> None:
    row = put(
        storage,
        make_checkpoint(parent_checkpoint_id="p", run_id="r", metadata={"step": 1, "x": None}),
    )
    found = storage.read_blocking(lambda tx: tx.checkpoints.get("thread", "", row.checkpoint_id))
    assert found == row
    assert storage.read_blocking(lambda tx: tx.checkpoints.get("thread", "", "unknown")) is None


def test_the_newest_checkpoint_is_that_of_its_namespace(storage: Storage) -> None:
    put(storage, make_checkpoint())
    newest = put(storage, make_checkpoint())
    put(storage, make_checkpoint(checkpoint_ns="child:1"))
    put(storage, make_checkpoint(thread_id="other"))
    assert storage.read_blocking(lambda tx: tx.checkpoints.get("thread", "", None)) == newest
    assert storage.read_blocking(lambda tx: tx.checkpoints.get("none", "", None)) is None


def test_putting_a_checkpoint_again_replaces_it(storage: Storage) -> None:
    first = put(storage, make_checkpoint(checkpoint=b"1"))
    second = put(storage, make_checkpoint(checkpoint_id=first.checkpoint_id, checkpoint=b"2"))
    assert listed(storage) == [second]


def test_a_blob_is_stored_once_per_version(clear_storage: Storage) -> None:
    put(clear_storage, make_checkpoint(), make_blob("a", "1", b"first"), make_blob("b", "1"))
    before = size(clear_storage, "thread")
    put(clear_storage, make_checkpoint(checkpoint=b""), make_blob("a", "1", b"second"))
    assert size(clear_storage, "thread") == before + len("{}")
    assert blobs_of(clear_storage, "thread", ("a", "1")) == [make_blob("a", "1", b"first")]


def test_blobs_that_are_absent_are_left_out(storage: Storage) -> None:
    put(storage, make_checkpoint(), make_blob("a", "1"), make_blob("a", "2"), make_blob("b", "1"))
    put(storage, make_checkpoint(checkpoint_ns="child"), make_blob("c", "1"))
    found = blobs_of(storage, "thread", ("b", "1"), ("a", "2"), ("b", "9"), ("c", "1"))
    assert found == [make_blob("a", "2"), make_blob("b", "1")]
    assert blobs_of(storage, "thread") == []


def test_writes_come_back_by_path_task_and_index(storage: Storage) -> None:
    row = put(storage, make_checkpoint())
    rows = [
        make_write("t2", 0, task_path="a"),
        make_write("t1", -1, task_path="b"),
        make_write("t1", 0, task_path="b"),
        make_write("t1", 1, task_path="b"),
    ]
    put_writes(storage, row, *reversed(rows))
    assert writes_of(storage, row) == rows
    assert writes_of(storage, make_checkpoint()) == []


@pytest.mark.parametrize(("replace", "kept"), [(False, b"first"), (True, b"second")])
def test_an_existing_write_is_kept_unless_replaced(
    storage: Storage, replace: bool, kept: bytes
) -> None:
    row = put(storage, make_checkpoint())
    put_writes(storage, row, make_write("t", 0, blob=b"first"))
    put_writes(storage, row, make_write("t", 0, blob=b"second"), replace=replace)
    assert [write.blob for write in writes_of(storage, row)] == [kept]


def test_undoing_the_writes_of_a_run_puts_back_what_stood_there(storage: Storage) -> None:
    row, other = put(storage, make_checkpoint()), put(storage, make_checkpoint(checkpoint_ns="sub"))
    put_writes(storage, row, make_write("a", 0, blob=b"asked"), make_write("a", 1, blob=b"kept"))
    put_writes(storage, row, make_write("a", 0, blob=b"answered"), replace=True, undo_of="r")
    put_writes(
        storage,
        row,
        make_write("a", 0, blob=b"again"),
        make_write("b", 0),
        replace=True,
        undo_of="r",
    )
    put_writes(storage, other, make_write("a", 0), undo_of="r")
    put_writes(storage, row, make_write("c", 0, blob=b"of another run"), undo_of="s")
    storage.write_blocking(lambda tx: tx.checkpoints.undo_writes("r"))
    assert [one.blob for one in writes_of(storage, row)] == [b"asked", b"kept", b"of another run"]
    assert writes_of(storage, other) == []


def test_nothing_is_put_back_under_a_checkpoint_that_is_gone(storage: Storage) -> None:
    row = put(storage, make_checkpoint())
    put_writes(storage, row, make_write("a", 0))
    put_writes(storage, row, make_write("a", 0), replace=True, undo_of="r")
    storage.write_blocking(lambda tx: tx.checkpoints.delete_thread(row.thread_id))
    storage.write_blocking(lambda tx: tx.checkpoints.undo_writes("r"))
    assert writes_of(storage, row) == []


def test_what_ended_runs_replaced_is_forgotten_part_by_part(storage: Storage) -> None:
    row, live = put(storage, make_checkpoint()), make_run(run_id="live")
    storage.write_blocking(lambda tx: tx.runs.insert(live))
    for run_id in ("live", "gone"):
        put_writes(storage, row, make_write("a", 0, blob=b"x"), make_write("b", 0), undo_of=run_id)
    counts = [storage.write_blocking(lambda tx: tx.checkpoints.purge_replaced(1)) for _ in range(3)]
    assert counts == [1, 1, 0]
    storage.write_blocking(lambda tx: tx.checkpoints.undo_writes("gone"))
    assert len(writes_of(storage, row)) == 2
    storage.write_blocking(lambda tx: tx.checkpoints.undo_writes("live"))
    assert writes_of(storage, row) == []


def test_checkpoints_are_listed_newest_first_within_bounds(storage: Storage) -> None:
    rows = [put(storage, make_checkpoint(metadata={"step": n})) for n in range(4)]
    newest_first = rows[::-1]
    assert listed(storage) == newest_first
    assert listed(storage, limit=2) == newest_first[:2]
    assert listed(storage, before=rows[2].checkpoint_id) == newest_first[2:]
    assert listed(storage, checkpoint_id=rows[1].checkpoint_id) == [rows[1]]


def test_checkpoints_are_listed_across_namespaces_and_threads(storage: Storage) -> None:
    root, child = put(storage, make_checkpoint()), put(storage, make_checkpoint(checkpoint_ns="c"))
    other = put(storage, make_checkpoint(thread_id="other"))
    assert listed(storage, ns=None) == [child, root]
    assert listed(storage, ns="c") == [child]
    assert listed(storage, None, None) == [other, child, root]


def test_metadata_matches_top_level_keys_by_equality(storage: Storage) -> None:
    row = put(storage, make_checkpoint(metadata={"source": "loop", "step": 1, "parents": {"a": 1}}))
    put(storage, make_checkpoint(metadata={"source": "input", "step": True}))
    matching: list[Json] = [{"source": "loop"}, {"step": 1}, {"parents": {"a": 1}}]
    other: list[Json] = [{"parents": {}}, {"absent": None}, {"source": "loop", "step": 2}]
    assert all(listed(storage, metadata=metadata) == [row] for metadata in matching)
    assert all(listed(storage, metadata=metadata) == [] for metadata in other)


def test_deleting_a_thread_leaves_other_threads_alone(storage: Storage) -> None:
    for thread_id in ("thread", "other"):
        row = put(storage, make_checkpoint(thread_id=thread_id), make_blob("a", "1"))
        put_writes(storage, row, make_write("t", 0))
    storage.write_blocking(lambda tx: tx.checkpoints.delete_thread("thread"))
    assert size(storage, "thread") == 0
    assert size(storage, "other") > 0


def test_rolling_back_a_run_leaves_what_was_there_before(storage: Storage) -> None:
    base = put(storage, make_checkpoint(run_id="first"), make_blob("a", "1"), versions={"a": "1"})
    put_writes(storage, base, make_write("t", 0))
    before = size(storage, "thread")
    for ns in ("", "child"):
        row = make_checkpoint(run_id="second", checkpoint_ns=ns)
        put(storage, row, make_blob("a", "2"), make_blob("b", "1"), versions={"a": "2", "b": "1"})
        put_writes(storage, row, make_write("t", 0))
    storage.write_blocking(lambda tx: tx.checkpoints.delete_runs(["second", "unknown"]))
    assert listed(storage, ns=None) == [base]
    assert size(storage, "thread") == before


def test_blobs_that_another_checkpoint_needs_survive_a_deleted_run(storage: Storage) -> None:
    put(storage, make_checkpoint(run_id="r"), make_blob("a", "1"), versions={"a": "1"})
    put(storage, make_checkpoint(), make_blob("b", "1"), versions={"a": "1", "b": "1"})
    storage.write_blocking(lambda tx: tx.checkpoints.delete_runs(["r"]))
    assert len(blobs_of(storage, "thread", ("a", "1"), ("b", "1"))) == 2


def test_blobs_survive_where_a_checkpoint_does_not_name_its_versions(storage: Storage) -> None:
    put(storage, make_checkpoint(run_id="r"), make_blob("a", "1"))
    put(storage, make_checkpoint())
    put(storage, make_checkpoint(run_id="s"), make_blob("a", "2"))
    storage.write_blocking(lambda tx: tx.checkpoints.delete_runs(["r", "s"]))
    assert blobs_of(storage, "thread", ("a", "1"), ("a", "2")) == [make_blob("a", "1")]


def test_keeping_the_latest_leaves_one_readable_checkpoint_per_namespace(storage: Storage) -> None:
    for ns in ("", "child"):
        put(
            storage,
            make_checkpoint(checkpoint_ns=ns),
            make_blob("a", "1"),
            make_blob("b", "1"),
            versions={"a": "1", "b": "1"},
        )
        newest = make_checkpoint(checkpoint_ns=ns)
        put(storage, newest, make_blob("a", "2"), versions={"a": "2", "b": "1"})
        put_writes(storage, newest, make_write("t", 0))
    storage.write_blocking(lambda tx: tx.checkpoints.prune(["thread", "unknown"], "keep_latest"))
    assert [row.checkpoint_ns for row in listed(storage, ns=None)] == ["child", ""]
    assert len(writes_of(storage, listed(storage)[0])) == 1
    found = blobs_of(storage, "thread", ("a", "1"), ("a", "2"), ("b", "1"))
    assert [(row.channel, row.version) for row in found] == [("a", "2"), ("b", "1")]


def test_pruning_by_deletion_leaves_nothing_of_these_threads(storage: Storage) -> None:
    for thread_id in ("a", "b", "c"):
        put(storage, make_checkpoint(thread_id=thread_id), make_blob("x", "1"))
    storage.write_blocking(lambda tx: tx.checkpoints.prune(["a", "b"], "delete"))
    assert [size(storage, thread_id) > 0 for thread_id in ("a", "b", "c")] == [False, False, True]


def test_an_unknown_strategy_prunes_nothing(storage: Storage) -> None:
    put(storage, make_checkpoint())
    with pytest.raises(ValueError, match="strategy"):
        storage.write_blocking(lambda tx: tx.checkpoints.prune(["thread"], "some"))
    assert len(listed(storage)) == 1


def test_a_copied_thread_has_everything_but_belongs_to_no_run(storage: Storage) -> None:
    row = put(storage, make_checkpoint(run_id="r"), make_blob("a", "1"), versions={"a": "1"})
    put_writes(storage, row, make_write("t", 0))
    storage.write_blocking(lambda tx: tx.checkpoints.copy_thread("thread", "copy"))
    storage.write_blocking(lambda tx: tx.checkpoints.delete_runs(["r"]))
    copy = make_checkpoint(thread_id="copy", checkpoint_id=row.checkpoint_id)
    assert listed(storage, "copy") == [copy]
    assert blobs_of(storage, "copy", ("a", "1")) == [make_blob("a", "1")]
    assert writes_of(storage, copy) == [make_write("t", 0)]


def test_the_size_counts_bytes_not_characters(clear_storage: Storage) -> None:
    assert size(clear_storage, "thread") == 0
    row = put(clear_storage, make_checkpoint(checkpoint=b"1234", metadata={"k": "ü"}))
    assert size(clear_storage, "thread") == 4 + len('{"k":"ü"}'.encode())
    put_writes(clear_storage, row, make_write("t", 0, blob=b"12"))
    put(clear_storage, make_checkpoint(checkpoint=b"1"), make_blob("a", "1", b"123"))
    assert size(clear_storage, "thread") == 14 + 2 + 3 + 3


def test_usage_is_told_by_kind_and_channel(clear_storage: Storage) -> None:
    row = put(clear_storage, make_checkpoint(checkpoint=b"1234"), make_blob("a", "1", b"12"))
    put(
        clear_storage,
        make_checkpoint(checkpoint=b""),
        make_blob("a", "2", b"1"),
        make_blob("b", "1"),
    )
    put_writes(clear_storage, row, make_write("t", 0, blob=b"123"))
    usage = clear_storage.read_blocking(lambda tx: tx.checkpoints.usage("thread"))
    assert usage.checkpoints == Usage(2, 4 + 2 * len("{}"))
    assert usage.values == {"a": Usage(2, 3), "b": Usage(1, len(b"\x01value"))}
    assert usage.writes == Usage(1, 3)
    total = usage.checkpoints.size_bytes + usage.writes.size_bytes
    total += sum(value.size_bytes for value in usage.values.values())
    assert total == size(clear_storage, "thread")


def test_a_thread_without_checkpoints_uses_nothing(storage: Storage) -> None:
    usage = storage.read_blocking(lambda tx: tx.checkpoints.usage("thread"))
    assert usage == ThreadUsage(Usage(), {}, Usage())


def test_namespaces_are_deleted_apart_from_the_others(storage: Storage) -> None:
    for ns in ("", "a", "b"):
        row = put(storage, make_checkpoint(checkpoint_ns=ns), make_blob("x", "1"))
        put_writes(storage, row, make_write("t", 0))
    third = size(storage, "thread") // 3
    storage.write_blocking(lambda tx: tx.checkpoints.delete_namespaces("thread", ["a", "b"]))
    assert [row.checkpoint_ns for row in listed(storage, ns=None)] == [""]
    assert size(storage, "thread") == third
