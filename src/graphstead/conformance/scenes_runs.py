"""Runs: creating, waiting, joining, answering, competing, cancelling, and what is refused."""

from __future__ import annotations

import uuid
from typing import Any

from graphstead.conformance.play import Play
from graphstead.conformance.stage import UNKNOWN, Scene

__all__ = ["SCENES"]

ECHO: dict[str, Any] = {"assistant_id": "echo", "input": {"message": "hi"}}
STEPS: dict[str, Any] = {"assistant_id": "steps", "input": {"topic": "tea"}}
APPROVAL: dict[str, Any] = {"assistant_id": "approval", "input": {"request": "x"}}
SHORT: dict[str, Any] = {"assistant_id": "slow", "input": {"steps": 4, "sleep_s": 0.2}}
LONG: dict[str, Any] = {"assistant_id": "slow", "input": {"steps": 600, "sleep_s": 0.1}}


def creating(play: Play) -> None:
    thread_id = play.thread(metadata={"owner": "ann"})
    rich = {
        **ECHO,
        "metadata": {"a": 1},
        "config": {"tags": ["t"], "recursion_limit": 9, "metadata": {"b": 2}},
        "context": {"tone": "warm"},
        "stream_mode": ["values", "updates"],
        "stream_resumable": True,
        "durability": "sync",
        "interrupt_before": ["nowhere"],
    }
    path = f"/threads/{thread_id}/runs"
    made = play.call("all fields", "POST", path, rich)
    run_id = play.named("run", made["run_id"])
    play.settle(thread_id)
    play.call("get", "GET", f"{path}/{run_id}")
    play.call("list", "GET", path)
    play.call("list, select", "GET", f"{path}?select=run_id&select=status")
    play.call("list, junk status", "GET", f"{path}?status=junk")
    play.call("thread afterwards", "GET", f"/threads/{thread_id}")
    play.call("join afterwards", "GET", f"{path}/{run_id}/join")
    play.call("replay", "GET", f"{path}/{run_id}/stream", headers={"last-event-id": "-1"})
    one_mode = f"{path}/{run_id}/stream?stream_mode=updates"
    play.call("replay of one mode", "GET", one_mode, headers={"last-event-id": "0"})
    play.call("stream afterwards", "GET", f"{path}/{run_id}/stream")
    play.call("stateless", "POST", "/runs", ECHO)
    fresh = play.named("fresh", str(uuid.uuid4()))
    creating = {**ECHO, "if_not_exists": "create"}
    play.call("with its thread", "POST", f"/threads/{fresh}/runs", creating)
    play.settle(fresh)
    play.call("the thread it made", "GET", f"/threads/{fresh}")
    play.call("delete", "DELETE", f"{path}/{run_id}")
    play.call("delete again", "DELETE", f"{path}/{run_id}")


def waiting(play: Play) -> None:
    play.call("stateless", "POST", "/runs/wait", STEPS)
    thread_id = play.thread()
    path = f"/threads/{thread_id}/runs/wait"
    play.call("on a thread", "POST", path, STEPS)
    play.call("again", "POST", path, STEPS)
    play.call("nothing to do", "POST", path, {**STEPS, "input": None})
    play.call("failure", "POST", "/runs/wait", {"assistant_id": "failing", "input": {}})
    failed = play.thread()
    failing = {"assistant_id": "failing", "input": {"message": "no luck"}}
    play.call("failure on a thread", "POST", f"/threads/{failed}/runs/wait", failing)
    play.call("the failed thread", "GET", f"/threads/{failed}")
    play.call("its state", "GET", f"/threads/{failed}/state")
    play.call("its runs", "GET", f"/threads/{failed}/runs")
    empty = {**STEPS, "input": None}
    play.call("no input at all", "POST", f"/threads/{play.thread()}/runs/wait", empty)
    limited = {**STEPS, "config": {"recursion_limit": 2}}
    play.call("recursion limit", "POST", "/runs/wait", limited)
    before = {**STEPS, "interrupt_before": ["work"]}
    halted = play.thread()
    play.call("interrupt before", "POST", f"/threads/{halted}/runs/wait", before)
    play.call("the halted thread", "GET", f"/threads/{halted}")
    play.call("going on", "POST", f"/threads/{halted}/runs/wait", empty)


