"""A reader who follows a guide: writes its files, runs its code in order, looks at the output."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from databases import database_of
from docs.guide_text import HOST, Block
from ports import free_port
from servers import EXAMPLES, ROOT, Server

__all__ = ["Reader"]

NODE_MODULES = ROOT / "tests" / "sdk" / "js" / "node_modules"
LONGEST_S = 150.0
END = b"\0\n"
SHELL = 'set -eu; while read -r file; do . "$file"; printf "\\0\\n"; done'
INTERPRETER = """
import sys
names = {"__name__": "__main__"}
for line in sys.stdin:
    with open(line.strip()) as file:
        exec(compile(file.read(), line.strip(), "exec"), names)
    print("\\0", flush=True)
"""


class Session:
    """A process that runs one block after the other; each ends with a mark of its own."""

    def __init__(self, command: Sequence[str], folder: Path, env: dict[str, str]) -> None:
        self._errors = folder.with_suffix(f".{Path(command[0]).name}.err")
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    def run(self, file: Path | None = None) -> str:
        """Run the block in `file`, or wait for the next one of a program; return what it prints."""
        process = self._process
        assert process.stdin and process.stdout
        if file is not None:
            process.stdin.write(f"{file}\n".encode())
            process.stdin.flush()
        watch = threading.Timer(LONGEST_S, process.kill)
        watch.start()
        printed = b""
        while not printed.endswith(END):
            line = process.stdout.readline()
            if not line:
                said = self._errors.read_text(errors="replace")
                raise AssertionError(f"ended before its time: {printed.decode()}\n{said}")
            printed += line
        watch.cancel()
        return printed.removesuffix(END).decode().replace("\r\n", "\n")

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin and self._process.stdout
        self._process.kill()
        self._process.wait(10)
        self._process.stdin.close()
        self._process.stdout.close()


class Reader:
    """Follows one guide in a fresh folder; `close` ends what was started."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._sessions: dict[str, Session] = {}
        self._port = free_port()
        self._server: Server | None = None
        self._number = 0

    @property
    def server(self) -> Server:
        """Return the server that the guide has started. Starts that of the examples at need."""
        if self._server is None:
            self.start("scripts/serve", {})
        assert self._server is not None
        return self._server

    def start(self, command: str, given: Mapping[str, str]) -> None:
        """Start the server as the guide says, in place of the one before."""
        self._stop()
        config = EXAMPLES if command == "scripts/serve" else self._folder / "langgraph.json"
        data = self._folder / ".graphstead"
        self._server = Server(data, config=config, env=given, port=self._port).start()
        self._env: dict[str, str] = {
            **os.environ,
            **database_of(data),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "SERVER_PID": str(self._server.running.pid),
        }
        self._env.pop("GRAPHSTEAD_RECORD", None)
        if shell := self._sessions.get("bash"):
            shell.run(self._kept(f"SERVER_PID={self._server.running.pid}", "sh"))

    def write(self, block: Block) -> None:
        """Write the file that a block shows."""
        path = self._folder / block.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._own(block.text), "utf-8")

    def run(self, block: Block) -> str:
        """Run a block of shell or Python in the session of its language; return its output."""
        server = self.server
        command = ["bash", "-c", SHELL] if block.language == "bash" else [sys.executable, "-c"]
        if block.language not in self._sessions:
            whole = command if block.language == "bash" else [*command, INTERPRETER]
            self._sessions[block.language] = Session(whole, self._folder, self._env)
        assert server is self._server
        return self._sessions[block.language].run(self._kept(self._own(block.text), "block"))

    def run_program(self, blocks: Sequence[Block]) -> list[str]:
        """Run all JavaScript of a page as one module; return what each block prints."""
        assert self.server
        (self._folder / "node_modules").symlink_to(NODE_MODULES)
        program = "\n".join(f'{self._own(block.text)}\nconsole.log("\\0");' for block in blocks)
        (self._folder / "page.mjs").write_text(program, "utf-8")
        session = Session(["node", "page.mjs"], self._folder, self._env)
        self._sessions["js"] = session
        return [session.run() for _ in blocks]

    def _own(self, text: str) -> str:
        return text.replace(HOST, f"127.0.0.1:{self._port}")

    def _kept(self, text: str, suffix: str) -> Path:
        self._number += 1
        path = self._folder.with_name(f"{self._number}.{suffix}")
        path.write_text(text, "utf-8")
        return path

    def _stop(self) -> None:
        if self._server is not None:
            self._server.kill()

    def close(self) -> None:
        """End the server and all sessions."""
        for session in self._sessions.values():
            session.close()
        self._stop()
