"""Bind a port, or say who has it and which one to take instead."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from pathlib import Path

import click

from graphstead.problems import StartupError

__all__ = ["PortTaken", "bind"]

SEARCHED = 100
LISTENING = "0A"


class PortTaken(click.ClickException):
    """Somebody else listens on the port; exit code 1."""

    exit_code = 1

    def __init__(self, host: str, port: int) -> None:
        holder, free = _holder(port), _next_free(host, port)
        who = f" (by process {holder})" if holder else ""
        advice = f"; try --port {free}" if free else ""
        super().__init__(f"Port {port} is taken{who}{advice}")


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address, not yet listening; port 0 takes any free one.

    Raises PortTaken, or StartupError when the address cannot be had for another reason.
    """
    try:
        return _bound(host, port)
    except socket.gaierror as error:
        raise StartupError([f"Host {host} is unknown: {error.strerror}"]) from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(host, port) from None
        raise StartupError([f"Cannot listen on {host}:{port}: {error.strerror}"]) from None


def _bound(host: str, port: int) -> socket.socket:
    family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    sock = socket.socket(family, kind, proto)
    try:
        if os.name != "nt":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


def _next_free(host: str, port: int) -> int | None:
    for candidate in range(port + 1, min(port + SEARCHED, 65536)):
        try:
            _bound(host, candidate).close()
        except OSError:
            continue
        return candidate
    return None


def _holder(port: int) -> int | None:
    """Return the process that listens on the port, where Linux tells and we may look."""
    inodes = {f"socket:[{inode}]" for inode in _listening(port)}
    processes = Path("/proc").glob("[0-9]*")
    return next((int(one.name) for one in processes if inodes & _open_in(one)), None)


def _open_in(process: Path) -> set[str]:
    """Return what a process has open; nothing of one that ends meanwhile, or is not ours."""
    found = set()
    with contextlib.suppress(OSError):
        for number in os.listdir(process / "fd"):
            with contextlib.suppress(OSError):
                found.add(os.readlink(process / "fd" / number))
    return found


def _listening(port: int) -> list[str]:
    """Return the inodes of the sockets that listen on the port."""
    suffix, found = f":{port:04X}", []
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        rows = table.read_text().splitlines()[1:] if table.exists() else []
        for fields in (row.split() for row in rows):
            if fields[1].endswith(suffix) and fields[3] == LISTENING:
                found.append(fields[9])
    return found
