"""What the event protocol tells of a run, channel by channel; the server judges every frame."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import httpx
import pytest
from servers import Server
from streaming.listeners import Listener, brief, command, is_end, new_id, of, run, start

HELLO = {"messages": [{"role": "user", "content": "hello"}]}


def test_numbers_have_no_gap_and_ids_never_repeat(server: Server) -> None:
    thread_id = new_id()
    listener = Listener(server.url, thread_id)
    start(server, thread_id, "steps", {"topic": "tea"})
    listener.until(lambda frames: any(map(is_end, frames)))
    start(server, thread_id, "steps", {"topic": "tea"})
    frames = listener.runs(2)
    assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
    assert listener.ids == [str(frame["seq"]) for frame in frames]
    assert listener.names == [frame["method"] for frame in frames]
    assert len({frame["event_id"] for frame in frames}) == len(frames)


def test_a_run_begins_and_ends_with_its_lifecycle(server: Server) -> None:
    frames = run(server, "steps", {"topic": "tea"})
    assert of(frames[:1], "lifecycle") == [{"event": "running", "graph_name": "steps"}]
    assert of(frames[-1:], "lifecycle") == [{"event": "completed", "graph_name": "steps"}]


def test_clients_find_the_run_in_the_ids_of_its_lifecycle(server: Server) -> None:
    thread_id = new_id()
    run_id = start(server, thread_id, "echo", {"message": 1})
    frames = Listener(server.url, thread_id, ["lifecycle"]).runs()
    assert {frame["event_id"].split(":")[1] for frame in frames} == {run_id}
    assert all(frame["event_id"].startswith("synth:") for frame in frames)


def test_states_updates_and_custom_data_are_told(server: Server) -> None:
    frames = run(server, "steps", {"topic": "tea"})
    assert of(frames, "values")[-1] == {"topic": "tea", "done": ["plan", "work", "review"]}
    nodes = [frame["params"]["node"] for frame in frames if frame["method"] == "updates"]
    assert (nodes, of(frames, "updates")[0]) == (["plan", "work", "review"], {"done": ["plan"]})
    assert of(frames, "custom")[1] == {"payload": {"step": "work", "number": 2, "topic": "tea"}}
    assert [task["name"] for task in of(frames, "tasks") if "triggers" in task] == nodes


def test_a_checkpoint_comes_right_before_its_state(server: Server) -> None:
    """Clients fork from the checkpoint they saw with a state."""
    thread_id = new_id()
    start(server, thread_id, "steps", {"topic": "tea"})
    frames = Listener(server.url, thread_id).runs()
    history = server.get(f"/threads/{thread_id}/history?limit=10").json()
    stored = {state["checkpoint_id"]: state["values"] for state in history}
    for before, after in pairwise(frames):
        if after["method"] == "values":
            assert before["method"] == "checkpoints"
            told = before["params"]["data"]
            assert stored[told["id"]] == after["params"]["data"]
            assert told["parent_id"] in stored


def test_a_message_grows_block_by_block(server: Server) -> None:
    frames = run(server, "chat", HELLO)
    steps = of(frames, "messages")
    assert [step["event"] for step in steps] == [
        "message-start",
        "content-block-start",
        *["content-block-delta"] * 3,
        "content-block-finish",
        "message-finish",
    ]
    assert text_of(steps) == "You said: hello"
    assert {step["id"] for step in steps} == {of(frames, "values")[-1]["messages"][-1]["id"]}


def text_of(steps: list[Any], kind: str = "text") -> str:
    deltas = [step["delta"] for step in steps if step["event"] == "content-block-delta"]
    return "".join(delta[kind] for delta in deltas if delta["type"] == f"{kind}-delta")


def test_reasoning_tool_calls_and_usage_are_told(stage: Server) -> None:
    steps = of(run(stage, "agent", HELLO), "messages")
    assert text_of(steps, "reasoning") == "Letters count."
    blocks = [one["content"] for one in steps if one["event"] == "content-block-finish"]
    call = {"type": "tool_call", "id": "call-1", "name": "measure", "args": {"text": "tea"}}
    assert call in blocks
    arguments = [one["delta"]["args"] for one in steps if "args" in one.get("delta", {})]
    assert "".join(arguments) == '{"text": "tea"}'
    ends = [step for step in steps if step["event"] == "message-finish"]
    assert ends[0]["usage"]["total_tokens"] == 10


def test_a_tool_starts_tells_of_its_progress_and_finishes(stage: Server) -> None:
    told = of(run(stage, "agent", HELLO), "tools")
    assert [one["event"] for one in told] == ["tool-started", "tool-output-delta", "tool-finished"]
    assert {one["tool_call_id"] for one in told} == {"call-1"}
    assert (told[0]["tool_name"], told[0]["input"]) == ("measure", {"text": "tea"})
    assert (told[1]["delta"], told[2]["output"]["content"]) == ("counting", "3")


def test_a_stream_of_the_graphs_own_is_heard_under_its_name(stage: Server) -> None:
    thread_id = new_id()
    start(stage, thread_id, "agent", HELLO)
    frames = Listener(stage.url, thread_id, ["custom:steps", "lifecycle"]).runs()
    assert of(frames, "custom")[0] == {"name": "steps", "payload": {"count": 1}}
    frames = Listener(stage.url, thread_id, ["custom:other", "lifecycle"]).runs()
    assert of(frames, "custom") == []


def test_messages_made_at_the_same_time_are_told_apart(stage: Server) -> None:
    by_message: dict[str, list[Any]] = {}
    for step in of(run(stage, "choir", HELLO), "messages"):
        by_message.setdefault(step["id"], []).append(step)
    assert {text_of(steps) for steps in by_message.values()} == {
        "low low low",
        "high high high",
        "All at once.",
    }
    for steps in by_message.values():
        assert (steps[0]["event"], steps[-1]["event"]) == ("message-start", "message-finish")


def test_a_subgraph_has_its_place_and_its_lifecycle(stage: Server) -> None:
    frames = run(stage, "team", HELLO)
    inner = of(frames, "lifecycle", ["group", "member"])
    assert [one["event"] for one in inner] == ["started", "completed"]
    assert text_of(of(frames, "messages", ["group", "member"])) == "low low low"
    assert of(frames, "messages", []) == []
    assert [one["event"] for one in of(frames, "lifecycle", ["group"])] == ["started", "completed"]


@pytest.mark.parametrize(
    ("chosen", "depths"),
    [
        ({}, {0, 1, 2}),
        ({"namespaces": [[]], "depth": 0}, {0}),
        ({"namespaces": [[]], "depth": 1}, {0, 1}),
        ({"namespaces": [["group"]]}, {1, 2}),
        ({"namespaces": [["group", "member"]]}, {2}),
        ({"namespaces": [["member"]]}, set()),
    ],
)
def test_a_listener_may_choose_places_and_depth(
    stage: Server, chosen: dict[str, Any], depths: set[int]
) -> None:
    thread_id = new_id()
    start(stage, thread_id, "team", HELLO)
    whole = Listener(stage.url, thread_id, ["values", "lifecycle"]).runs()
    wanted = [frame for frame in whole if len(frame["params"]["namespace"]) in depths]
    listener = Listener(stage.url, thread_id, ["values", "lifecycle"], **chosen)
    found = listener.until(lambda frames: len(frames) >= len(wanted))
    listener.leave()
    assert found == wanted


def test_a_question_is_asked_before_the_run_is_interrupted(server: Server) -> None:
    frames = run(server, "approval", {"request": "mail"})
    [asked] = of(frames, "input.requested")
    question = {"question": "Send this?", "draft": "Draft for: mail"}
    assert (asked["payload"], asked["value"]) == (question, question)
    assert brief(frames[-2:]) == [("input.requested", None), ("lifecycle", "interrupted")]


def test_the_question_of_a_subgraph_names_its_place(server: Server) -> None:
    frames = run(server, "nested", {"trail": []})
    assert of(frames, "input.requested", ["inner"])[0]["payload"] == "Which way?"
    assert of(frames, "lifecycle", ["inner"])[-1]["event"] == "interrupted"


def test_all_questions_of_a_run_are_told(stage: Server) -> None:
    frames = run(stage, "two_questions", {})
    assert {one["payload"] for one in of(frames, "input.requested")} == {"left?", "right?"}


def test_a_stop_before_a_node_is_an_interruption_too(server: Server) -> None:
    frames = run(server, "steps", {"topic": "tea"}, interrupt_before=["work"])
    assert brief(frames[-1:]) == [("lifecycle", "interrupted")]
    assert of(frames, "input.requested") == []


def test_a_failed_run_tells_why(server: Server) -> None:
    frames = run(server, "failing", {"message": "no luck"})
    assert of(frames[-1:], "lifecycle") == [
        {"event": "failed", "graph_name": "failing", "error": "no luck"}
    ]


def test_a_cancelled_run_is_interrupted(server: Server) -> None:
    thread_id = new_id()
    run_id = start(server, thread_id, "slow", {"steps": 600, "sleep_s": 0.1})
    listener = Listener(server.url, thread_id)
    listener.until(lambda frames: bool(of(frames, "custom")))
    assert command(server, thread_id, "run.cancel", run_id=run_id)["type"] == "success"
    assert brief(listener.runs()[-1:]) == [("lifecycle", "interrupted")]


def test_a_run_that_is_rolled_back_ends_for_its_followers(server: Server) -> None:
    thread_id = new_id()
    start(server, thread_id, "slow", {"steps": 600, "sleep_s": 0.1})
    listener = Listener(server.url, thread_id, ["lifecycle", "custom"])
    listener.until(lambda frames: bool(of(frames, "custom")))
    command(server, thread_id, "run.cancel", action="rollback")
    assert brief(listener.runs()[-1:]) == [("lifecycle", "interrupted")]


def test_a_run_that_is_cancelled_before_it_begins_ends_for_its_followers(server: Server) -> None:
    thread_id = new_id()
    running = start(server, thread_id, "slow", {"steps": 600, "sleep_s": 0.1})
    waiting = start(server, thread_id, "echo", {"message": 1})
    listener = Listener(server.url, thread_id, ["lifecycle"])
    listener.until(lambda frames: len(frames) == 1)
    for run_id in (waiting, running):
        command(server, thread_id, "run.cancel", run_id=run_id)
    frames = listener.runs(2)
    assert [frame["event_id"].split(":")[1] == waiting for frame in frames] == [False, False, True]
    assert brief(frames[-1:]) == [("lifecycle", "interrupted")]


def test_runs_of_the_older_kind_are_told_too(server: Server) -> None:
    thread_id = server.post("/threads", {}).json()["thread_id"]
    listener = Listener(server.url, thread_id)
    body = {"assistant_id": "steps", "input": {"topic": "tea"}, "stream_mode": ["updates"]}
    server.post(f"/threads/{thread_id}/runs/wait", body)
    body = {"assistant_id": "approval", "input": {"request": "mail"}}
    server.post(f"/threads/{thread_id}/runs/wait", body)
    frames = listener.runs(2)
    assert brief(frames[:1]) == [("lifecycle", "running")]
    assert of(frames, "updates")[0] == {"done": ["plan"]}
    assert of(frames, "values")[0] == {"request": "mail"}
    assert of(frames, "input.requested")[0]["payload"]["question"] == "Send this?"


def test_a_written_state_is_no_run(server: Server) -> None:
    thread_id = new_id()
    start(server, thread_id, "steps", {"topic": "tea"})
    Listener(server.url, thread_id).runs()
    server.post(f"/threads/{thread_id}/state", {"values": {"topic": "milk"}})
    start(server, thread_id, "steps", {"topic": "tea"})
    frames = Listener(server.url, thread_id).runs(2)
    assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
    assert sum(frame["method"] == "lifecycle" for frame in frames) == 4


def test_a_stream_is_kept_alive(stage: Server) -> None:
    with httpx.stream(
        "POST",
        f"{stage.url}/threads/{new_id()}/stream/events",
        json={"channels": ["values"]},
        timeout=60,
    ) as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert next(answer.iter_lines()) == ": heartbeat"
