"""Bodies, collected streams and bounded waits that many tests share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.schema import StreamPart

# What nothing is called; the same in each process, as names of tests may hold it.
NOBODY = "5f0c0e0a-6d3b-4d8e-9c55-0a6f7f2b9c11"
FINAL = frozenset({"success", "error", "timeout", "interrupted"})


def echo_item(message: Any, **fields: Any) -> dict[str, Any]:
    """Return one run of the echo graph as `create_batch` takes it."""
    return {"assistant_id": "echo", "input": {"message": message}, **fields}


async def collect(stream: AsyncIterator[Any]) -> list[StreamPart]:
    """Read a stream to its end."""
    return [part async for part in stream]


def names(parts: Sequence[StreamPart]) -> list[str]:
    """Return the events' names in order, subgraph ids cut off behind the colon."""
    return [part.event.partition(":")[0] for part in parts]


def payloads(parts: Sequence[StreamPart], event: str) -> list[Any]:
    """Return the data of the events called `event`, in order."""
    return [part.data for part in parts if part.event == event]


def seq_of(event_id: str | None) -> int:
    """Return the running number in an event id `<ms>-<seq>`."""
    assert event_id is not None
    return int(event_id.rpartition("-")[2])


async def until(check: Callable[[], Awaitable[Any]], timeout_s: float = 60) -> Any:
    """Ask again and again until the answer is true; return it."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not (answer := await check()):
        assert asyncio.get_running_loop().time() < deadline, f"not within {timeout_s} s"
        await asyncio.sleep(0.02)
    return answer


async def ended(client: LangGraphClient, run: Any, timeout_s: float = 60) -> str:
    """Wait until a run on a thread has ended; return its status."""

    async def status() -> str | None:
        now = (await client.runs.get(run["thread_id"], run["run_id"]))["status"]
        return now if now in FINAL else None

    return str(await until(status, timeout_s))


async def values_of(client: LangGraphClient, thread_id: str) -> Any:
    """Return the values that a thread shows."""
    return (await client.threads.get(thread_id))["values"]


async def new_thread(client: LangGraphClient, **fields: Any) -> str:
    """Create a thread and return its id."""
    return (await client.threads.create(**fields))["thread_id"]
