"""A project's own saver and store: they take the place of ours, and say what they do not do."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import Server, until_true

PROJECT = Path(__file__).parent / "project"


def write_project(home: Path, **more: object) -> Path:
    path = home / "project" / "langgraph.json"
    path.parent.mkdir()
    graphs = {"counter": f"{PROJECT}/graphs.py:counter"}
    path.write_text(json.dumps({"dependencies": ["."], "graphs": graphs, **more}))
    return path


@pytest.fixture(scope="module")
def memories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with LangGraph's InMemorySaver, and an InMemoryStore that fails on demand."""
    home = tmp_path_factory.mktemp("memories")
    config = write_project(
        home,
        checkpointer={"backend": "custom", "path": f"{PROJECT}/memories.py:saver"},
        store={"path": f"{PROJECT}/memories.py:store", "index": {"embed": "a:b", "dims": 1}},
    )
    server = Server(home / "data", config=config)
    yield server.start()
    server.kill()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose checkpoints are kept by the few lines of `files.py`."""
    home = tmp_path_factory.mktemp("files")
    config = write_project(home, checkpointer={"path": f"{PROJECT}/files.py:saver"})
    env = {"FILE_SAVER": str(home / "saver.sqlite")}
    server = Server(home / "data", config=config, env=env)
    yield server.start()
    server.kill()


def kept(server: Server) -> list[tuple[Any, ...]]:
    """Return (thread, run) of every checkpoint in the saver's own file."""
    with sqlite3.connect(server.data_dir.with_name("saver.sqlite")) as db:
        rows = db.execute("select thread, run from points").fetchall()
    db.close()
    return rows


def checkpoints_of(server: Server, thread_id: str) -> int:
    return sum(thread == thread_id for thread, _ in kept(server))


def new_thread(server: Server) -> str:
    thread_id: str = server.post("/threads", {}).json()["thread_id"]
    return thread_id


def run(server: Server, thread_id: str, **given: Any) -> Any:
    body = {"assistant_id": "counter", "input": given}
    done = server.post(f"/threads/{thread_id}/runs/wait", body)
    assert done.status_code == 200, done.text
    return done.json()


def count_of(server: Server, thread_id: str) -> Any:
    return server.get(f"/threads/{thread_id}/state").json()["values"].get("count")


def test_runs_and_states_are_kept_by_the_own_saver(memories: Server) -> None:
    thread = new_thread(memories)
    assert run(memories, thread, steps=3)["count"] == 3
    assert count_of(memories, thread) == 3
    history = memories.post(f"/threads/{thread}/history", {"limit": 10}).json()
    assert [state["values"].get("count") for state in history] == [3, 2, 1, None, None]
    written = memories.post(
        f"/threads/{thread}/state", {"values": {"count": 10}, "as_node": "count"}
    )
    assert written.status_code == 200, written.text
    assert count_of(memories, thread) == 10
    assert run(memories, thread, steps=11, asks=True)["__interrupt__"][0]["value"] == "go on?"
    answer = {"assistant_id": "counter", "command": {"resume": "yes"}}
    resumed = memories.post(f"/threads/{thread}/runs/wait", answer).json()
    assert resumed["count"] == 11
    with sqlite3.connect(memories.database) as db:
        assert db.execute("select count(*) from checkpoints").fetchone() == (0,)
    db.close()
    assert memories.call("DELETE", f"/threads/{thread}").status_code == 204
    assert "InMemorySaver" in memories.log
    assert "they share no transaction with runs and threads" in memories.log


def test_what_the_own_saver_cannot_do_is_told_by_name(memories: Server) -> None:
    thread = new_thread(memories)
    run(memories, thread)
    runs = memories.get(f"/threads/{thread}/runs").json()

    def told(method: str, path: str, body: Any = None) -> str:
        answer = memories.call(method, path, json=body)
        assert answer.status_code == 501, answer.text
        return str(answer.json()["detail"])

    lacks = "checkpointer.path: InMemorySaver does not implement "
    assert told("POST", f"/threads/{thread}/copy") == f"{lacks}acopy_thread"
    prune = {"thread_ids": [thread], "strategy": "keep_latest"}
    assert told("POST", "/threads/prune", prune) == f"{lacks}aprune"
    gone = f"/threads/{thread}/runs/{runs[0]['run_id']}"
    assert told("DELETE", gone) == f"{lacks}adelete_for_runs"
    slow = {"assistant_id": "counter", "input": {"sleep_s": 30}}
    busy = memories.post(f"/threads/{thread}/runs", slow).json()["run_id"]
    place = f"/threads/{thread}/runs/{busy}"
    assert told("POST", f"{place}/cancel?action=rollback") == f"{lacks}adelete_for_runs"
    again = {"assistant_id": "counter", "input": {}, "multitask_strategy": "rollback"}
    assert told("POST", f"/threads/{thread}/runs", again) == f"{lacks}adelete_for_runs"
    assert told("GET", f"/threads/{thread}/storage").startswith("checkpointer.path: only the saver")
    # None of it has happened, and what can be done is done.
    assert memories.get(gone).json()["status"] == "success"
    assert memories.call("DELETE", f"/threads/{thread}").status_code == 204
    until_true(lambda: memories.get(place).status_code == 404)


