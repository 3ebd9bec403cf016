"""Carries bells between the processes of one host, over unix datagram sockets.

Each process binds one socket in a directory that all of them know. Nothing here is promised: a
bell that is lost costs its listener one poll. Where there are no unix sockets, nothing is sent.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import select
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

from graphstead.storage.rows import Bell

_LONGEST_PATH = 100
_NAME_ROOM = 24
_DATAGRAM = 16_000
_PENDING = 4096
_RETRY_S = 0.002
_SETTLED_NS = 50_000_000
_LOG = logging.getLogger("graphstead.storage")


def bells_directory(database: Path) -> Path:
    """Return where the processes of this database meet: beside it, or a short path in temp."""
    beside = database.with_name(f"{database.name}.bells")
    if len(os.fsencode(beside)) + _NAME_ROOM <= _LONGEST_PATH:
        return beside
    digest = hashlib.sha256(os.fsencode(database)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"graphstead-{digest}"


class Peers:
    """This process's socket, and the way to the others'."""

    def __init__(self, directory: Path, heard: Callable[[list[Bell]], None]) -> None:
        self._directory = directory
        self._heard = heard
        self._guard = threading.Lock()
        self._pending: dict[str, dict[Bell, None]] = {}
        self._names: list[str] = []
        self._listed_ns = -1
        self._name = f"{os.getpid():x}-{uuid.uuid4().hex[:8]}"
        self._socket = self._bind()
        # Not by way of the own socket: its file may have been cleaned away.
        self._waker, self._wakened = socket.socketpair()
        self._waker.setblocking(False)
        self._wakened.setblocking(False)
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name="graphstead-bells", daemon=True)
        if self._socket is not None:
            self._thread.start()

    def ring(self, bells: Iterable[Bell]) -> None:
        """Send these bells to every other process; what a full peer cannot take is retried."""
        with self._guard:
            names = self._others() if self._socket is not None else []
            if not names:
                return
            wanted = list(bells)
            packets = _packed(wanted)
            full = [name for name in names if not self._send_all(name, packets)]
            for name in full:
                self._keep(name, wanted)
        if full:
            self._nudge()

    def close(self) -> None:
        """Stop hearing and remove the socket."""
        if self._socket is None:
            self._close_wakers()
            return
        self._closing = True
        self._nudge()
        self._thread.join()
        self._close_wakers()
        (self._directory / self._name).unlink(missing_ok=True)
        with self._guard:
            self._socket.close()
            self._socket = None

    def _close_wakers(self) -> None:
        self._waker.close()
        self._wakened.close()

    def _bind(self) -> socket.socket | None:
        if not hasattr(socket, "AF_UNIX"):
            return None
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            if self._directory.stat().st_uid != os.getuid():
                raise PermissionError(f"{self._directory} belongs to another user")
            opened.bind(os.fspath(self._directory / self._name))
            opened.setblocking(False)
        except OSError as fault:
            opened.close()
            _LOG.warning("Other processes will be heard by polling alone: %s", fault)
            return None
        return opened

    def _others(self) -> list[str]:
        """List the other sockets, again only when the directory may have changed."""
        try:
            changed_ns = os.stat(self._directory).st_mtime_ns
            if changed_ns != self._listed_ns:
                self._names = [n for n in os.listdir(self._directory) if n != self._name]
                # File times are coarse: a listing this young could miss a change just after it.
                settled = time.time_ns() - changed_ns > _SETTLED_NS
                self._listed_ns = changed_ns if settled else -1
        except OSError:
            self._names = []
        return self._names

    def _send_all(self, name: str, packets: list[bytes]) -> bool:
        """Send to one peer; False where its queue is full."""
        return all(self._send(name, packet) for packet in packets)

    def _send(self, name: str, packet: bytes) -> bool:
        path = os.fspath(self._directory / name)
        try:
            assert self._socket is not None
            self._socket.sendto(packet, path)
        except BlockingIOError:
            return False
        except ConnectionRefusedError:
            # Its process died without removing it.
            with contextlib.suppress(OSError):
                os.unlink(path)
        except OSError as fault:
            _LOG.debug("A bell was lost on its way to %s: %s", name, fault)
        return True

    def _keep(self, name: str, bells: Iterable[Bell]) -> None:
        kept = self._pending.setdefault(name, {})
        for bell in bells:
            if len(kept) < _PENDING:
                kept[bell] = None

    def _retry(self) -> None:
        with self._guard:
            for name, bells in list(self._pending.items()):
                if self._send_all(name, _packed(bells)):
                    del self._pending[name]

    def _nudge(self) -> None:
        """Wake the own thread."""
        with contextlib.suppress(OSError):
            self._waker.send(b"!")

    def _serve(self) -> None:
        assert self._socket is not None
        while not self._closing:
            timeout_s = _RETRY_S if self._pending else None
            ready, _, _ = select.select([self._socket, self._wakened], [], [], timeout_s)
            if self._wakened in ready:
                with contextlib.suppress(BlockingIOError):
                    self._wakened.recv(4096)
            if self._socket in ready:
                self._receive(self._socket)
            if self._pending:
                self._retry()

    def _receive(self, opened: socket.socket) -> None:
        bells: dict[Bell, None] = {}
        with contextlib.suppress(BlockingIOError):
            while len(bells) < _PENDING:
                bells.update(dict.fromkeys(_unpacked(opened.recv(65_536))))
        if bells:
            self._heard(list(bells))


def _packed(bells: Iterable[Bell]) -> list[bytes]:
    """Return datagrams of JSON `[[topic, key], ...]`, each small enough to be sent."""
    packets: list[list[Bell]] = [[]]
    room = _DATAGRAM
    for bell in bells:
        room -= len(bell.topic) + len(bell.key) + 8
        if room < 0:
            packets.append([])
            room = _DATAGRAM
        packets[-1].append(bell)
    return [json.dumps(packet).encode() for packet in packets]


def _unpacked(packet: bytes) -> list[Bell]:
    try:
        bells = [Bell(topic, key) for topic, key in json.loads(packet)]
    except (ValueError, TypeError):
        return []
    return [bell for bell in bells if all(isinstance(part, str) for part in bell)]
