"""Every stream mode, its event names and payloads, through the Python SDK."""

from __future__ import annotations

from typing import Any

import pytest
from factories import collect, names, payloads
from langgraph_sdk.client import LangGraphClient

TEA = {"topic": "tea"}
HI: Any = {"messages": [{"role": "user", "content": "hi", "id": "m1"}]}
STEPS = ("plan", "work", "review")
CHAT_EVENTS = [
    ("on_chain_start", "chat"),
    ("on_chain_start", "answer"),
    ("on_chat_model_start", "WordModel"),
    *[("on_chat_model_stream", "WordModel")] * 4,
    ("on_chat_model_end", "WordModel"),
    ("on_chain_stream", "answer"),
    ("on_chain_end", "answer"),
    ("on_chain_end", "chat"),
]
MESSAGE_KEYS = {
    *("content", "additional_kwargs", "response_metadata", "type", "name", "id"),
    *("tool_calls", "invalid_tool_calls", "usage_metadata"),
}


async def test_the_first_event_is_metadata(client: LangGraphClient, thread_id: str) -> None:
    parts = await collect(client.runs.stream(thread_id, "echo", input={}))
    assert parts[0].event == "metadata"
    assert parts[0].data.keys() == {"run_id", "attempt"}
    run = await client.runs.get(thread_id, parts[0].data["run_id"])
    assert (run["status"], parts[0].data["attempt"]) == ("success", 1)


async def test_values_shows_the_state_after_input_and_every_step(
    client: LangGraphClient, thread_id: str
) -> None:
    parts = await collect(client.runs.stream(thread_id, "steps", input=TEA))
    assert names(parts) == ["metadata", *["values"] * 4]
    expected = [{**TEA, "done": list(STEPS[:count])} for count in range(4)]
    assert payloads(parts, "values") == expected


async def test_updates_shows_what_each_task_returned(
    client: LangGraphClient, thread_id: str
) -> None:
    parts = await collect(client.runs.stream(thread_id, "steps", input=TEA, stream_mode="updates"))
    assert names(parts) == ["metadata", *["updates"] * 3]
    assert payloads(parts, "updates") == [{name: {"done": [name]}} for name in STEPS]


async def test_custom_shows_what_nodes_write(client: LangGraphClient, thread_id: str) -> None:
    parts = await collect(client.runs.stream(thread_id, "steps", input=TEA, stream_mode="custom"))
    assert names(parts) == ["metadata", *["custom"] * 3]
    expected = [{"step": step, "number": n, **TEA} for n, step in enumerate(STEPS, 1)]
    assert payloads(parts, "custom") == expected


async def test_tasks_shows_start_and_result_of_each_task(
    client: LangGraphClient, thread_id: str
) -> None:
    parts = await collect(client.runs.stream(thread_id, "steps", input=TEA, stream_mode="tasks"))
    assert names(parts) == ["metadata", *["tasks"] * 6]
    started, finished = payloads(parts, "tasks")[:2]
    assert started.keys() == {"id", "name", "input", "triggers", "metadata"}
    assert (started["name"], started["input"]) == ("plan", {**TEA, "done": []})
    assert started["triggers"] == ["branch:to:plan"]
    same = {"id": started["id"], "name": "plan", "error": None, "interrupts": []}
    assert finished == {**same, "result": {"done": ["plan"]}}


async def test_checkpoints_shows_every_checkpoint(client: LangGraphClient, thread_id: str) -> None:
    stream = client.runs.stream(thread_id, "steps", input=TEA, stream_mode="checkpoints")
    found = payloads(await collect(stream), "checkpoints")
    keys = {"config", "parent_config", "values", "metadata", "next", "tasks"}
    assert [item.keys() for item in found] == [keys] * 5
    assert [item["next"] for item in found] == [["__start__"], ["plan"], ["work"], ["review"], []]
    assert [item["metadata"]["step"] for item in found] == [-1, 0, 1, 2, 3]
    assert [item["metadata"]["source"] for item in found] == ["input", *["loop"] * 4]
    assert found[-1]["values"] == {**TEA, "done": list(STEPS)}
    ids = [item["config"]["configurable"]["checkpoint_id"] for item in found]
    parents = [item["parent_config"]["configurable"]["checkpoint_id"] for item in found[1:]]
    assert (parents, found[0]["parent_config"]) == (ids[:-1], None)


