"""Data at rest under LANGGRAPH_AES_KEY: nothing told in confidence can be found on the disk."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from encryption.conftest import KEY, Clients, MakeServer, on_disk
from factories import collect, payloads
from receivers import receiving
from servers import Server, until_true

SECRET = "magnolia-7391"
OTHER_KEY = "fedcba9876543210fedcba9876543210"


def told(**more: Any) -> dict[str, Any]:
    return {"secret": SECRET, **more}


def values_of(shown: Any) -> dict[str, Any]:
    """Return the values of a thread or of one of its states."""
    values: dict[str, Any] = shown["values"]
    return values


async def test_what_is_told_is_read_back_and_lies_nowhere_in_clear(
    project: Callable[..., Path], serve: MakeServer, clients: Clients
) -> None:
    server = serve(project(), LANGGRAPH_AES_KEY=KEY, LANGGRAPH_AES_JSON_KEYS="note").start()
    client = clients(server)
    metadata = {"owner": "ann", "note": f"{SECRET} in a note"}
    with receiving() as receiver:
        thread = await client.threads.create(metadata=metadata)
        thread_id = thread["thread_id"]
        parts = await collect(
            client.runs.stream(
                thread_id,
                "keeper",
                input=told(steps=2),
                stream_mode=["values", "custom"],
                config={"configurable": {"token": f"{SECRET} in a config"}},
                metadata={"why": f"{SECRET} in a run's metadata"},
                webhook=f"{receiver.url}/hook?token={SECRET}",
                stream_resumable=True,
            )
        )
        until_true(lambda: bool(receiver.calls))
        assert receiver.bodies[0]["values"]["secret"] == SECRET
        assert receiver.calls[0][0].endswith(SECRET)
    assert payloads(parts, "custom")[0] == {"streamed": f"{SECRET} in a stream"}
    failing = await client.threads.create()
    with pytest.raises(Exception, match=SECRET):
        await client.runs.wait(failing["thread_id"], "keeper", input=told(fails=True))
    await client.runs.wait(failing["thread_id"], "keeper", input=told(asks=True, fails=False))
    await client.threads.update_state(thread_id, {"secret": f"{SECRET} by hand"}, as_node="tell")
    assistant = await client.assistants.create(
        "keeper", context={"token": f"{SECRET} in a context"}, metadata={"owner": "ann"}
    )
    cron: Any = await client.crons.create(
        "keeper", schedule="0 0 1 1 *", input=told(), metadata={"owner": "ann"}
    )
    await client.store.put_item(("notes",), "one", {"text": f"{SECRET} in an item", "n": 1})
    keyed = {"idempotency-key": "k"}
    server.post("/threads", {"metadata": {"note": f"{SECRET} once"}}, headers=keyed)

    assert SECRET.encode() not in on_disk(server)
    until_true(lambda: b'"owner":"ann"' in on_disk(server))

    for restart in (False, True):
        if restart:
            server.restart()
        found = await client.threads.search(metadata={"owner": "ann"})
        assert [(one["thread_id"], (one["metadata"] or {})["note"]) for one in found] == [
            (thread_id, f"{SECRET} in a note")
        ]
        assert values_of(found[0])["secret"] == f"{SECRET} by hand"
        state = await client.threads.get_state(thread_id)
        assert values_of(state)["count"] == 2
        history = await client.threads.get_history(thread_id, metadata={"step": 1})
        assert [values_of(one)["secret"] for one in history] == [SECRET]
        runs = await client.runs.list(thread_id)
        assert (runs[0]["metadata"] or {})["why"] == f"{SECRET} in a run's metadata"
        interrupted = await client.threads.get(failing["thread_id"])
        question = next(iter(interrupted["interrupts"].values()))[0]["value"]
        assert question == {"question": f"{SECRET} in a question"}
        kept = await client.assistants.get(assistant["assistant_id"])
        assert kept["context"] == {"token": f"{SECRET} in a context"}
        due = (await client.crons.search(metadata={"owner": "ann"}))[0]
        assert due["cron_id"] == cron["cron_id"]
        assert due["payload"]["input"]["secret"] == SECRET
        items = await client.store.search_items(("notes",), filter={"n": {"$lt": 2}})
        assert [one["value"]["text"] for one in items["items"]] == [f"{SECRET} in an item"]
        values = await client.threads.search(values={"secret": f"{SECRET} by hand"})
        assert [one["thread_id"] for one in values] == [thread_id]
        assert await client.threads.count(values={"secret": "unheard of"}) == 0
        again = server.post("/threads", {"metadata": {"note": f"{SECRET} once"}}, headers=keyed)
        assert again.headers["idempotent-replayed"] == "true"

    refused = server.post("/threads/search", {"metadata": {"note": "x"}})
    assert refused.status_code == 422
    assert refused.json()["detail"] == (
        "metadata.note: encrypted at rest, so it cannot be searched by"
    )


async def test_a_killed_run_goes_on_from_its_encrypted_checkpoint(
    project: Callable[..., Path], serve: MakeServer, clients: Clients, tmp_path: Path
) -> None:
    server = serve(project(), LANGGRAPH_AES_KEY=KEY).start()
    client = clients(server)
    thread, gate = (await client.threads.create())["thread_id"], tmp_path / "gate"
    run = await client.runs.create(thread, "keeper", input=told(steps=6, gate=str(gate)))

    def has_begun() -> bool:
        state = server.get(f"/threads/{thread}/state").json()
        return bool(state["values"].get("count", 0) >= 2)

    until_true(has_begun)
    server.kill()
    gate.touch()
    server.start()
    values = await client.runs.join(thread, run["run_id"])
    assert values["count"] == 6
    assert server.get(f"/threads/{thread}/runs/{run['run_id']}").json()["attempt"] == 2
    assert SECRET.encode() not in on_disk(server)


def fails_with(server: Server) -> str:
    """Return what a server says that does not start."""
    server.start(wait=False)
    assert server.running.wait(60) == 3
    return server.log


def test_an_encrypted_database_is_refused_without_its_key(
    project: Callable[..., Path], serve: MakeServer
) -> None:
    config = project()
    server = serve(config, LANGGRAPH_AES_KEY=KEY).start()
    assert server.post("/threads", {}).status_code == 200
    server.stop()
    assert "it is encrypted with a key; set LANGGRAPH_AES_KEY to that key" in fails_with(
        serve(config)
    )
    listing = [sys.executable, "-m", "graphstead", "runs", "--config", str(config)]
    for key, said in (("", "set LANGGRAPH_AES_KEY"), (OTHER_KEY, "encrypted with another key")):
        refused = subprocess.run(
            [*listing, "--data", str(server.data_dir)],
            env={**os.environ, "LANGGRAPH_AES_KEY": key},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert refused.returncode == 3
        assert said in refused.stderr
        assert OTHER_KEY not in refused.stderr


def test_what_was_stored_in_clear_stays_readable_once_there_is_a_key(
    project: Callable[..., Path], serve: MakeServer
) -> None:
    config = project()
    server = serve(config).start()
    item = {"namespace": ["notes"], "key": "old", "value": {"text": f"{SECRET} before"}}
    assert server.call("PUT", "/store/items", json=item).status_code == 204
    old = server.post("/threads", {"metadata": {"owner": "ann"}}).json()["thread_id"]
    body = {"assistant_id": "keeper", "input": told()}
    assert server.post(f"/threads/{old}/runs/wait", body).json()["count"] == 1
    server.stop()
    assert SECRET.encode() in on_disk(server)
    server = serve(config, LANGGRAPH_AES_KEY=KEY).start()
    assert server.get("/store/items?namespace=notes&key=old").json()["value"] == item["value"]
    again = server.post(f"/threads/{old}/runs/wait", {"assistant_id": "keeper", "input": None})
    assert again.status_code == 200
    assert server.get(f"/threads/{old}/state").json()["values"]["secret"] == SECRET
    hidden = {**item, "key": "new", "value": {"text": "peony-2266 after"}}
    assert server.call("PUT", "/store/items", json=hidden).status_code == 204
    found = server.post("/threads/search", {"metadata": {"owner": "ann"}}).json()
    assert [one["thread_id"] for one in found] == [old]
    assert b"peony-2266" not in on_disk(server)


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"LANGGRAPH_AES_KEY": "short"}, "aes_key (LANGGRAPH_AES_KEY): expected 16, 24 or 32"),
        (
            {"LANGGRAPH_AES_KEY": KEY, "LANGGRAPH_AES_JSON_KEYS": "graph_id"},
            "graph_id cannot be encrypted",
        ),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_at_start(
    project: Callable[..., Path], serve: MakeServer, env: dict[str, str], told: str
) -> None:
    assert told in fails_with(serve(project(), **env))
