"""The project's own encryption: when its handlers are called, with what, and what if they fail."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from encryption.conftest import KEY, PROJECT, MakeServer, on_disk, write_project
from servers import Server, until_true

SECRET = "lavender-5512"
TOY = {"path": f"{PROJECT}/toy.py:encryption"}


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that encrypts with the toy, shared by tests with owners of their own."""
    home = tmp_path_factory.mktemp("toy")
    config = write_project(home, encryption=TOY)
    server = Server(home / "data", config=config, env={"TOY_CALLS": str(home / "calls")})
    yield server.start()
    server.kill()


@pytest.fixture
def calls(toy: Server) -> Path:
    """Where the toy notes its calls; it does as usual when a test begins."""
    path = toy.data_dir.with_name("calls")
    set_mode(path, "")
    return path


def called(calls: Path) -> list[tuple[str, str, str, dict[str, Any]]]:
    return [tuple(json.loads(line)) for line in calls.read_text().splitlines()]


def set_mode(calls: Path, mode: str) -> None:
    calls.with_name(f"{calls.name}.mode").write_text(mode)


def by(tenant: str) -> dict[str, str]:
    """Return the header that says whose data a request is about."""
    told = base64.b64encode(json.dumps({"tenant": tenant}).encode()).decode()
    return {"x-encryption-context": told}


def make_thread(server: Server, tenant: str, **metadata: Any) -> str:
    given = {"owner": tenant, **metadata}
    made = server.post("/threads", {"metadata": given}, headers=by(tenant))
    assert made.status_code == 200, made.text
    thread_id: str = made.json()["thread_id"]
    return thread_id


def run(server: Server, thread_id: str, tenant: str, **given: Any) -> Any:
    body = {"assistant_id": "keeper", "input": {"secret": SECRET, **given}}
    done = server.post(f"/threads/{thread_id}/runs/wait", body, headers=by(tenant))
    assert done.status_code == 200, done.text
    return done.json()


def test_handlers_encrypt_everything_under_the_context_of_who_asked(
    toy: Server, calls: Path
) -> None:
    server = toy
    thread = make_thread(server, "north", note=SECRET)
    assert run(server, thread, "north", steps=2)["count"] == 2
    item = {"namespace": ["notes"], "key": "one", "value": {"text": SECRET, "n": 1}}
    assert server.call("PUT", "/store/items", json=item, headers=by("north")).status_code == 204
    cron = {"assistant_id": "keeper", "schedule": "* * * * * *", "input": {"secret": SECRET}}
    made = server.post("/runs/crons", cron, headers=by("north")).json()["cron_id"]
    until_true(lambda: "a cron made its run" in server.log)
    assert server.call("DELETE", f"/runs/crons/{made}").status_code == 204

    assert SECRET.encode() not in on_disk(server)
    sealed = [one for one in called(calls) if one[0].startswith("encrypt") and one[3]]
    for restart in (False, True):
        if restart:
            server.restart()
        # Nobody says whose data this is: each row knows it.
        found = server.post("/threads/search", {"metadata": {"owner": "north"}}).json()
        assert [one["metadata"]["note"] for one in found] == [SECRET]
        assert found[0]["values"]["secret"] == SECRET
        assert server.get(f"/threads/{thread}/state").json()["values"]["count"] == 2
        kept = server.get("/store/items?namespace=notes&key=one").json()
        assert kept["value"] == item["value"]
        by_graph = server.get("/store/items?namespace=kept&key=by-graph").json()
        assert by_graph["value"]["text"] == f"{SECRET} in the store"

    assert {tuple(sorted(one[3].items())) for one in sealed} == {
        (("asked_by", "anybody"), ("tenant", "north"))
    }
    assert {(name, model, field) for name, model, field, _ in sealed} >= {
        ("encrypt.json", "thread", "metadata"),
        ("encrypt.json", "thread", "values"),
        ("encrypt.json", "run", "kwargs"),
        ("encrypt.json", "run", "metadata"),
        ("encrypt.json", "cron", "payload"),
        ("encrypt.json", "store", "value"),
        ("encrypt.json", "checkpoint", "metadata"),
        ("encrypt.blob", "checkpoint", "checkpoint"),
        ("encrypt.blob", "checkpoint", "blob"),
        ("encrypt.blob", "event", "data"),
        ("encrypt.blob", "run", "output"),
    }


def test_members_that_a_handler_hides_cannot_be_searched_by(toy: Server, calls: Path) -> None:
    server = toy
    make_thread(server, "east", note=SECRET)
    for path in ("/threads/search", "/threads/count", "/assistants/search", "/runs/crons/search"):
        refused = server.post(path, {"metadata": {"owner": "north", "note": SECRET}})
        assert refused.status_code == 422, refused.text
        assert refused.json()["detail"].startswith("metadata.note: encrypted at rest")
    reserved = {"metadata": {"__encryption_context__": {"by": "nobody"}}}
    assert server.post("/threads", reserved).status_code == 422
    bad = server.post("/threads", {}, headers={"x-encryption-context": "no base64"})
    assert bad.json()["detail"] == ("header x-encryption-context: expected base64 of a JSON object")


