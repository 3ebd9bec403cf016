"""A process of a test: started, stopped, killed, frozen with its children; it keeps a log."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

START_S = 100.0


class Process:
    """It may be started again after each end; what it says is added to its log."""

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        log_path: Path,
        cwd: Path | None = None,
    ) -> None:
        self.command = [*command]
        self.log_path = log_path
        self._cwd = cwd
        self.process: subprocess.Popen[bytes] | None = None
        self._env = {**os.environ, **env}

    def launch(self) -> None:
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,
            )

    @property
    def running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None, "start it first"
        return self.process

    @property
    def pid(self) -> int:
        return self.running.pid

    @property
    def lives(self) -> bool:
        return self.running.poll() is None

    @property
    def log(self) -> str:
        """What the process wrote so far, stdout and stderr together."""
        return self.log_path.read_text(errors="replace")

    @property
    def lines(self) -> list[str]:
        """The lines of its log, without one that is only half written."""
        return self.log.rpartition("\n")[0].splitlines()

    def wait_until_answers(self, url: str, timeout_s: float = START_S) -> None:
        """Wait until it answers 200 there; kill it and raise with its log when it does not."""
        until_s = time.monotonic() + timeout_s
        while time.monotonic() < until_s:
            if not self.lives:
                raise RuntimeError(f"it ended with {self.running.returncode}:\n{self.log}")
            try:
                if httpx.get(url, timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        self.kill()
        raise TimeoutError(f"no answer from {url}:\n{self.log}")

    def kill(self) -> None:
        """End it and all its children by SIGKILL, as a crash would."""
        self._signal(signal.SIGKILL)
        self.running.wait(20)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the process alone; how its children end is its business."""
        if self.lives:
            self.running.terminate()

    def stop(self, timeout_s: float = 60) -> int:
        """End it by SIGTERM; return the exit code."""
        self.ask_to_stop()
        try:
            return self.running.wait(timeout_s)
        except subprocess.TimeoutExpired:
            # Its threads say where they are.
            self.running.send_signal(signal.SIGABRT)
            self.running.wait(20)
            raise AssertionError(f"no end within {timeout_s:g} s: {self.log[-20_000:]}") from None

    def _signal(self, number: int) -> None:
        if self.lives:
            os.killpg(self.pid, number)
