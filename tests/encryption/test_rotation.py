"""Another key after the one before: everything is put under it while the server goes on."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from databases import PostgresPlace
from encryption.conftest import KEY, MakeServer
from ports import free_port
from servers import Server

from graphstead.databases import open_clear
from graphstead.settings import Settings, read_settings
from graphstead.storage.aes import AesCipher
from graphstead.storage.base import Tx
from graphstead.storage.forms import KEYS
from graphstead.storage.rows import EndRow, EventRow, WriteRow
from graphstead.storage.sealed_columns import SEALED
from graphstead.storage.sealing import Sealer
from graphstead.storage.sealing_start import with_ciphers

pytestmark = pytest.mark.timeout(300)
SECRET = "foxglove-4410"
NEXT = "fedcba9876543210fedcba9876543210"
OLD_NAME = AesCipher(KEY.encode()).name
NEXT_NAME = AesCipher(NEXT.encode()).name
BEFORE = {"LANGGRAPH_AES_KEY": KEY, "GRAPHSTEAD_AES_READ_KEYS": NEXT}
AFTER = {"LANGGRAPH_AES_KEY": NEXT, "GRAPHSTEAD_AES_READ_KEYS": KEY}
ALONE = {"LANGGRAPH_AES_KEY": NEXT}


@pytest.fixture(params=["postgres", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Where servers and commands of a test have their database."""
    if request.param == "sqlite":
        yield {"GRAPHSTEAD_DATABASE_URI": f"sqlite:///{tmp_path / 'rows.sqlite3'}"}
        return
    one = PostgresPlace()
    yield {"GRAPHSTEAD_DATABASE_URI": one.uri, "GRAPHSTEAD_DATABASE_CONNECTIONS": "7"}
    one.leave()


def settings_of(place: dict[str, str]) -> Settings:
    return read_settings(database_uri=place["GRAPHSTEAD_DATABASE_URI"])


# What the command does, killed where the first page of events is under the new key.
STRUCK = """
import os, signal
from graphstead.cli.resealing import resealed, rotating
from graphstead.settings import read_settings

def strike(table, walk):
    if table == "events":
        os.kill(os.getpid(), signal.SIGKILL)

with rotating(read_settings(), strike) as rotation:
    resealed(rotation)
"""


def reseal(config: Path, env: dict[str, str], *args: str) -> subprocess.Popen[str]:
    return started(env, "-m", "graphstead", "db", "reseal", "--config", str(config), *args)