def test_a_handler_that_fails_stores_nothing_and_loses_nothing(toy: Server, calls: Path) -> None:
    server = toy
    thread = make_thread(server, "north", note=SECRET)
    set_mode(calls, "raise")
    refused = server.post("/threads", {"metadata": {"owner": "south"}})
    assert refused.status_code == 500
    assert refused.json()["detail"] == (
        "The project's encrypt.json raised RuntimeError: nothing was stored or shown"
    )
    set_mode(calls, "drop")
    refused = server.post("/threads", {"metadata": {"owner": "south", "note": "x"}})
    assert refused.json()["detail"] == (
        "The project's encrypt.json has to keep the members of thread.metadata: "
        "it removed ['note', 'owner'] and added ['one']"
    )
    set_mode(calls, "blind")
    shown = server.get(f"/threads/{thread}")
    assert shown.status_code == 500
    assert "decrypt.json raised RuntimeError" in shown.json()["detail"]
    assert "s3cret" not in shown.text
    set_mode(calls, "")
    assert server.post("/threads/search", {"metadata": {"owner": "south"}}).json() == []
    assert server.get(f"/threads/{thread}").json()["metadata"]["note"] == SECRET


def test_a_run_that_cannot_be_stored_waits_for_its_handlers(
    toy: Server, calls: Path, tmp_path: Path
) -> None:
    server = toy
    thread, other = make_thread(server, "north"), make_thread(server, "south")
    gate = tmp_path / "gate"
    told = {"secret": SECRET, "steps": 3, "gate": str(gate)}
    body = {"assistant_id": "keeper", "input": told}
    made = server.post(f"/threads/{thread}/runs", body, headers=by("north")).json()
    place = f"/threads/{thread}/runs/{made['run_id']}"
    until_true(gate.with_name("gate.reached").exists)
    assert server.get(place).json()["status"] == "running"
    set_mode(calls, "raise")
    gate.touch()
    until_true(lambda: "cannot be encrypted and waits" in server.log)
    set_mode(calls, "")
    assert server.get(f"{place}/join").json()["count"] == 3
    assert run(server, other, "south")["count"] == 1


def test_what_cannot_be_read_can_still_be_deleted(toy: Server, calls: Path) -> None:
    server = toy
    thread = make_thread(server, "north", note=SECRET)
    run(server, thread, "north")
    set_mode(calls, "blind")
    assert server.get(f"/threads/{thread}").status_code == 500
    assert server.call("DELETE", f"/threads/{thread}").status_code == 204
    set_mode(calls, "")
    assert server.get(f"/threads/{thread}").status_code == 404


def test_a_newer_ciphertext_takes_the_place_of_the_one_that_was_read(
    toy: Server, calls: Path
) -> None:
    server = toy
    thread = make_thread(server, "rotated", note=SECRET)
    run(server, thread, "rotated")
    set_mode(calls, "version 2")
    for _ in range(2):
        calls.unlink()
        assert server.get(f"/threads/{thread}").json()["metadata"]["note"] == SECRET
        assert server.get(f"/threads/{thread}/state").json()["values"]["secret"] == SECRET
    # Whoever reads what is up to date encrypts nothing.
    assert {name for name, model, *_ in called(calls) if model == "thread"} == {"decrypt.json"}
    until_true(lambda: b"toy-2-rotated:" in on_disk(server))


def test_handlers_that_leave_something_in_clear_are_refused_at_start(
    project: Callable[..., Path], serve: MakeServer, tmp_path: Path
) -> None:
    half = tmp_path / "half.py"
    half.write_text(
        "import warnings\n"
        "warnings.simplefilter('ignore')\n"
        "from langgraph_sdk import Encryption\n"
        "encryption = Encryption()\n"
        "@encryption.encrypt.blob\n"
        "async def hide(ctx, blob):\n    return bytes(reversed(blob))\n"
        "@encryption.decrypt.blob\n"
        "async def show(ctx, blob):\n    return bytes(reversed(blob))\n"
    )
    config = project(encryption={"path": f"{half}:encryption"})
    server = serve(config).start(wait=False)
    assert server.running.wait(60) == 3
    assert "encrypt.json and decrypt.json are missing" in server.log
    server = serve(config, LANGGRAPH_AES_KEY=KEY).start()
    item = {"namespace": ["notes"], "key": "one", "value": {"text": SECRET}}
    assert server.call("PUT", "/store/items", json=item).status_code == 204
    thread = server.post("/threads", {}).json()["thread_id"]
    assert run(server, thread, "")["secret"] == SECRET
    assert SECRET.encode() not in on_disk(server)
    until_true(lambda: SECRET.encode()[::-1] in on_disk(server))
