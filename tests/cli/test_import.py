"""`graphstead import`: what one server holds is at another one, with its ids, times and history."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient
from servers import EXAMPLES, Server

SHOWN = ("values", "next", "metadata", "created_at", "checkpoint", "parent_checkpoint")

# Due at no time of the day: a run in between would part the two servers.
RARELY = "0 9 29 2 *"


class World(NamedTuple):
    """A server with data, another one over the copy, ids by what they are, what was printed."""

    source: Server
    target: Server
    ids: dict[str, str]
    printed: str


def imported(url: str, data: Path, *args: str, code: int = 0, config: Path = EXAMPLES) -> str:
    command = [sys.executable, "-m", "graphstead", "import", url, "--config", str(config)]
    command += ["--data", str(data), *args]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def fill(server: Server) -> dict[str, str]:
    with get_sync_client(url=server.url) as client:
        return _filled(client)


def _filled(client: SyncLangGraphClient) -> dict[str, str]:
    made: dict[str, str] = {}
    inputs: dict[str, list[dict[str, Any]]] = {
        "chat": [{"messages": [{"role": "user", "content": text}]} for text in ("hi", "again")],
        "approval": [{"request": "tea"}],
        "steps": [{"topic": "tea"}],
        "failing": [{"message": "no"}],
    }
    for graph, given in inputs.items():
        made[graph] = client.threads.create(metadata={"who": "ann"})["thread_id"]
        for one in given:
            client.runs.wait(made[graph], graph, input=one, raise_error=False)
    # A change by hand, on a branch of its own.
    states = client.threads.get_history(made["steps"])
    client.threads.update_state(
        made["steps"], {"topic": "rice"}, checkpoint=states[1]["checkpoint"]
    )
    assistant = client.assistants.create("echo", name="mine", config={"configurable": {"x": 1}})
    made["assistant"] = assistant["assistant_id"]
    client.assistants.update(made["assistant"], name="mine, better")
    cron = client.crons.create(made["assistant"], schedule=RARELY, timezone="Europe/Berlin")
    made["cron"] = cast(Any, cron)["cron_id"]
    client.crons.create_for_thread(made["chat"], "chat", schedule=RARELY)
    for labels, key in ((["shop"], "tea"), (["shop", "rare"], "saffron"), (["notes"], "one")):
        client.store.put_item(labels, key, {"of": key})
    return made


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("import")
    source = Server(folder / "source").start()
    ids = fill(source)
    printed = imported(source.url, folder / "target")
    target = Server(folder / "target").start()
    yield World(source, target, ids, printed)
    source.kill()
    target.kill()


def history(server: Server, thread_id: str) -> list[dict[str, Any]]:
    states = server.post(f"/threads/{thread_id}/history", {"limit": 100}).json()
    return [{name: state[name] for name in SHOWN} for state in states]


@pytest.mark.parametrize("graph", ["chat", "approval", "steps", "failing"])
def test_a_thread_has_the_same_states_under_the_same_ids(world: World, graph: str) -> None:
    thread_id = world.ids[graph]
    before, after = history(world.source, thread_id), history(world.target, thread_id)
    assert len(before) >= 3
    assert after == before
    path = f"/threads/{thread_id}"
    assert world.target.get(path).json() == world.source.get(path).json()


def test_assistants_crons_and_items_are_the_same(world: World) -> None:
    for path in (f"/assistants/{world.ids['assistant']}", f"/runs/crons/{world.ids['cron']}"):
        assert world.target.get(path).json() == world.source.get(path).json()
    found = [
        sorted(
            (tuple(item["namespace"]), item["key"], str(item["value"]), item["created_at"])
            for item in server.post("/store/items/search", {"limit": 100}).json()["items"]
        )
        for server in (world.source, world.target)
    ]
    assert len(found[0]) == 3
    assert found[1] == found[0]
    assert "threads: 4 imported, 0 here already, 0 failed" in world.printed
    assert "crons: 2 imported" in world.printed
    assert "store: 3 imported" in world.printed


def test_an_import_again_leaves_everything_alone(world: World) -> None:
    path = f"/threads/{world.ids['chat']}"
    world.target.call("PATCH", path, json={"metadata": {"here": "changed"}})
    printed = imported(world.source.url, world.target.data_dir, "--only", "threads,store")
    assert "threads: 0 imported, 4 here already, 0 failed" in printed
    assert "store: 0 imported, 3 here already, 0 failed" in printed
    assert "assistants" not in printed
    assert world.target.get(path).json()["metadata"]["here"] == "changed"
    imported(world.source.url, world.target.data_dir, "--only", "threads", "--overwrite")
    assert "here" not in world.target.get(path).json()["metadata"]
    assert history(world.target, world.ids["chat"]) == history(world.source, world.ids["chat"])


def test_a_question_can_be_answered_and_a_talk_goes_on_at_the_new_server(world: World) -> None:
    with get_sync_client(url=world.target.url) as client:
        told = client.runs.wait(world.ids["approval"], "approval", command={"resume": True})
        assert isinstance(told, dict)
        assert told["result"] == "sent"
        given: dict[str, Any] = {"messages": [{"role": "user", "content": "third"}]}
        told = client.runs.wait(world.ids["chat"], "chat", input=given)
        assert isinstance(told, dict)
        assert [one["content"] for one in told["messages"]][::2] == ["hi", "again", "third"]


def test_what_cannot_be_copied_is_named_and_the_rest_is_copied(
    world: World, tmp_path: Path
) -> None:
    config = tmp_path / "langgraph.json"
    graphs = {"chat": f"{EXAMPLES.parent}/graphs/chat.py:graph"}
    config.write_text(json.dumps({"dependencies": [str(EXAMPLES.parent)], "graphs": graphs}))
    printed = imported(world.source.url, tmp_path / "data", config=config, code=1)
    assert "threads: 1 imported, 0 here already, 3 failed" in printed
    assert f"failed: {world.ids['steps']}: " in printed
    assert "Graph 'steps' not found" in printed


def test_a_source_that_is_away_or_no_server_is_told(tmp_path: Path) -> None:
    assert "127.0.0.1:9/" in imported("http://127.0.0.1:9", tmp_path / "data", code=1)
    (tmp_path / ".langgraph_api").mkdir()
    told = imported(str(tmp_path), tmp_path / "data", code=2)
    assert "Start `langgraph dev` in" in told
    assert "pickles" in told
