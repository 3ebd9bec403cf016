"""Programs of `deploy/` as real processes, with a test's folders and ports for their own."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import IO

import httpx
from deploy.manifests import Program
from servers import until_true

from graphstead.image import PORT
from graphstead.settings import settings_table

__all__ = ["Place", "Running", "installed"]

STARTS_WITHIN_S = 180.0
OURS = (sys.executable, "-m", "graphstead")
SETTINGS = frozenset(name for row in settings_table() for name in row.environment_names)


def installed(package: str, name: str) -> str:
    """Return the path of a program that a package of the dependency group test brings."""
    found = distribution(package)
    paths = [file for file in found.files or () if file.name == name]
    return str(Path(str(found.locate_file(paths[0]))).resolve())


class Place:
    """Where the programs of a test find their project, their data and their database.

    `data` stands for what one host, or one pod, has at /data.
    """

    def __init__(self, project: Path, data: Path, port: int, replaced: Mapping[str, str]) -> None:
        self.project = project
        self.data = data
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._replaced = replaced

    def command(self, given: Sequence[str]) -> list[str]:
        """Return a command of `deploy/` for this place; the program's path alone is not kept."""
        first = OURS if Path(given[0]).name == "graphstead" else (given[0],)
        return [*first, *(self.word(word) for word in given[1:])]

    def word(self, word: str) -> str:
        """Return text of `deploy/` with the folders and the port of this place."""
        for folder in ("/app/", "/srv/graphstead/"):
            word = word.replace(folder, f"{self.project}/")
        for folder in ("/data", "/var/lib/graphstead"):
            word = word.replace(folder, str(self.data))
        return word.replace(str(PORT), str(self.port))

    def environment(self, program: Program) -> dict[str, str]:
        """Return the variables of a program, none of the test's own settings among them."""
        outer = {name: value for name, value in os.environ.items() if name not in SETTINGS}
        return {**outer, **program.environment, **self._replaced}

    def run(self, program: Program, command: Sequence[str]) -> str:
        """Run a command to its end as the program would be; return what it prints."""
        done = subprocess.run(
            self.command(command),
            env=self.environment(program),
            capture_output=True,
            text=True,
            timeout=STARTS_WITHIN_S,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


class Running:
    """A program that was started; `stop` ends it, `kill` makes sure."""

    def __init__(self, program: Program, place: Place, log: IO[bytes]) -> None:
        self.program = program
        self._log = log
        self._process = subprocess.Popen(
            place.command(program.command),
            env=place.environment(program),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def stop(self) -> int:
        """Send SIGTERM and return the exit code; fails where the grace does not suffice."""
        self._process.terminate()
        return self._process.wait(self.program.grace_s)

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)
        self._log.close()

    def until_answers(self, url: str) -> None:
        """Wait until a GET is answered with 200."""
        until_true(lambda: self._answers(url), STARTS_WITHIN_S)

    def _answers(self, url: str) -> bool:
        self._lives()
        try:
            return httpx.get(url, timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def _lives(self) -> None:
        code = self._process.poll()
        assert code is None, f"{shlex.join(self.program.command)} ended with {code}"
