"""Commands of the event protocol over HTTP, and what its operations refuse."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from servers import Server
from streaming.listeners import Listener, brief, command, new_id, of, start

ASK = {"request": "mail"}


def refused(answer: Any) -> str:
    assert answer["type"] == "error", answer
    assert answer["id"] == 7
    assert answer["message"]
    return str(answer["error"])


def test_a_run_is_started_on_a_thread_that_is_made_for_it(server: Server) -> None:
    thread_id = new_id()
    run_id = start(server, thread_id, "echo", {"message": "hi"}, metadata={"by": "test"})
    assert server.get(f"/threads/{thread_id}").json()["metadata"]["graph_id"] == "echo"
    run = server.get(f"/threads/{thread_id}/runs/{run_id}").json()
    assert run["metadata"]["by"] == "test"
    assert (run["kwargs"]["resumable"], run["kwargs"]["subgraphs"]) == (True, True)
    assert server.get(f"/threads/{thread_id}/runs/{run_id}/join").json()["reply"] == "hi"


def test_an_answer_says_how_far_the_events_had_come(server: Server) -> None:
    thread_id = new_id()
    first = command(server, thread_id, "run.start", assistant_id="echo", input={"message": 1})
    assert first["meta"] == {"applied_through_seq": 0}
    frames = Listener(server.url, thread_id).runs()
    second = command(server, thread_id, "run.start", assistant_id="echo", input={"message": 2})
    assert second["meta"] == {"applied_through_seq": frames[-1]["seq"]}
    later = Listener(server.url, thread_id, since=frames[-1]["seq"]).runs()
    assert later[0]["event_id"] == f"synth:{second['result']['run_id']}:lc||running"


def test_a_question_is_answered(server: Server) -> None:
    thread_id = new_id()
    start(server, thread_id, "approval", ASK)
    [asked] = of(Listener(server.url, thread_id).runs(), "input.requested")
    answer = command(
        server, thread_id, "input.respond", interrupt_id=asked["interrupt_id"], response=True
    )
    assert answer["type"] == "success"
    frames = Listener(server.url, thread_id).runs(2)
    assert of(frames, "values")[-1]["result"] == "sent"
    assert brief(frames[-1:]) == [("lifecycle", "completed")]


def test_several_questions_are_answered_at_once_or_one_by_one(stage: Server) -> None:
    def ask() -> tuple[str, dict[str, str]]:
        thread_id = new_id()
        start(stage, thread_id, "two_questions", {})
        asked = of(Listener(stage.url, thread_id).runs(), "input.requested")
        return thread_id, {one["payload"]: one["interrupt_id"] for one in asked}

    thread_id, ids = ask()
    responses = [{"interrupt_id": one, "response": "yes"} for one in ids.values()]
    command(stage, thread_id, "input.respond", responses=responses)
    frames = Listener(stage.url, thread_id).runs(2)
    assert of(frames, "values")[-1] == {"said": ["left yes", "right yes"]}

    thread_id, ids = ask()
    for question in ("right?", "left?"):
        answer = {"interrupt_id": ids[question], "response": question[0]}
        assert command(stage, thread_id, "input.respond", **answer)["type"] == "success"
    frames = Listener(stage.url, thread_id).runs(3)
    assert of(frames, "values")[-1] == {"said": ["left l", "right r"]}


def test_an_answer_may_bring_state_along(server: Server) -> None:
    thread_id = new_id()
    start(server, thread_id, "approval", ASK)
    [asked] = of(Listener(server.url, thread_id).runs(), "input.requested")
    answer = {"interrupt_id": asked["interrupt_id"], "response": True}
    command(server, thread_id, "input.respond", **answer, update={"request": "letter"})
    frames = Listener(server.url, thread_id).runs(2)
    assert of(frames, "values")[-1]["request"] == "letter"


def test_the_input_of_a_run_answers_the_question_its_thread_waits_with(server: Server) -> None:
    thread_id = new_id()
    start(server, thread_id, "approval", ASK)
    Listener(server.url, thread_id).runs()
    start(server, thread_id, "approval", False)
    frames = Listener(server.url, thread_id).runs(2)
    assert of(frames, "values")[-1]["result"] == "dropped"


def test_a_run_forks_from_a_checkpoint(server: Server) -> None:
    thread_id = new_id()
    start(server, thread_id, "approval", ASK)
    frames = Listener(server.url, thread_id).runs()
    first = of(frames, "checkpoints")[0]["id"]
    fork = {"configurable": {"checkpoint_id": first}}
    start(server, thread_id, "approval", {"request": "letter"}, config=fork)
    [_, asked] = of(Listener(server.url, thread_id).runs(2), "input.requested")
    assert asked["payload"]["draft"] == "Draft for: letter"


def test_answers_that_nobody_waits_for_are_refused(server: Server) -> None:
    thread_id = new_id()
    respond = {"interrupt_id": "x", "response": True}
    assert refused(command(server, thread_id, "input.respond", **respond)) == "no_such_run"
    start(server, thread_id, "approval", ASK)
    [asked] = of(Listener(server.url, thread_id).runs(), "input.requested")
    assert refused(command(server, thread_id, "input.respond", **respond)) == "no_such_interrupt"
    right = {"interrupt_id": asked["interrupt_id"], "response": True}
    assert command(server, thread_id, "input.respond", **right)["type"] == "success"
    assert refused(command(server, thread_id, "input.respond", **right)) in (
        "no_such_interrupt",
        "no_such_run",
    )


def test_the_tree_shows_the_graphs_at_work(server: Server) -> None:
    thread_id = new_id()
    assert refused(command(server, thread_id, "agent.getTree")) == "no_such_run"
    start(server, thread_id, "nested", {"trail": []})
    Listener(server.url, thread_id).runs()
    tree = command(server, thread_id, "agent.getTree")["result"]["tree"]
    [child] = tree.pop("children")
    assert tree == {"namespace": [], "graph_name": "nested", "status": "interrupted"}
    assert (child["graph_name"], child["status"]) == ("inner", "interrupted")


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("state.get", {}, "unknown_command"),
        ("run.start", {}, "invalid_argument"),
        ("run.start", {"assistant_id": "nobody"}, "invalid_argument"),
        ("run.start", {"assistant_id": str(uuid4())}, "invalid_argument"),
        ("run.start", {"assistant_id": "echo", "config": 5}, "invalid_argument"),
        ("run.start", {"assistant_id": "echo", "multitaskStrategy": "x"}, "invalid_argument"),
        (
            "run.start",
            {"assistant_id": "echo", "langsmith_tracer": {"x": 1}},
            "not_supported",
        ),
        ("input.respond", {}, "invalid_argument"),
        ("input.respond", {"interrupt_id": "x"}, "invalid_argument"),
        ("input.respond", {"responses": []}, "invalid_argument"),
        ("run.cancel", {}, "no_such_run"),
        ("run.cancel", {"action": "explode"}, "invalid_argument"),
        ("subscription.subscribe", {"channels": ["values"]}, "not_supported"),
        ("subscription.unsubscribe", {"subscription_id": "x"}, "no_such_subscription"),
    ],
)
def test_a_command_that_cannot_be_carried_out_has_an_answer(
    server: Server, method: str, params: Any, code: str
) -> None:
    assert refused(command(server, new_id(), method, **params)) == code


def test_a_busy_thread_may_refuse_a_run(server: Server) -> None:
    thread_id = new_id()
    start(server, thread_id, "slow", {"steps": 600, "sleep_s": 0.1})
    params = {"assistant_id": "echo", "input": {}, "multitaskStrategy": "reject"}
    assert refused(command(server, thread_id, "run.start", **params)) == "unknown_error"
    command(server, thread_id, "run.cancel")


@pytest.mark.parametrize("body", [b"{bad", b"[]", b'{"method": "x"}', b'{"id": 1}', b'{"id": "a"}'])
def test_what_is_no_command_is_refused_in_the_same_envelope(server: Server, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = server.call("POST", f"/threads/{new_id()}/commands", content=body, headers=headers)
    assert answer.status_code == 400
    told = answer.json()
    assert (told["type"], told["id"], told["error"]) == ("error", None, "invalid_argument")


@pytest.mark.parametrize(
    "body", [{}, {"channels": []}, {"channels": ["x"]}, {"channels": ["values"], "since": -1}]
)
def test_a_subscription_to_nothing_is_refused(server: Server, body: Any) -> None:
    assert server.post(f"/threads/{new_id()}/stream/events", body).status_code == 422


def test_a_plain_get_of_the_events_is_no_websocket(server: Server) -> None:
    answer = server.get(f"/threads/{new_id()}/stream/events")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