def started(env: dict[str, str], *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *args],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told_by(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit code of a command that ends, and all it printed."""
    out, err = process.communicate(timeout=300)
    return process.returncode, out + err


def with_name(place: dict[str, str], name: str) -> list[str]:
    """List the columns of the whole database in which a key's name is found."""
    forms = [f"sealed {name}".encode(), f'"by":"{name}"'.encode()]
    forms += [base64.b64encode(b"\0sealed " + name.encode())[:-1]]
    found = []

    def look(tx: Any) -> None:
        for table, column in columns_of(tx.connection):
            for (value,) in tx.connection.execute(f'select "{column}" from "{table}"').fetchall():
                raw = value.encode() if isinstance(value, str) else value
                if isinstance(raw, bytes) and (any(form in raw for form in forms) or value == name):
                    found.append(f"{table}.{column}")

    storage = open_clear(settings_of(place))
    storage.read_blocking(look)
    storage.close()
    return sorted(set(found))


def columns_of(connection: Any) -> list[tuple[str, str]]:
    if type(connection).__module__.startswith("psycopg"):
        asked = (
            "select table_name, column_name from information_schema.columns"
            " where table_schema = current_schema()"
        )
    else:
        asked = (
            "select m.name, c.name from sqlite_master m, pragma_table_info(m.name) c"
            " where m.type = 'table'"
        )
    found: list[tuple[str, str]] = connection.execute(asked).fetchall()
    return found


def old_values(place: dict[str, str], runs: int) -> None:
    """Store events under the old key, as many as take a while to be put under another.

    A write that a run has replaced is there too.
    """
    cipher = AesCipher(KEY.encode())
    storage = with_ciphers(open_clear(settings_of(place)), Sealer(cipher, cipher), "2026-01-01")
    data = os.urandom(400)
    for n in range(runs):
        rows = [EventRow(seq, time.time_ns() // 1_000_000, "values", data) for seq in range(1, 201)]
        storage.write_blocking(lambda tx, n=n, rows=rows: tx.events.append(f"run-{n}", rows))  # type: ignore[misc]
        storage.write_blocking(lambda tx, n=n: tx.events.end(end_of(f"run-{n}")))  # type: ignore[misc]
    storage.write_blocking(replaced_write)
    storage.close()


def replaced_write(tx: Tx) -> None:
    write = WriteRow("task", "", 0, "__resume__", "msgpack", b"\xc0")
    for undo_of in (None, "run-0"):
        tx.checkpoints.put_writes("thread", "", "one", [write], replace=True, undo_of=undo_of)


def end_of(run_id: str) -> EndRow:
    return EndRow(run_id, "none", "success", time.time_ns() // 1_000_000, b"{}")


def fill(server: Server) -> Callable[[Server], None]:
    """Store something of every kind; return what sees that it can be read."""
    closed = f"http://127.0.0.1:{free_port()}/hook?token={SECRET}"
    told = {"secret": SECRET, "steps": 2}
    thread = server.post("/threads", {"metadata": {"owner": "ann", "note": SECRET}}).json()
    place = f"/threads/{thread['thread_id']}"
    body = {"assistant_id": "keeper", "input": told, "webhook": closed, "durability": "sync"}
    body["config"] = {"tags": [SECRET]}
    assert server.post(f"{place}/runs/wait", body).json()["count"] == 2
    asked = server.post("/threads", {}).json()["thread_id"]
    server.post(f"/threads/{asked}/runs/wait", {**body, "input": {**told, "asks": True}})
    failed = server.post("/threads", {}).json()["thread_id"]
    server.post(f"/threads/{failed}/runs/wait", {**body, "input": {**told, "fails": True}})
    given = {"config": {"tags": [SECRET]}, "metadata": {"note": SECRET}}
    made = {"graph_id": "keeper", "context": {"token": SECRET}, **given}
    assistant = server.post("/assistants", made).json()["assistant_id"]
    server.post("/runs/wait", {**body, "metadata": {"why": SECRET}})
    server.call("PATCH", f"/assistants/{assistant}", json={"context": {"token": f"{SECRET} 2"}})
    cron = {"assistant_id": "keeper", "schedule": "0 0 1 1 *", "input": told, **given}
    assert server.post("/runs/crons", cron).status_code == 200
    item = {"namespace": ["notes"], "key": "one", "value": {"text": SECRET}}
    assert server.call("PUT", "/store/items", json=item).status_code == 204
    keyed = {"idempotency-key": "k"}
    server.post("/threads", {"metadata": {"note": SECRET}}, headers=keyed)

    def check(server: Server) -> None:
        shown = server.get(place).json()
        assert shown["metadata"]["note"] == shown["values"]["secret"] == SECRET
        assert len(server.get(f"{place}/history?limit=10").json()) == 4
        question = server.get(f"/threads/{asked}/state").json()["tasks"][0]["interrupts"][0]
        assert question["value"] == {"question": f"{SECRET} in a question"}
        assert SECRET in str(server.get(f"/threads/{failed}").json()["error"])
        versions = server.post(f"/assistants/{assistant}/versions", {}).json()
        assert [one["context"]["token"] for one in versions] == [f"{SECRET} 2", SECRET]
        (due,) = server.post("/runs/crons/search", {}).json()
        assert due["payload"]["input"]["secret"] == SECRET
        found = server.get("/store/items?namespace=notes&key=one").json()
        assert found["value"] == item["value"]
        again = server.post("/threads", {"metadata": {"note": SECRET}}, headers=keyed)
        assert again.headers["idempotent-replayed"] == "true"

    return check


def test_everything_is_put_under_a_new_key_beside_live_runs_though_it_is_killed(
    project: Callable[..., Path], serve: MakeServer, place: dict[str, str]
) -> None:
    config, hidden = project(), {"LANGGRAPH_AES_JSON_KEYS": "note"}
    server = serve(config, **place, **BEFORE, **hidden).start()
    check = fill(server)
    server.stop()
    old_values(place, runs=120)
    sealed = {f"{one.table}.{column}" for one in SEALED for column, _ in one.columns}
    if place["GRAPHSTEAD_DATABASE_URI"].startswith("postgres"):
        sealed = sealed - {"thread_values.values"} | {"threads.values"}
    assert set(with_name(place, OLD_NAME)) == {*sealed, "sealing.cipher"}
    assert with_name(place, NEXT_NAME) == []

    server = serve(config, **place, **AFTER, **hidden).start()
    check(server)
    thread = server.post("/threads", {}).json()["thread_id"]
    told = {"secret": SECRET, "steps": 30, "sleep_s": 0.2}
    body = {"assistant_id": "keeper", "input": told}
    run = server.post(f"/threads/{thread}/runs", body).json()["run_id"]

    code, said = told_by(reseal(config, {**place, **AFTER}, "--count"))
    assert code == 1 and f"under {OLD_NAME}" in said
    code, said = told_by(started({**place, **AFTER}, "-c", STRUCK))
    assert code == -signal.SIGKILL, said
    check(server)
    left = with_name(place, OLD_NAME)
    assert "events.data" in left, "it was killed before the end"
    assert not [one for one in left if one.startswith("assistant_versions.")], "and had begun"

    code, said = told_by(reseal(config, {**place, **AFTER}))
    assert code == 0, said
    assert "No value is under an older key" in said
    assert with_name(place, OLD_NAME) == []
    check(server)
    assert server.get(f"/threads/{thread}/runs/{run}/join").json()["count"] == 30
    server.stop()

    server = serve(config, **place, **ALONE, **hidden).start()
    check(server)
    assert server.get(f"/threads/{thread}/state").json()["values"]["count"] == 30
    assert with_name(place, OLD_NAME) == []


def test_a_key_without_the_one_before_is_refused_and_both_are_told(
    project: Callable[..., Path], serve: MakeServer, place: dict[str, str]
) -> None:
    config = project()
    server = serve(config, **place, **BEFORE).start()
    assert server.post("/threads", {"metadata": {"owner": "ann"}}).status_code == 200
    server.stop()
    code, said = told_by(reseal(config, {**place, **ALONE}))
    assert code == 3
    assert f"encrypted with another key ({OLD_NAME}) than the one in LANGGRAPH_AES_KEY" in said
    assert "GRAPHSTEAD_AES_READ_KEYS" in said
    assert NEXT not in said
    code, said = told_by(reseal(config, place))
    assert code == 3 and "LANGGRAPH_AES_KEY is not set" in said
    serve(config, **place, **AFTER).start().stop()
    status = [sys.executable, "-m", "graphstead", "db", "status", "--config", str(config)]
    env = {**os.environ, **place, **AFTER}
    said = subprocess.run(status, env=env, capture_output=True, text=True, timeout=60).stdout
    assert f"older_keys {OLD_NAME}" in said
    doctor = [sys.executable, "-m", "graphstead", "doctor", "--config", str(config)]
    said = subprocess.run(doctor, env=env, capture_output=True, text=True, timeout=120).stdout
    assert f"something may still be under {OLD_NAME}" in said
    assert "graphstead db reseal" in said


def test_a_value_that_cannot_be_read_is_named_and_keeps_its_key(
    project: Callable[..., Path], place: dict[str, str]
) -> None:
    config = project()
    old_values(place, runs=1)

    def damage(tx: Tx) -> None:
        found: Any = tx
        found.connection.execute(
            "update events set data = (select data from events where seq = 8) where seq = 7"
        )
        sql = "select data from events where seq = 7"
        (data,) = found.connection.execute(sql).fetchone()
        changed = bytes(data)[:-1] + bytes([bytes(data)[-1] ^ 1])
        mark = "%s" if type(found.connection).__module__.startswith("psycopg") else "?"
        found.connection.execute(f"update events set data = {mark} where seq = 7", (changed,))

    storage = open_clear(settings_of(place))
    storage.write_blocking(damage)
    storage.close()
    code, said = told_by(reseal(config, {**place, **AFTER}))
    assert code == 1
    assert f"events (run-0, 7): event.data cannot be decrypted with the key {OLD_NAME}" in said
    assert f"1 values are not under the key in LANGGRAPH_AES_KEY: 1 under {OLD_NAME}." in said
    assert with_name(place, OLD_NAME) == ["events.data", "sealing.cipher"]


def test_a_database_from_before_keys_had_ids_is_read_written_and_put_under_another(
    project: Callable[..., Path], serve: MakeServer, place: dict[str, str]
) -> None:
    cipher = AesCipher(KEY.encode())
    cipher.adopt({KEYS: cipher.proof()})
    assert cipher.name == KEYS
    storage = with_ciphers(open_clear(settings_of(place)), Sealer(cipher, cipher), "2026-01-01")
    storage.close()
    config = project()
    server = serve(config, **place, LANGGRAPH_AES_KEY=KEY).start()
    check = fill(server)
    # A release before that one can read what this one wrote.
    assert with_name(place, OLD_NAME) == []
    server.stop()
    server = serve(config, **place, **AFTER).start()
    code, said = told_by(reseal(config, {**place, **AFTER}))
    assert code == 0, said
    server.stop()
    check(serve(config, **place, **ALONE).start())


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        (f"{KEY},{NEXT}", (KEY, NEXT)),
        (f" {KEY} , ", (KEY,)),
        ("a key, of 16 byt", ("a key, of 16 byt",)),
    ],
)
def test_keys_that_read_are_separated_by_commas(
    monkeypatch: pytest.MonkeyPatch, given: str, keys: tuple[str, ...]
) -> None:
    monkeypatch.setenv("LANGGRAPH_AES_KEY", KEY)
    monkeypatch.setenv("GRAPHSTEAD_AES_READ_KEYS", given)
    assert read_settings().aes_read_keys == keys
