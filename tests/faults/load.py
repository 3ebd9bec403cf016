"""The clients of a storm: each asks under one key until it is answered."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import Any, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import orjson
from faults.ledger import Followed, Frame, Intent, Ledger, ThreadFrame

PATIENCE_S = 120.0
PAUSE_S = 0.1
RUNS_OF_A_THREAD = 6
BATCH = 5
LONG_STREAM = 30
LIVE = frozenset({"pending", "running"})
# (path, headers, body)
HookCall: TypeAlias = tuple[str, dict[str, str], bytes]


class Load:
    """All clients over the same addresses; `pace_s` is what each waits between two runs."""

    def __init__(
        self, urls: Sequence[str], ledger: Ledger, hook: str, seed: int, *, pace_s: float
    ) -> None:
        self._urls = urls
        self._ledger = ledger
        self._hook = hook
        self._pace_s = pace_s
        self._over = threading.Event()
        ways: dict[str, Callable[[Client], None]] = {
            "thread": Client.on_thread,
            "thread-2": Client.on_thread,
            "kept": Client.kept,
            "temporary": Client.temporary,
            "batch": Client.batch,
            "wait": Client.wait,
            "stream": Client.stream,
            "stream-2": Client.stream,
            "follow": Client.follow,
            "vanish": Client.vanish,
            "cancel": Client.cancel,
        }
        self._threads = [
            threading.Thread(
                target=self._repeat,
                args=(name, way, random.Random(seed + number)),
                daemon=True,
            )
            for number, (name, way) in enumerate(ways.items())
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let every client finish what it has begun."""
        self._over.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE_S)

    def _repeat(self, name: str, way: Callable[[Client], None], chance: random.Random) -> None:
        client = Client(name, self._urls, self._ledger, self._hook, chance)
        while not self._over.wait(chance.uniform(0, 2 * self._pace_s)):
            try:
                way(client)
            except Exception as fault:  # a client's edge: noted, and found in the report
                self._ledger.blame(f"{name}: {fault!r}")
        client.close()


