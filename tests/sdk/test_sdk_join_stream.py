"""Streams that are left and joined again, through the Python SDK."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from factories import collect, ended, names, payloads, seq_of
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import NotFoundError

SLOW = {"steps": 4, "sleep_s": 0.15}
LONG = {"steps": 600, "sleep_s": 0.1}
MODES: Any = ["custom", "updates"]


async def start(client: LangGraphClient, thread_id: str, **fields: Any) -> str:
    fields = {"input": SLOW, "stream_mode": MODES, "stream_resumable": True, **fields}
    return (await client.runs.create(thread_id, "slow", **fields))["run_id"]


async def read(
    client: LangGraphClient, thread_id: str, run_id: str, after: str | None
) -> list[Any]:
    return await collect(client.runs.join_stream(thread_id, run_id, last_event_id=after))


async def test_resumable_events_carry_unique_rising_ids(
    client: LangGraphClient, thread_id: str
) -> None:
    stream = client.runs.stream(
        thread_id, "steps", input={"topic": "t"}, stream_mode=MODES, stream_resumable=True
    )
    seqs = [seq_of(part.id) for part in await collect(stream)]
    assert seqs == list(range(1, len(seqs) + 1))


async def test_events_carry_no_id_unless_the_run_is_resumable(
    client: LangGraphClient, thread_id: str
) -> None:
    parts = await collect(client.runs.stream(thread_id, "steps", input={}))
    assert {part.id for part in parts} == {None}


@pytest.mark.parametrize("everything", ["-1", "0", "0-0", "-"])
async def test_a_finished_resumable_run_is_replayed_whole(
    client: LangGraphClient, thread_id: str, everything: str
) -> None:
    live = await collect(
        client.runs.stream(
            thread_id, "steps", input={"topic": "t"}, stream_mode=MODES, stream_resumable=True
        )
    )
    replayed = await read(client, thread_id, live[0].data["run_id"], everything)
    assert replayed == live


async def test_a_replay_goes_on_strictly_after_the_given_id(
    client: LangGraphClient, thread_id: str
) -> None:
    live = await collect(
        client.runs.stream(
            thread_id, "steps", input={"topic": "t"}, stream_mode=MODES, stream_resumable=True
        )
    )
    for index, part in enumerate(live):
        assert await read(client, thread_id, live[0].data["run_id"], part.id) == live[index + 1 :]


async def test_replay_and_live_events_join_without_a_gap(
    client: LangGraphClient, thread_id: str
) -> None:
    run_id = await start(client, thread_id)
    await asyncio.sleep(0.3)
    parts = await read(client, thread_id, run_id, "-1")
    assert parts[0].event == "metadata"
    assert [item["count"] for item in payloads(parts, "custom")] == [1, 2, 3, 4]
    assert [seq_of(part.id) for part in parts] == list(range(1, len(parts) + 1))


async def test_a_client_that_drops_and_returns_misses_nothing(
    client: LangGraphClient, thread_id: str
) -> None:
    run_id = await start(client, thread_id)
    seen: list[Any] = []
    while not seen or len(payloads(seen, "updates")) < 5:
        after = seen[-1].id if seen else "-1"
        stream = client.runs.join_stream(thread_id, run_id, last_event_id=after)
        seen.append(await anext(stream))
        await stream.aclose()  # type: ignore[attr-defined]
    assert seen == await read(client, thread_id, run_id, "-1")


async def test_without_an_id_only_later_events_come(
    client: LangGraphClient, thread_id: str
) -> None:
    run_id = await start(client, thread_id, input=LONG)
    async for seen in client.runs.join_stream(thread_id, run_id, last_event_id="-1"):
        if seen.event == "custom":
            break
    stream = client.runs.join_stream(thread_id, run_id)
    parts = [await anext(stream)]
    while parts[-1].event != "custom":
        parts.append(await anext(stream))
    await client.runs.cancel(thread_id, run_id)
    parts += await collect(stream)
    counts = [item["count"] for item in payloads(parts, "custom")]
    assert counts == [*range(counts[0], counts[0] + len(counts))]
    assert min(seq_of(part.id) for part in parts) > seq_of(seen.id)
    assert "metadata" not in names(parts)


async def test_without_an_id_a_finished_run_is_silent(
    client: LangGraphClient, thread_id: str
) -> None:
    run_id = await start(client, thread_id, input={"steps": 1, "sleep_s": 0})
    await client.runs.join(thread_id, run_id)
    assert await read(client, thread_id, run_id, None) == []


async def test_a_run_that_is_not_resumable_is_never_replayed(
    client: LangGraphClient, thread_id: str
) -> None:
    run_id = await start(client, thread_id, stream_resumable=False)
    await client.runs.join(thread_id, run_id)
    assert await read(client, thread_id, run_id, "-1") == []


@pytest.mark.parametrize("modes", ["updates", ["updates"]])
async def test_a_joining_client_may_ask_for_fewer_modes(
    client: LangGraphClient, thread_id: str, modes: Any
) -> None:
    run_id = await start(client, thread_id)
    stream = client.runs.join_stream(thread_id, run_id, stream_mode=modes, last_event_id="-1")
    parts = await collect(stream)
    assert set(names(parts)) == {"updates"}
    assert len(parts) == 5


async def test_a_joining_client_may_ask_for_several_modes(
    client: LangGraphClient, thread_id: str
) -> None:
    run_id = await start(client, thread_id, stream_mode=["custom", "updates", "values"])
    stream = client.runs.join_stream(thread_id, run_id, stream_mode=MODES, last_event_id="-1")
    assert set(names(await collect(stream))) == {"custom", "updates"}


async def test_several_clients_see_the_same_stream(client: LangGraphClient, thread_id: str) -> None:
    run_id = await start(client, thread_id)
    streams = [read(client, thread_id, run_id, "-1") for _ in range(5)]
    first, *others = await asyncio.gather(*streams)
    assert all(other == first for other in others)


async def test_joining_an_unknown_run_is_refused_before_the_stream_opens(
    client: LangGraphClient, thread_id: str
) -> None:
    with pytest.raises(NotFoundError):
        await read(client, thread_id, str(uuid.uuid4()), None)


async def test_a_run_whose_client_leaves_goes_on_by_default(
    client: LangGraphClient, thread_id: str
) -> None:
    stream = client.runs.stream(thread_id, "slow", input=SLOW)
    run = {"thread_id": thread_id, "run_id": (await anext(stream)).data["run_id"]}
    await stream.aclose()  # type: ignore[attr-defined]
    assert await ended(client, run) == "success"


async def test_a_run_whose_client_leaves_is_cancelled_on_request(
    client: LangGraphClient, thread_id: str
) -> None:
    stream = client.runs.stream(thread_id, "slow", input=LONG, on_disconnect="cancel")
    run = {"thread_id": thread_id, "run_id": (await anext(stream)).data["run_id"]}
    await stream.aclose()  # type: ignore[attr-defined]
    assert await ended(client, run) == "interrupted"
    thread: Any = await client.threads.get(thread_id)
    assert thread["status"] == "interrupted"
    assert thread["error"]["error"] == "UserInterrupt"


async def test_a_stateless_stream_can_be_followed_at_its_location(
    client: LangGraphClient, server: Any
) -> None:
    stream = client.runs.stream(None, "slow", input=SLOW, stream_mode=MODES, stream_resumable=True)
    first = await anext(stream)
    url = f"/runs/{first.data['run_id']}/stream"
    again = client.http.stream(url, "GET", headers={"Last-Event-ID": "-1"})
    assert await collect(again) == [first, *await collect(stream)]
