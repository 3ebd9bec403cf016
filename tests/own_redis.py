"""A Redis server of a test's own, so that killing it harms no one."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from ports import free_port
from servers import until_true


class OwnRedis:
    """It keeps nothing on disk by itself: once killed it comes back empty, or as it was saved."""

    def __init__(self, folder: Path, *options: str) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            pytest.fail("redis-server is needed, and this test is not skipped", pytrace=False)
        self.port = free_port()
        self.uri = f"redis://127.0.0.1:{self.port}/0"
        self._command = [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._command += ["--dir", str(folder), *options]
        self._saved = folder / "dump.rdb"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        until_true(self.answers)

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def save(self) -> None:
        """Let it come back as it is now, until `forget`."""
        self.do("SAVE")

    def forget(self) -> None:
        self._saved.unlink(missing_ok=True)

    def freeze(self) -> None:
        """Let it answer nobody; its connections stay."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def client(self) -> redis.Redis:
        found: redis.Redis = redis.Redis.from_url(self.uri, socket_timeout=5)
        return found

    def streams(self) -> list[bytes]:
        with self.client() as client:
            return sorted(client.scan_iter("*:events:*"))

    def do(self, *command: Any) -> Any:
        with self.client() as client:
            return client.execute_command(*command)


@contextlib.contextmanager
def own_redis(folder: Path, *options: str) -> Iterator[OwnRedis]:
    server = OwnRedis(folder, *options)
    try:
        yield server
    finally:
        server.kill()