class Client:
    """One client of its own kind."""

    def __init__(
        self, name: str, urls: Sequence[str], ledger: Ledger, hook: str, chance: random.Random
    ) -> None:
        self._name = name
        self._kind = name.partition("-")[0]
        self._urls = urls
        self._ledger = ledger
        self._hook = hook
        self._chance = chance
        self._http = httpx.Client(timeout=httpx.Timeout(20, connect=3))
        self._number = 0

    def close(self) -> None:
        self._http.close()

    # ---- what the clients do

    def on_thread(self) -> None:
        """Queue several runs on a thread."""
        thread_id = self._thread()
        for _ in range(self._chance.randint(2, RUNS_OF_A_THREAD)):
            self._create(f"/threads/{thread_id}/runs", self._intent(thread_id=thread_id))

    def kept(self) -> None:
        self._create("/runs", self._intent(), on_completion="keep")

    def temporary(self) -> None:
        intent = self._intent(temporary=True)
        self._create("/runs", intent)
        intent.output = self._join(intent)

    def batch(self) -> None:
        intents = [self._intent() for _ in range(BATCH)]
        bodies = [self._body(intent, on_completion="keep") for intent in intents]
        for intent, run in zip(intents, self._post("/runs/batch", bodies), strict=True):
            self._ledger.ack(intent, run, self._kind)

    def wait(self) -> None:
        intent = self._intent(thread_id=self._thread())
        path = f"/threads/{intent.thread_id}/runs"
        self._create(path, intent)
        intent.output = self._join(intent)

    def stream(self) -> None:
        """Follow a run to its end, from the last event heard whenever the stream breaks."""
        # Some last long enough to be struck more than once.
        steps = self._chance.choice((0, 0, LONG_STREAM))
        intent = self._intent(thread_id=self._thread(), steps=steps)
        intent.heard = []
        run = self._create(f"/threads/{intent.thread_id}/runs", intent, **RESUMABLE)
        path = f"/threads/{intent.thread_id}/runs/{run['run_id']}"
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            # Only a stream that is opened behind the end and closes cleanly has told all.
            over = self._ask("GET", path)["status"] not in LIVE
            if self._listen(f"{path}/stream", intent.heard) and over:
                return
        raise TimeoutError(f"{path} has not ended")

    def follow(self) -> None:
        """Follow a thread until all that was asked for on it has been told."""
        followed = Followed(self._thread(), [])
        for _ in range(self._chance.randint(2, 4)):
            intent = self._intent(thread_id=followed.thread_id)
            followed.intents.append(intent)
            self._create(f"/threads/{followed.thread_id}/runs", intent, **RESUMABLE)
        until_s = time.monotonic() + PATIENCE_S
        is_told = False
        while not is_told and time.monotonic() < until_s:
            url = self._chance.choice(self._urls)
            with suppress(httpx.TransportError):
                is_told = listen(self._http, url, followed, followed.heard, until_s)
        self._ledger.followed.append(followed)

    def vanish(self) -> None:
        """Open a stream that is to cancel its run, hear its beginning, and pull the plug."""
        intent = self._intent(thread_id=self._thread(), steps=100)
        intent.may_be_cut = True
        path = f"/threads/{intent.thread_id}/runs"
        run = self._create(path, intent, **RESUMABLE)
        request = f"GET {path}/{run['run_id']}/stream?cancel_on_disconnect=true HTTP/1.1\r\n"
        parts = urlsplit(self._chance.choice(self._urls))
        with suppress(OSError):
            plug = socket.create_connection((parts.hostname or "", parts.port or 0), 3)
            plug.settimeout(10)
            with plug:
                plug.sendall(f"{request}Host: x\r\nLast-Event-ID: -1\r\n\r\n".encode())
                plug.recv(400)
        self._cancel(intent)

    def cancel(self) -> None:
        intent = self._intent(thread_id=self._thread(), steps=100)
        intent.may_be_cut = True
        self._create(f"/threads/{intent.thread_id}/runs", intent)
        time.sleep(self._chance.uniform(0, 0.5))
        self._cancel(intent)

    # ---- how they do it

    def _intent(self, *, steps: int = 0, **fields: Any) -> Intent:
        self._number += 1
        steps = steps or self._chance.randint(1, 4)
        webhook = self._kind in ("thread", "kept") and self._chance.random() < 0.4
        return Intent(f"{self._name}-{self._number}", steps, webhook=webhook, **fields)

    def _thread(self) -> str:
        thread_id = str(UUID(int=self._chance.getrandbits(128), version=4))
        self._ask("POST", "/threads", {"thread_id": thread_id, "if_exists": "do_nothing"})
        return thread_id

    def _body(self, intent: Intent, **fields: Any) -> dict[str, Any]:
        given = {
            "intent": intent.name,
            "steps": intent.steps,
            "count": 0,
            "sleep_s": self._chance.choice((0, 0.05, 0.2)),
        }
        durability = self._chance.choice(("sync", "async"))
        body = {"assistant_id": "trail", "input": given, "durability": durability, **fields}
        return {**body, "webhook": self._hook} if intent.webhook else body

    def _create(self, path: str, intent: Intent, **fields: Any) -> Any:
        run = self._post(path, self._body(intent, **fields))
        self._ledger.ack(intent, run, self._kind)
        return run

    def _post(self, path: str, body: Any) -> Any:
        key = str(UUID(int=self._chance.getrandbits(128), version=4))
        return self._ask("POST", path, body, {"Idempotency-Key": key})

    def _join(self, intent: Intent) -> Any:
        return self._ask("GET", f"/threads/{intent.thread_id}/runs/{intent.run_id}/join")

    def _cancel(self, intent: Intent) -> None:
        self._ask("POST", f"/threads/{intent.thread_id}/runs/{intent.run_id}/cancel", {})

    def _ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Any:
        """Ask any of the servers until one answers; 503 and broken connections are no answer."""
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            url = self._chance.choice(self._urls) + path
            try:
                answer = self._http.request(method, url, json=body, headers=headers)
            except httpx.TransportError as fault:
                self._ledger.count(type(fault).__name__)
                time.sleep(PAUSE_S)
                continue
            self._ledger.count(str(answer.status_code))
            if answer.status_code != 503:
                return self._content(answer, method, path)
            time.sleep(PAUSE_S)
        raise TimeoutError(f"no answer within {PATIENCE_S:g} s: {method} {path}")

    def _content(self, answer: httpx.Response, method: str, path: str) -> Any:
        ended = answer.status_code in (404, 409) and path.endswith("/cancel")
        if not answer.is_success and not ended:
            raise ValueError(f"{answer.status_code} to {method} {path}: {answer.text[:300]}")
        return answer.json() if answer.content.strip() else None

    def _listen(self, path: str, heard: list[Frame]) -> bool:
        """Add what a stream tells behind what was heard; say whether it closed cleanly."""
        after = str(heard[-1][0]) if heard else "-1"
        url = self._chance.choice(self._urls) + path
        with (
            suppress(httpx.TransportError),
            self._http.stream("GET", url, headers={"Last-Event-ID": after}) as answer,
        ):
            if answer.status_code != 503:
                answer.raise_for_status()
                heard.extend(frames(answer.iter_lines()))
                return True
        return False


RESUMABLE: dict[str, Any] = {"stream_resumable": True, "stream_mode": ["custom", "values"]}


def frames(lines: Iterator[str]) -> Iterator[Frame]:
    """Yield (seq, event, data) of whole frames; an error frame of the stream itself has no id."""
    for event_id, event, data in whole_frames(lines):
        yield int(event_id.rpartition("-")[2]), event, data


def whole_frames(lines: Iterator[str]) -> Iterator[tuple[str, str, str]]:
    """Yield (id, event, data) of whole frames."""
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields.get("id", "0"), fields["event"], fields["data"]
            fields = {}


def listen(
    client: httpx.Client, url: str, followed: Followed, heard: list[ThreadFrame], until_s: float
) -> bool:
    """Add what a thread tells behind what was heard; say whether all its runs are done."""
    left = {intent.run_id for intent in followed.intents} - done_in(heard)
    after = "-".join(map(str, heard[-1][0])) if heard else "-"
    path, headers = f"/threads/{followed.thread_id}/stream", {"Last-Event-ID": after}
    with client.stream("GET", url + path, headers=headers) as answer:
        if answer.status_code == 503:
            return False
        answer.raise_for_status()
        lines = takewhile(lambda _: time.monotonic() < until_s, answer.iter_lines())
        for event_id, event, data in whole_frames(lines):
            now_ms, _, seq = event_id.partition("-")
            heard.append(((int(now_ms), int(seq)), event, data))
            left -= done_in(heard[-1:])
            if not left:
                return True
    return False


def done_in(heard: Sequence[ThreadFrame]) -> set[str]:
    """Return the runs whose end is told of."""
    told = [orjson.loads(data) for _, event, data in heard if event == "metadata"]
    return {one["run_id"] for one in told if one.get("status") == "run_done"}


def called(calls: Sequence[HookCall]) -> list[str]:
    """Return the runs that webhook calls told of, in order."""
    return [str(orjson.loads(body)["run_id"]) for _, _, body in calls]