async def test_checkpoint_ids_in_the_stream_are_those_of_the_state(
    client: LangGraphClient, thread_id: str
) -> None:
    stream = client.runs.stream(thread_id, "steps", input=TEA, stream_mode="checkpoints")
    last = payloads(await collect(stream), "checkpoints")[-1]["config"]["configurable"]
    checkpoint: Any = (await client.threads.get_state(thread_id))["checkpoint"]
    assert checkpoint["checkpoint_id"] == last["checkpoint_id"]
    assert (last["thread_id"], last["checkpoint_ns"]) == (thread_id, "")


async def test_debug_tells_of_checkpoints_tasks_and_results(
    client: LangGraphClient, thread_id: str
) -> None:
    stream = client.runs.stream(thread_id, "steps", input=TEA, stream_mode="debug")
    found = payloads(await collect(stream), "debug")
    step = ["task", "task_result", "checkpoint"]
    assert [item["type"] for item in found] == ["checkpoint", "checkpoint", *step * 3]
    assert [item["step"] for item in found] == [-1, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert all(item.keys() == {"step", "timestamp", "type", "payload"} for item in found)
    checkpoint = found[1]["payload"]["checkpoint"]
    assert checkpoint.keys() == {"checkpoint_id", "thread_id", "checkpoint_ns"}
    assert checkpoint["thread_id"] == thread_id
    assert found[4]["payload"]["parent_checkpoint"] == checkpoint


async def test_several_modes_interleave_in_the_order_of_the_graph(
    client: LangGraphClient, thread_id: str
) -> None:
    modes: Any = ["updates", "values", "custom"]
    parts = await collect(client.runs.stream(thread_id, "steps", input=TEA, stream_mode=modes))
    assert names(parts) == ["metadata", "values", *["custom", "updates", "values"] * 3]


async def test_messages_grow_from_partial_to_partial(
    client: LangGraphClient, thread_id: str
) -> None:
    stream = client.runs.stream(thread_id, "chat", input=HI, stream_mode="messages")
    parts = await collect(stream)
    assert names(parts)[:3] == ["metadata", "messages/metadata", "messages/partial"]
    assert set(names(parts)[2:]) == {"messages/partial"}
    partial = payloads(parts, "messages/partial")
    texts = [message["content"] for [message] in partial]
    assert texts[:3] == ["You ", "You said: ", "You said: hi"]
    assert texts[-1] == "You said: hi"
    assert {message["type"] for [message] in partial} == {"ai"}
    assert all(message.keys() == MESSAGE_KEYS for [message] in partial)


async def test_a_message_tells_once_which_node_it_comes_from(
    client: LangGraphClient, thread_id: str
) -> None:
    stream = client.runs.stream(thread_id, "chat", input=HI, stream_mode="messages")
    parts = await collect(stream)
    [told] = payloads(parts, "messages/metadata")
    [message] = payloads(parts, "messages/partial")[0]
    metadata = told[message["id"]]["metadata"]
    assert (metadata["langgraph_node"], metadata["langgraph_step"]) == ("answer", 1)
    assert metadata["langgraph_checkpoint_ns"].startswith("answer:")
    assert (metadata["thread_id"], metadata["graph_id"]) == (thread_id, "chat")
    assert metadata["run_id"] == parts[0].data["run_id"]


async def test_messages_that_are_not_streamed_come_complete(
    client: LangGraphClient, thread_id: str
) -> None:
    stream = client.runs.stream(thread_id, "tools", input=HI, stream_mode="messages")
    parts = await collect(stream)
    assert names(parts) == ["metadata", *["messages/metadata", "messages/complete"] * 3]
    kinds = [message["type"] for [message] in payloads(parts, "messages/complete")]
    assert kinds == ["ai", "tool", "ai"]


@pytest.mark.parametrize("modes", ["messages-tuple", ["messages", "messages-tuple"]])
async def test_messages_tuple_sends_each_token_with_its_metadata(
    client: LangGraphClient, thread_id: str, modes: Any
) -> None:
    parts = await collect(client.runs.stream(thread_id, "chat", input=HI, stream_mode=modes))
    assert set(names(parts)[1:]) == {"messages"}
    chunks = payloads(parts, "messages")
    assert [chunk["content"] for chunk, _ in chunks][:3] == ["You ", "said: ", "hi"]
    assert {chunk["type"] for chunk, _ in chunks} == {"AIMessageChunk"}
    more = {"tool_call_chunks", "chunk_position"}
    assert all(chunk.keys() == MESSAGE_KEYS | more for chunk, _ in chunks)
    assert {metadata["langgraph_node"] for _, metadata in chunks} == {"answer"}
    assert len({chunk["id"] for chunk, _ in chunks}) == 1


async def test_events_shows_what_langchain_tells_of_itself(
    client: LangGraphClient, thread_id: str
) -> None:
    parts = await collect(client.runs.stream(thread_id, "chat", input=HI, stream_mode="events"))
    assert set(names(parts)[1:]) == {"events"}
    found = payloads(parts, "events")
    assert [(item["event"], item["name"]) for item in found] == CHAT_EVENTS
    assert found[0]["run_id"] == parts[0].data["run_id"]
    keys = {"event", "name", "run_id", "data", "tags", "metadata", "parent_ids"}
    assert all(item.keys() == keys for item in found)


async def test_events_and_other_modes_come_together(
    client: LangGraphClient, thread_id: str
) -> None:
    modes: Any = ["events", "updates", "messages-tuple"]
    parts = await collect(client.runs.stream(thread_id, "chat", input=HI, stream_mode=modes))
    assert set(names(parts)) == {"metadata", "events", "updates", "messages"}
    [update] = payloads(parts, "updates")
    assert update["answer"]["messages"][0]["content"] == "You said: hi"


async def test_no_modes_means_values(client: LangGraphClient, thread_id: str) -> None:
    parts = await collect(
        client.runs.stream(thread_id, "echo", input={"message": 1}, stream_mode=[])
    )
    assert set(names(parts)[1:]) == {"values"}


async def test_an_error_is_the_last_event(client: LangGraphClient, thread_id: str) -> None:
    modes: Any = ["values", "updates"]
    stream = client.runs.stream(
        thread_id, "failing", input={"message": "no luck"}, stream_mode=modes
    )
    parts = await collect(stream)
    assert names(parts) == ["metadata", "values", "updates", "values", "error"]
    assert parts[-1].data == {"error": "ValueError", "message": "no luck"}


async def test_the_run_has_ended_before_its_stream_closes(
    client: LangGraphClient, thread_id: str
) -> None:
    for _ in range(10):
        parts = await collect(client.runs.stream(thread_id, "echo", input={}))
        run = await client.runs.get(thread_id, parts[0].data["run_id"])
        assert run["status"] == "success"
        assert (await client.threads.get(thread_id))["status"] == "idle"


async def test_a_stateless_stream_has_no_checkpoints(client: LangGraphClient) -> None:
    modes: Any = ["updates", "checkpoints", "debug"]
    parts = await collect(client.runs.stream(None, "steps", input=TEA, stream_mode=modes))
    assert "checkpoints" not in names(parts)
    kinds = {item["type"] for item in payloads(parts, "debug")}
    assert kinds == {"task", "task_result"}
    assert len(payloads(parts, "updates")) == 3


async def test_subgraph_events_carry_their_namespace(
    client: LangGraphClient, thread_id: str
) -> None:
    modes: Any = ["values", "updates"]
    stream = client.runs.stream(
        thread_id, "nested", input={}, stream_mode=modes, stream_subgraphs=True
    )
    parts = await collect(stream)
    inner = [f"{mode}|inner" for mode in ("updates", "values")] * 2
    assert names(parts) == ["metadata", "updates", "values", *inner, "updates", "values"]
    spaces = {part.event.partition("|")[2] for part in parts if "|" in part.event}
    assert len(spaces) == 1
    assert parts[3].data == {"prepare": {"question": "Which way?"}}
    assert parts[4].data == {"question": "Which way?"}


async def test_subgraphs_stay_silent_unless_asked_for(
    client: LangGraphClient, thread_id: str
) -> None:
    modes: Any = ["values", "updates"]
    parts = await collect(client.runs.stream(thread_id, "nested", input={}, stream_mode=modes))
    assert names(parts) == ["metadata", "updates", "values", "updates", "values"]
