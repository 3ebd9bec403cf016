"""Ports of test servers: free when they are handed out, and kept free from other tests."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import cycle
from pathlib import Path

# Below those that the system gives to clients: a server that is started again finds its own free.
PORTS = range(12_000, 32_000)
BLOCK = 100
CLAIMS = Path(tempfile.gettempdir()) / "graphstead-test-ports"


def free_port() -> int:
    """Return a port that nobody listens on and that no other process of tests returns."""
    for port in _own_ports():
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("the ports never end")


@cache
def _own_ports() -> Iterator[int]:
    """Claim a block of ports for as long as this process lives; it goes round in it."""
    CLAIMS.mkdir(exist_ok=True)
    blocks = len(PORTS) // BLOCK
    for number in random.sample(range(blocks), blocks):
        claim = os.open(CLAIMS / str(number), os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(claim)
            continue
        return cycle(PORTS[number * BLOCK : (number + 1) * BLOCK])
    raise AssertionError(f"all ports are claimed in {CLAIMS}")
