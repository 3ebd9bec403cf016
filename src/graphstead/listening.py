"""Stop listening without breaking a connection that a client has just been given.

A listening socket that is closed resets the connections that wait in its queue, and requests on
them fail though nobody refused them. So the system first drops attempts to connect, which clients
repeat a second later and are then refused, and the queue is worked off before the socket goes.
"""

from __future__ import annotations

import asyncio
import ctypes
import socket
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress

from starlette.types import Message, Send

__all__ = ["Drain", "admit_connections", "closing", "drop_connections"]

SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
# Classic BPF over the TCP header: (code, jump if true, jump if false, value).
DROP_SYN = (
    (0x30, 0, 0, 13),  # load the flags
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFF),  # pass
)


class Drain(asyncio.Event):
    """Set once streams are to end; `closing` from a moment before, when each answer is the last."""

    closing = False


def drop_connections(sockets: Iterable[socket.socket]) -> bool:
    """Have the system ignore who wants to connect; False where it cannot (all but Linux)."""
    if sys.platform != "linux":
        return False
    program = b"".join(struct.pack("HBBI", *step) for step in DROP_SYN)
    held = ctypes.create_string_buffer(program)
    option = struct.pack("HP", len(DROP_SYN), ctypes.addressof(held))
    return _set_all(sockets, SO_ATTACH_FILTER, option)


def admit_connections(sockets: Iterable[socket.socket]) -> bool:
    """Undo `drop_connections`: other processes may go on listening on the same sockets."""
    return sys.platform == "linux" and _set_all(sockets, SO_DETACH_FILTER, struct.pack("i", 0))


def closing(send: Send) -> Send:
    """Have an answer end its connection, so that a proxy keeps none to a server that stops."""

    async def send_and_close(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
        await send(message)

    return send_and_close


def _set_all(sockets: Iterable[socket.socket], name: int, option: bytes) -> bool:
    done = False
    for one in sockets:
        with suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, name, option)
            done = True
    return done
