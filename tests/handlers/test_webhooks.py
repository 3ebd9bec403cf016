"""Webhooks of real servers: what is told, when, and that a kill loses no call."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from receivers import Receiver, receiving
from servers import EXAMPLES, Server, until_true

from graphstead.contract.load import packaged

GRAPHS = ("echo", "failing", "slow", "approval")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A project whose webhooks may go to this machine."""
    folder = EXAMPLES.parent / "graphs"
    project = {
        "dependencies": ["."],
        "graphs": {name: f"{folder}/{name}.py:graph" for name in GRAPHS},
        "webhooks": {"url": {"disable_loopback": False, "require_https": False}},
    }
    path = tmp_path / "project" / "langgraph.json"
    path.parent.mkdir()
    path.write_text(json.dumps(project))
    return path


def wait_for(receiver: Receiver, number: int, timeout_s: float = 60) -> list[Any]:
    until_s = time.monotonic() + timeout_s
    while len(receiver.calls) < number:
        assert time.monotonic() < until_s, f"{len(receiver.calls)} of {number} calls"
        time.sleep(0.05)
    return receiver.bodies


def keeps_the_contract(payload: Any) -> None:
    registry = jsonschema_rs.Registry([("urn:contract", dict(packaged()))])
    place = "webhooks/runFinished/post/requestBody/content/application~1json/schema"
    jsonschema_rs.Draft202012Validator(
        {"$ref": f"urn:contract#/{place}"}, registry=registry, validate_formats=True
    ).validate(payload)


def test_every_way_to_end_is_told_as_the_contract_says(
    make_server: Callable[..., Server], receiver: Receiver, config: Path
) -> None:
    server = make_server(config=config)
    thread_id = server.post("/threads", {}).json()["thread_id"]
    hook = {"webhook": f"{receiver.url}/x?token=s"}

    def on_thread(assistant_id: str, **more: Any) -> Any:
        body = {"assistant_id": assistant_id, **hook, **more}
        return server.post(f"/threads/{thread_id}/runs", body).json()

    run = on_thread("echo", input={"message": "hi"})
    (told,) = wait_for(receiver, 1)
    assert receiver.calls[0][0] == "/x?token=s"
    assert (told["run_id"], told["status"]) == (run["run_id"], "success")
    assert told["values"] == {"message": "hi", "reply": "hi"}
    assert told["created_at"] <= told["run_started_at"] <= told["run_ended_at"]
    server.post("/runs/wait", {"assistant_id": "echo", "input": {"message": "hi"}, **hook})
    assert wait_for(receiver, 2)[1]["values"] is None
    thread_id = server.post("/threads", {}).json()["thread_id"]
    on_thread("failing", input={})
    failed = wait_for(receiver, 3)[2]
    assert failed["status"] == "error"
    assert failed["error"].keys() == {"error", "message"}
    server.post("/runs/wait", {"assistant_id": "failing", "input": {}, **hook})
    assert wait_for(receiver, 4)[3]["error"] == failed["error"]
    thread_id = server.post("/threads", {}).json()["thread_id"]
    for number, action in enumerate(("interrupt", "rollback"), 5):
        run = on_thread("slow", input={"steps": 600})
        path = f"/threads/{thread_id}/runs/{run['run_id']}/cancel"
        server.post(f"{path}?wait=true&action={action}")
        status = "interrupted" if action == "interrupt" else "rollback"
        assert wait_for(receiver, number)[-1]["status"] == status
    assert receiver.bodies[-1]["values"] is None
    for payload in receiver.bodies:
        keeps_the_contract(payload)


def test_a_call_is_made_after_the_server_was_killed(
    make_server: Callable[..., Server], receiver: Receiver, config: Path
) -> None:
    server = make_server(config=config)
    receiver.answers = [(500, ""), (200, "")]
    server.post("/runs/wait", {"assistant_id": "echo", "input": {}, "webhook": receiver.url})
    wait_for(receiver, 1)
    # From here on the next try is stored; until then another process would leave the call its time.
    until_true(lambda: "a webhook was not delivered" in server.log)
    server.restart(kill=True)
    first, again = wait_for(receiver, 2)
    assert first["run_id"] == again["run_id"]
    time.sleep(1.5)
    assert len(receiver.calls) == 2


def test_the_run_of_a_cron_calls_its_webhook(
    make_server: Callable[..., Server], receiver: Receiver, config: Path
) -> None:
    server = make_server(config=config)
    body: Any = {"assistant_id": "echo", "input": {"message": "hi"}, "schedule": "* * * * * *"}
    body["webhook"] = receiver.url
    cron_id = server.post("/runs/crons", body).json()["cron_id"]
    told = wait_for(receiver, 1)[0]
    assert (told["status"], told["metadata"]["cron_id"]) == ("success", cron_id)


@pytest.mark.parametrize("path", ["/runs", "/runs/crons", "/runs/batch"])
def test_a_webhook_on_this_machine_is_refused_by_default(server: Server, path: str) -> None:
    body: Any = {
        "assistant_id": "echo",
        "schedule": "@yearly",
        "webhook": "http://localhost:1/hook",
    }
    answer = server.post(path, [body] if path == "/runs/batch" else body)
    assert answer.status_code == 422
    assert "Webhook host blocked: localhost is a loopback address" in answer.json()["detail"]
