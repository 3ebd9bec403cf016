from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from storage.processes import actor, line_of, tell
from storage.rows import make_worker

from graphstead.storage.errors import StorageError
from graphstead.storage.peers import bells_directory
from graphstead.storage.rows import Bell, WorkerRow
from graphstead.storage.sqlite import SqliteStorage, open_sqlite


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.sqlite"


@pytest.fixture
def storage(path: Path) -> Iterator[SqliteStorage]:
    opened = open_sqlite(path)
    yield opened
    opened.close()


def run_ids(storage: SqliteStorage) -> set[str]:
    rows = storage.read_blocking(lambda tx: tx.runs.by_status(["pending"], 1_000_000))
    return {row.run_id for row in rows}


def test_two_processes_write_one_file(path: Path, storage: SqliteStorage) -> None:
    with actor("write", path, "400") as one, actor("write", path, "400") as two:
        assert one.stdout is not None and two.stdout is not None
        said = {line.strip() for process in (one, two) for line in process.stdout}  # type: ignore[union-attr]
        assert one.wait(30) == two.wait(30) == 0
    assert len(said) == 800
    assert run_ids(storage) == said


def test_a_killed_process_loses_nothing_that_was_acknowledged(path: Path) -> None:
    acknowledged: set[str] = set()
    for _ in range(3):
        with actor("write", path) as process:
            assert process.stdout is not None
            acknowledged |= {line_of(process) for _ in range(300)}
            process.kill()
            # The last line may have been cut off by the kill.
            acknowledged |= {line.strip() for line in process.stdout if len(line.strip()) == 36}
    storage = open_sqlite(path)
    assert acknowledged <= run_ids(storage)
    storage.close()
    connection = sqlite3.connect(path)
    assert connection.execute("pragma quick_check").fetchone() == ("ok",)
    connection.close()


def test_a_device_that_takes_no_more_is_told_and_overcome(path: Path) -> None:
    with actor("outgrow", path) as process:
        assert process.stdout is not None
        said = [line.split() for line in process.stdout]
        assert process.wait(30) == 0
    assert [word for word, _ in said] == ["stored", *["refused"] * 3, "stored"]
    storage = open_sqlite(path)
    assert run_ids(storage) == {run_id for word, run_id in said if word == "stored"}
    storage.close()


async def test_a_write_is_heard_in_another_process(path: Path, storage: SqliteStorage) -> None:
    listener = storage.doorbells.listen(Bell("events", "r1"))
    with actor("ring", path) as process:
        assert line_of(process) == "ready"
        tell(process, "other")
        assert not await listener.wait(0.1)
        tell(process, "r1")
        assert await listener.wait(60)


async def test_another_process_hears_each_write(path: Path, storage: SqliteStorage) -> None:
    with actor("hear", path) as process:
        assert line_of(process) == "listening"
        for _ in range(3):
            await storage.write(lambda tx: tx.ring("ready"))
            assert await asyncio.to_thread(line_of, process) == "heard"


async def test_more_bells_than_a_socket_holds_are_all_heard(
    path: Path, storage: SqliteStorage
) -> None:
    other = open_sqlite(path)
    bells = [Bell("events", f"run-{number}") for number in range(2000)]
    listeners = [other.doorbells.listen(bell) for bell in bells]
    for bell in bells:
        storage.doorbells.ring(bell)
    assert all([await listener.wait(60) for listener in listeners])
    other.close()


def test_the_socket_of_a_killed_process_is_removed(path: Path, storage: SqliteStorage) -> None:
    directory = bells_directory(path)
    with actor("hear", path) as process:
        assert line_of(process) == "listening"
        assert len(list(directory.iterdir())) == 2
    storage.doorbells.ring(Bell("ready"))
    assert len(list(directory.iterdir())) == 1


def test_a_storage_whose_socket_was_cleaned_away_closes_all_the_same(path: Path) -> None:
    storage = open_sqlite(path)
    for one in bells_directory(path).iterdir():
        one.unlink()
    closing = threading.Thread(target=storage.close, daemon=True)
    closing.start()
    closing.join(30)
    assert not closing.is_alive()


def test_a_closed_storage_leaves_no_socket(path: Path) -> None:
    open_sqlite(path).close()
    assert list(bells_directory(path).iterdir()) == []


async def test_a_path_too_long_for_a_socket_rings_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / ("deep" * 30) / "rows.sqlite"
    directory = bells_directory(path)
    assert directory.parent != path.parent
    one, two = open_sqlite(path), open_sqlite(path)
    listener = two.doorbells.listen(Bell("ready"))
    one.doorbells.ring(Bell("ready"))
    assert await listener.wait(60)
    one.close()
    two.close()
    directory.rmdir()


async def test_without_a_place_for_sockets_the_process_rings_itself(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bells_directory(path).touch()
    storage = open_sqlite(path)
    listener = storage.doorbells.listen(Bell("ready"))
    storage.doorbells.ring(Bell("ready"))
    assert await listener.wait(60)
    assert "polling" in caplog.text
    storage.close()


def test_noise_on_the_socket_disturbs_no_one(path: Path, storage: SqliteStorage) -> None:
    (address,) = bells_directory(path).iterdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        for noise in (b"", b"\xff", b"{}", b"[1]", b'[["ready"]]', b"[[{}, []]]"):
            sender.sendto(noise, os.fspath(address))

    async def hear() -> bool:
        listener = storage.doorbells.listen(Bell("ready"))
        other = open_sqlite(path)
        other.doorbells.ring(Bell("ready"))
        other.close()
        return await listener.wait(60)

    assert asyncio.run(hear())


def here(worker_id: str) -> WorkerRow:
    return make_worker(worker_id=worker_id, host=socket.gethostname())


def test_a_worker_lives_as_long_as_its_process(path: Path, storage: SqliteStorage) -> None:
    worker = here("host/1:a")
    assert storage.is_alive(worker) is None
    with actor("hold", path, worker.worker_id) as process:
        assert line_of(process) == "held"
        assert storage.is_alive(worker) is True
        process.kill()
        process.wait(10)
        deadline = time.monotonic() + 60
        while storage.is_alive(worker) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert storage.is_alive(worker) is False


def test_a_workers_own_process_sees_it_alive(storage: SqliteStorage) -> None:
    storage.hold("w")
    storage.hold("w")
    assert storage.is_alive(here("w")) is True


def test_the_life_of_a_worker_elsewhere_is_unknown(storage: SqliteStorage) -> None:
    storage.hold("w")
    assert storage.is_alive(make_worker(worker_id="w", host="elsewhere")) is None


def test_one_worker_id_belongs_to_one_process(path: Path, storage: SqliteStorage) -> None:
    storage.hold("w")
    other = open_sqlite(path)
    with pytest.raises(StorageError, match="already is worker w"):
        other.hold("w")
    other.close()


def test_lock_files_of_long_dead_workers_are_removed(path: Path, storage: SqliteStorage) -> None:
    directory = path.with_name("rows.sqlite.workers")
    directory.mkdir()
    old, young = directory / "old.lock", directory / "young.lock"
    for file in (old, young):
        file.touch()
    os.utime(old, (0, 0))
    storage.hold("w")
    assert not old.exists() and young.exists()
