"""Clients of both SDKs behind a dropping proxy, and all that they heard."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chaos.proxy import DroppingProxy, Kind
from factories import collect
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.schema import StreamPart

SEED = 20_260_726
MEAN_BYTES = 1_200
UPTO = 100
PAUSE_S = 0.02
STREAMS = 24
JS_STREAMS = 12
WAITS = 4
FOLLOW = Path(__file__).parent / "follow.mjs"
INPUT = {"upto": UPTO, "pause_s": PAUSE_S}


@dataclass(frozen=True)
class Heard:
    """What arrived: the parts of every stream, the outputs of every wait, the drops between."""

    streams: list[list[StreamPart]]
    js_streams: list[list[StreamPart]]
    outputs: list[Any]
    drops: Counter[Kind]


async def weather(
    url: str,
    node: str | None,
    *,
    streams: int = STREAMS,
    js_streams: int = JS_STREAMS,
    waits: int = WAITS,
    mean_bytes: int = MEAN_BYTES,
) -> Heard:
    """Run all clients at once through one proxy; `url` may have a path, which they then use."""
    async with DroppingProxy(url, SEED, mean_bytes=mean_bytes) as proxy:
        base = proxy.url + urlsplit(url).path
        async with get_client(url=base) as client:
            following = asyncio.gather(*(_stream(client, n) for n in range(streams)))
            waiting = asyncio.gather(*(_wait(client, n) for n in range(waits)))
            js = _javascript(node, base, js_streams) if node else _nothing()
            heard, outputs, js_heard = await asyncio.gather(following, waiting, js)
        return Heard(heard, js_heard, outputs, proxy.drops)


async def _thread_of(client: LangGraphClient, number: int) -> str | None:
    """Give every other run a thread, let the others bring their own."""
    return (await client.threads.create())["thread_id"] if number % 2 else None


async def _stream(client: LangGraphClient, number: int) -> list[StreamPart]:
    thread_id: Any = await _thread_of(client, number)
    given: dict[str, Any] = {"input": INPUT, "stream_mode": ["custom", "values"]}
    return await collect(client.runs.stream(thread_id, "numbers", stream_resumable=True, **given))


async def _wait(client: LangGraphClient, number: int) -> Any:
    thread_id: Any = await _thread_of(client, number)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Request failed, attempting reconnect")
        return await client.runs.wait(thread_id, "numbers", input=INPUT)


async def _nothing() -> list[list[StreamPart]]:
    return []


async def _javascript(node: str, url: str, streams: int) -> list[list[StreamPart]]:
    process = await asyncio.create_subprocess_exec(
        *(node, str(FOLLOW), url, str(streams), str(UPTO), str(PAUSE_S)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    found = json.loads(printed)
    return [[StreamPart(p["event"], p["data"], p.get("id")) for p in parts] for parts in found]