def batch(play: Play) -> None:
    made = play.call("three", "POST", "/runs/batch", [ECHO, STEPS, {**ECHO, "metadata": {"n": 1}}])
    for run in made:
        play.quietly("GET", f"/threads/{run['thread_id']}/runs/{run['run_id']}/join")
    play.call("none", "POST", "/runs/batch", [])
    play.call("no array", "POST", "/runs/batch", ECHO)
    play.call("bad item", "POST", "/runs/batch", [ECHO, {}])
    play.call("unknown graph", "POST", "/runs/batch", [ECHO, {"assistant_id": "nowhere"}])
    play.call("unknown assistant", "POST", "/runs/batch", [ECHO, {"assistant_id": UNKNOWN}])


def answering(play: Play) -> None:
    thread_id = play.thread()
    path = f"/threads/{thread_id}"
    play.call("ask", "POST", f"{path}/runs/wait", APPROVAL)
    play.call("asked thread", "GET", path)
    play.call("asked state", "GET", f"{path}/state")
    play.call("asked runs", "GET", f"{path}/runs")
    answer = {"assistant_id": "approval", "command": {"resume": True}}
    play.call("answer", "POST", f"{path}/runs/stream", {**answer, "stream_mode": "updates"})
    play.call("answered thread", "GET", path)
    play.call("answer twice", "POST", f"{path}/runs/wait", answer)
    play.call("history", "POST", f"{path}/history", {"limit": 100})
    update = {"assistant_id": "approval", "command": {"update": {"draft": "mine"}}}
    play.call("update by command", "POST", f"{path}/runs/wait", update)
    goto = {"assistant_id": "approval", "command": {"goto": "finish"}}
    play.call("goto by command", "POST", f"{path}/runs/wait", goto)
    play.call("goto nowhere", "POST", f"{path}/runs/wait", {**goto, "command": {"goto": "x"}})
    play.call("unknown command", "POST", f"{path}/runs/wait", {**goto, "command": {"junk": 1}})
    fresh = play.thread()
    play.call("answer nobody", "POST", f"/threads/{fresh}/runs/wait", answer)
    play.call("answer without a thread", "POST", "/runs/wait", answer)


def answering_within(play: Play) -> None:
    thread_id = play.thread()
    path = f"/threads/{thread_id}"
    ask = {"assistant_id": "nested", "input": {}, "stream_subgraphs": True}
    play.call("ask", "POST", f"{path}/runs/wait", ask)
    play.call("thread", "GET", path)
    play.call("state", "GET", f"{path}/state")
    play.call("state with subgraphs", "GET", f"{path}/state?subgraphs=true")
    answer = {"assistant_id": "nested", "command": {"resume": "left"}, "stream_subgraphs": True}
    modes = {"stream_mode": ["values", "updates"]}
    play.call("answer", "POST", f"{path}/runs/stream", {**answer, **modes})
    play.call("state afterwards", "GET", f"{path}/state")


def competing(play: Play) -> None:
    for strategy in ("reject", "enqueue", "interrupt", "rollback"):
        thread_id = play.thread()
        path = f"/threads/{thread_id}/runs"
        first = play.named("first", play.quietly("POST", path, SHORT)["run_id"])
        play.until_status(thread_id, first, "running")
        second = {**ECHO, "multitask_strategy": strategy}
        play.call(f"{strategy}: second", "POST", path, second)
        play.settle(thread_id)
        play.call(f"{strategy}: first afterwards", "GET", f"{path}/{first}")
        runs = play.quietly("GET", f"{path}?select=status&select=multitask_strategy")
        play.keep(f"{strategy}: runs", runs)
        play.call(f"{strategy}: thread", "GET", f"/threads/{thread_id}")


def cancelling(play: Play) -> None:
    for action in ("interrupt", "rollback"):
        for wait in (0, 1):
            thread_id = play.thread()
            path = f"/threads/{thread_id}/runs"
            run_id = play.named("run", play.quietly("POST", path, LONG)["run_id"])
            play.until_status(thread_id, run_id, "running")
            name = f"{action}, wait={wait}"
            stop = f"{path}/{run_id}/cancel?action={action}&wait={wait}"
            play.call(name, "POST", stop)
            play.settle(thread_id)
            play.call(f"{name}: run", "GET", f"{path}/{run_id}")
            play.call(f"{name}: thread", "GET", f"/threads/{thread_id}")
            play.call(f"{name}: join", "GET", f"{path}/{run_id}/join")
            play.call(f"{name}: again", "POST", stop)