def test_items_are_kept_by_the_own_store(memories: Server) -> None:
    run(memories, new_thread(memories), steps=2)
    by_graph = memories.get("/store/items?namespace=counts&key=newest").json()
    assert by_graph["value"] == {"count": 2}
    item = {"namespace": ["notes"], "key": "one", "value": {"n": 1}}
    assert memories.call("PUT", "/store/items", json=item).status_code == 204
    found = memories.post("/store/items/search", {"namespace_prefix": ["notes"]}).json()
    assert [one["value"] for one in found["items"]] == [{"n": 1}]
    spaces = memories.post("/store/namespaces", {}).json()["namespaces"]
    assert ["notes"] in spaces
    with sqlite3.connect(memories.database) as db:
        assert db.execute("select count(*) from store_items").fetchone() == (0,)
    db.close()

    def told(**changes: Any) -> tuple[int, str]:
        answer = memories.call("PUT", "/store/items", json={**item, **changes})
        return answer.status_code, answer.json()["detail"]

    assert told(key="broken") == (500, "store.path: MoodyStore raised RuntimeError")
    assert told(key="unfit") == (400, "no key may be unfit")
    status, detail = told(ttl=5)
    assert status == 501
    assert detail.startswith("store.path: TTL is not supported by CustomStore")
    assert "items are kept by the project's own store" in memories.log


def test_everything_is_asked_of_a_saver_that_can(files: Server) -> None:
    thread = new_thread(files)
    assert run(files, thread, steps=2)["count"] == 2
    before = checkpoints_of(files, thread)
    assert before == 4
    copied = files.post(f"/threads/{thread}/copy").json()["thread_id"]
    assert count_of(files, copied) == 2
    prune = {"thread_ids": [copied], "strategy": "keep_latest"}
    assert files.post("/threads/prune", prune).json() == {"pruned_count": 1}
    assert (checkpoints_of(files, copied), count_of(files, copied)) == (1, 2)
    slow = {"assistant_id": "counter", "input": {"steps": 600, "sleep_s": 0.3}}
    made = files.post(f"/threads/{thread}/runs", slow).json()["run_id"]
    until_true(lambda: checkpoints_of(files, thread) > before + 1)
    undone = files.post(f"/threads/{thread}/runs/{made}/cancel?wait=true&action=rollback")
    assert undone.status_code in (200, 204), undone.text
    assert (checkpoints_of(files, thread), count_of(files, thread)) == (before, 2)
    assert files.call("DELETE", f"/threads/{thread}").status_code == 204
    assert checkpoints_of(files, thread) == 0


def test_a_killed_run_goes_on_from_the_own_savers_checkpoint(files: Server) -> None:
    thread = new_thread(files)
    body = {"assistant_id": "counter", "input": {"steps": 20, "sleep_s": 0.3}}
    made = files.post(f"/threads/{thread}/runs", body).json()["run_id"]
    until_true(lambda: (count_of(files, thread) or 0) >= 2)
    files.restart(kill=True)
    place = f"/threads/{thread}/runs/{made}"
    assert files.get(f"{place}/join").json()["count"] == 20
    assert files.get(place).json()["attempt"] == 2
    assert files.stop() == 0
    assert files.data_dir.with_name("saver.sqlite.closed").exists()


def test_an_own_saver_that_is_none_is_refused_at_start(tmp_path: Path) -> None:
    config = write_project(
        tmp_path,
        checkpointer={"path": f"{PROJECT}/graphs.py:counter"},
        store={"path": f"{PROJECT}/memories.py:nothing"},
    )
    server = Server(tmp_path / "data", config=config).start(wait=False)
    assert server.running.wait(60) == 3
    assert "expected a BaseCheckpointSaver, found CompiledStateGraph" in server.log
    assert "store.path" in server.log
    assert "has no variable 'nothing'" in server.log
