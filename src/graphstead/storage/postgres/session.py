"""The one connection of a process that stays: it carries bells and holds the locks of workers.

Bells travel as NOTIFY, all that wait in one message: a thousand rings cost a few statements.
Nothing is promised: a bell lost with the connection costs its listener one poll. A pooler that
hands out sessions by transaction must not be between: it is given the direct address.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

import orjson
import psycopg

from graphstead.storage.bells import WaitingBells
from graphstead.storage.errors import StorageClosed, StorageError
from graphstead.storage.postgres.addresses import connect, is_pooled
from graphstead.storage.postgres.statements import bound
from graphstead.storage.rows import Bell

__all__ = ["Session", "lock_key"]

LONGEST_PAYLOAD = 7_000
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
LISTEN_S = 5.0
LOCK_S = 1.0
POOLED = (
    "The session for bells and liveness goes over a pooler: unless that lends it for good, name"
    " the server itself in DATABASE_DIRECT_URI"
)
_LOG = logging.getLogger("graphstead.storage")


def lock_key(place: str, worker_id: str) -> int:
    """Return the number of a worker's advisory lock; `place` keeps two schemas apart."""
    digest = hashlib.blake2b(f"{place} worker {worker_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


class Session:
    """Rings the bells of other processes and hears theirs, from a thread of its own."""

    def __init__(self, uri: str, schema: str, heard: Callable[[list[Bell]], None]) -> None:
        self._uri = uri
        self._schema = schema
        self._channel = f"graphstead_{hashlib.blake2b(schema.encode(), digest_size=8).hexdigest()}"
        self._heard = heard
        self._guard = threading.Lock()
        self._waiting = WaitingBells()
        self._wanted: list[tuple[str, Future[None]]] = []
        self._held: set[str] = set()
        self._closing = threading.Event()
        self._waker, self._wakened = socket.socketpair()
        self._waker.setblocking(False)
        self._wakened.setblocking(False)
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._main, name="graphstead-session", daemon=True)
        self._thread.start()
        # Whoever opens the storage hears from then on, if the server lets it be heard at all.
        self._listening.wait(LISTEN_S)

    def ring(self, bells: Iterable[Bell]) -> None:
        """Send these bells to every other process."""
        if self._waiting.add(bells):
            self._wake()

    def hold(self, worker_id: str) -> None:
        """Hold this worker's lock; raises StorageError where another session has it."""
        held: Future[None] = Future()
        with self._guard:
            if self._closing.is_set():
                raise StorageClosed("The storage is closed")
            self._wanted.append((worker_id, held))
        self._wake()
        held.result()

    def close(self) -> None:
        """Send what waits, give the locks back, and end."""
        with self._guard:
            self._closing.set()
        self._wake()
        self._thread.join()
        self._waker.close()
        self._wakened.close()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.send(b"!")

    def _main(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._closing.is_set():
            try:
                with connect(self._uri) as connection:
                    self._begin(connection)
                    pause_s = FIRST_PAUSE_S
                    self._serve(connection)
            except psycopg.Error as fault:
                _LOG.warning("Other processes are heard by polling alone for now: %s", fault)
                self._closing.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        self._refuse_wanted()

    def _refuse_wanted(self) -> None:
        with self._guard:
            wanted, self._wanted = self._wanted, []
        for _, held in wanted:
            held.set_exception(StorageClosed("The storage is closed"))

    def _begin(self, connection: psycopg.Connection[Any]) -> None:
        own = connection.info.backend_pid
        if is_pooled(connection):
            _LOG.warning(POOLED)

        def hear(notify: psycopg.Notify) -> None:
            if notify.pid != own:
                self._heard(_unpacked(notify.payload))

        connection.add_notify_handler(hear)
        connection.execute(f"listen {self._channel}")
        for worker_id in self._held:
            if not self._lock(connection, worker_id):
                _LOG.warning("Another session has taken the lock of worker %s", worker_id)
        self._listening.set()

    def _serve(self, connection: psycopg.Connection[Any]) -> None:
        woken = self._wakened.fileno()
        while True:
            closing = self._closing.is_set()
            self._send(connection)
            self._hold_wanted(connection)
            if closing:
                return
            ready, _, _ = select.select([connection.fileno(), woken], [], [])
            if woken in ready:
                with contextlib.suppress(BlockingIOError):
                    self._wakened.recv(4096)
            if connection.fileno() in ready:
                self._receive(connection)

    def _receive(self, connection: psycopg.Connection[Any]) -> None:
        own = connection.info.backend_pid
        connection.pgconn.consume_input()
        while (notify := connection.pgconn.notifies()) is not None:
            if notify.be_pid != own:
                self._heard(_unpacked(notify.extra))

    def _send(self, connection: psycopg.Connection[Any]) -> None:
        for payload in _packed(self._waiting.take()):
            connection.execute("select pg_notify(%s, %s)", (self._channel, payload))

    def _hold_wanted(self, connection: psycopg.Connection[Any]) -> None:
        with self._guard:
            wanted, self._wanted = self._wanted, []
        for worker_id, held in wanted:
            if self._lock(connection, worker_id):
                self._held.add(worker_id)
                held.set_result(None)
            else:
                held.set_exception(StorageError(f"Another process already is worker {worker_id}"))

    def _lock(self, connection: psycopg.Connection[Any], worker_id: str) -> bool:
        if worker_id in self._held and self._has(connection, worker_id):
            return True
        key, until_s = lock_key(self._schema, worker_id), time.monotonic() + LOCK_S
        while True:
            row = connection.execute("select pg_try_advisory_lock(%s)", (key,)).fetchone()
            # The session that broke may be a moment behind in giving its locks back.
            if (row and row[0]) or time.monotonic() > until_s:
                return bool(row and row[0])
            time.sleep(0.05)

    def _has(self, connection: psycopg.Connection[Any], worker_id: str) -> bool:
        key = lock_key(self._schema, worker_id)
        own = bound(f"{LOCK_HELD} and pid = pg_backend_pid()", holds=False)
        return connection.execute(own, {"key": key}).fetchone() is not None


LOCK_HELD = """
select 1 from pg_locks
where locktype = 'advisory' and objsubid = 1 and granted
    and database = (select oid from pg_database where datname = current_database())
    and classid = cast((:key >> 32) & 4294967295 as oid)
    and objid = cast(:key & 4294967295 as oid)
"""


def _packed(bells: Iterable[Bell]) -> list[str]:
    """Return payloads of JSON `[[topic, key], ...]`, each short enough for NOTIFY."""
    packets: list[list[list[str]]] = []
    room = 0
    for bell in bells:
        size = len(bell.topic.encode()) + 6 * len(bell.key) + 8
        if size > LONGEST_PAYLOAD:
            continue
        if size > room:
            packets.append([])
            room = LONGEST_PAYLOAD
        room -= size
        packets[-1].append([*bell])
    return [orjson.dumps(packet).decode() for packet in packets]


def _unpacked(payload: str | bytes) -> list[Bell]:
    try:
        bells = [Bell(topic, key) for topic, key in orjson.loads(payload)]
    except (ValueError, TypeError):
        return []
    return [bell for bell in bells if all(isinstance(part, str) for part in bell)]