def cancelling_many(play: Play) -> None:
    thread_id = play.thread()
    path = f"/threads/{thread_id}/runs"
    runs = [play.quietly("POST", path, LONG)["run_id"] for _ in range(2)]
    play.until_status(thread_id, runs[0], "running")
    both = {"thread_id": thread_id, "run_ids": runs}
    play.call("by ids", "POST", "/runs/cancel", both)
    play.settle(thread_id)
    play.call("runs", "GET", f"{path}?select=status")
    play.call("thread", "GET", f"/threads/{thread_id}")
    play.call("again", "POST", "/runs/cancel", both)
    play.call("both forms", "POST", "/runs/cancel", {**both, "status": "all"})
    play.call("neither form", "POST", "/runs/cancel", {})
    play.call("junk status", "POST", "/runs/cancel", {"status": "junk"})


def deleting_under_way(play: Play) -> None:
    thread_id = play.thread()
    path = f"/threads/{thread_id}/runs"
    run_id = play.named("run", play.quietly("POST", path, LONG)["run_id"])
    play.until_status(thread_id, run_id, "running")
    play.call("update its state", "POST", f"/threads/{thread_id}/state", {"values": {"count": 1}})
    play.call("delete the run", "DELETE", f"{path}/{run_id}")
    play.call("get it", "GET", f"{path}/{run_id}")
    play.call("join it", "GET", f"{path}/{run_id}/join")
    play.call("delete the thread", "DELETE", f"/threads/{thread_id}")
    play.call("get the thread", "GET", f"/threads/{thread_id}")


REFUSED: tuple[tuple[str, Any], ...] = (
    ("no assistant", {"input": {}}),
    ("unknown graph", {"assistant_id": "nowhere"}),
    ("unknown assistant", {"assistant_id": UNKNOWN}),
    ("junk mode", {**ECHO, "stream_mode": "junk"}),
    ("tools mode", {**ECHO, "stream_mode": ["tools"]}),
    ("config null", {**ECHO, "config": None}),
    ("metadata text", {**ECHO, "metadata": "x"}),
    ("node as text", {**ECHO, "interrupt_before": "work"}),
    ("junk strategy", {**ECHO, "multitask_strategy": "junk"}),
    ("junk durability", {**ECHO, "durability": "junk"}),
    ("junk checkpoint", {**ECHO, "checkpoint_id": "x"}),
    (
        "context and configurable",
        {**ECHO, "context": {"a": 1}, "config": {"configurable": {"b": 1}}},
    ),
    ("webhook", {**ECHO, "webhook": "http://127.0.0.1:9/x"}),
    ("not an object", []),
)


def refusing(play: Play) -> None:
    thread_id = play.thread()
    for name, body in REFUSED:
        for where in ("/runs", f"/threads/{thread_id}/runs", "/runs/wait", "/runs/stream"):
            shown = where.replace(thread_id, "t")
            play.call(f"{name} at {shown}", "POST", where, body)
        play.settle(thread_id)
    path = f"/threads/{thread_id}/runs"
    play.call("no body", "POST", path, content=b"")
    play.call("bad JSON", "POST", path, content=b"{")
    play.call("unknown thread", "POST", f"/threads/{UNKNOWN}/runs", ECHO)
    play.call("malformed thread", "POST", "/threads/x/runs", ECHO)
    play.call("unknown run", "GET", f"{path}/{UNKNOWN}")
    play.call("malformed run", "GET", f"{path}/x")
    play.call("runs of an unknown thread", "GET", f"/threads/{UNKNOWN}/runs")
    play.call("join an unknown run", "GET", f"{path}/{UNKNOWN}/join")
    play.call("stream an unknown run", "GET", f"{path}/{UNKNOWN}/stream")
    play.call("cancel an unknown run", "POST", f"{path}/{UNKNOWN}/cancel")
    play.call("junk select", "GET", f"{path}?select=junk")
    play.call("junk limit", "GET", f"{path}?limit=x")
    play.call("wrong method", "PUT", path, {})
    play.call("unknown path", "GET", "/nowhere")
    play.call("trailing slash", "GET", f"{path}/")


SCENES = (
    Scene.of(creating, "echo"),
    Scene.of(waiting, "steps", "failing"),
    Scene.of(batch, "echo", "steps"),
    Scene.of(answering, "approval"),
    Scene.of(answering_within, "nested"),
    Scene.of(competing, "slow", "echo"),
    Scene.of(cancelling, "slow"),
    Scene.of(cancelling_many, "slow"),
    Scene.of(deleting_under_way, "slow"),
    Scene.of(refusing, "echo"),
)
