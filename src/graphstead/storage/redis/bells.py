"""Bells of other processes over Redis: one channel per database, NOTIFY while Redis is away."""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Iterable
from typing import Any
from uuid import uuid4

import orjson
import redis

from graphstead.storage.bells import WaitingBells
from graphstead.storage.redis.line import Line, RedisAway
from graphstead.storage.rows import Bell

__all__ = ["RedisBells"]

LOOK_S = 1.0
PAUSE_S = 1.0
LISTEN_S = 5.0


class RedisBells:
    """Publishes this process's bells and hears those of the others, from a thread of its own.

    `heard` rings in this process; `otherwise` carries bells to the others while Redis is away.
    """

    def __init__(
        self,
        client: redis.Redis,
        line: Line,
        channel: str,
        *,
        heard: Callable[[Iterable[Bell]], None],
        otherwise: Callable[[Iterable[Bell]], None],
    ) -> None:
        self.channel = channel
        self._client = client
        self._line = line
        self._heard = heard
        self._otherwise = otherwise
        self._own = uuid4().hex
        self._waiting = WaitingBells()
        self._heard_now = False
        self._closing = threading.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="graphstead-bells", daemon=True)
        self._thread.start()
        # Whoever opens the storage hears from then on, if Redis lets it be heard at all.
        self._listening.wait(LISTEN_S)

    def ring(self, bells: Iterable[Bell]) -> None:
        """Ring these in the other processes; all that wait travel in one message."""
        if not self._waiting.add(bells):
            return
        sent: list[Bell] = []

        def publish(pipe: Any) -> None:
            sent.extend(self._waiting.take())
            pipe.publish(self.channel, self.message(sent))

        def done(told: concurrent.futures.Future[Any]) -> None:
            if told.exception() is not None:
                self._otherwise([*sent, *self._waiting.take()])

        try:
            self._line.send(publish).add_done_callback(done)
        except RedisAway:
            self._otherwise(self._waiting.take())

    def message(self, bells: Iterable[Bell]) -> bytes:
        """Return bells as they travel, for scripts that ring them themselves."""
        return orjson.dumps([self._own, [[*bell] for bell in bells]])

    def ring_here(self, bells: Iterable[Bell]) -> None:
        """Ring in this process alone."""
        self._heard(bells)

    @property
    def is_heard(self) -> bool:
        """Tell whether the bells of others are heard over Redis at present."""
        return self._heard_now

    def close(self) -> None:
        """Hear no more."""
        self._closing.set()
        with contextlib.suppress(RedisAway):
            self._line.send(lambda pipe: pipe.publish(self.channel, b"[]"))
        self._thread.join()
        self._client.close()

    def _listen(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(redis.RedisError), self._subscription() as heard:
                heard.subscribe(self.channel)
                while not self._closing.is_set():
                    self._hear(heard.get_message(timeout=LOOK_S))
            self._heard_now = False
            self._listening.set()
            self._closing.wait(PAUSE_S)

    def _subscription(self) -> Any:
        return self._client.pubsub()  # type: ignore[no-untyped-call]

    def _hear(self, message: Any) -> None:
        if message is None:
            return
        if message["type"] == "subscribe":
            self._heard_now = True
            self._listening.set()
        elif message["type"] == "message":
            self._heard(self._unpacked(message["data"]))

    def _unpacked(self, payload: bytes) -> list[Bell]:
        try:
            sender, bells = orjson.loads(payload)
            found = [Bell(topic, key) for topic, key in bells]
        except (ValueError, TypeError):
            return []
        if sender == self._own:
            return []
        return [bell for bell in found if all(isinstance(part, str) for part in bell)]
