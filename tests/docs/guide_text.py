"""A guide as the test reads it: fenced blocks in order, and what each is expected to print.

| info string | meaning |
|---|---|
| `bash`, `python`, `js` | executed; the blocks of one language on a page are one session |
| `bash` ending in `scripts/serve` or `graphstead dev` | starts the server, with what stands before as its environment |
| any language, then a file name | written to that file |
| `text` or `json` directly behind an executed block | what that block prints |
| anything else | shown alone |

In what is expected `…` stands for anything; ids, times and ports are not compared.
"""  # noqa: E501

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from servers import Server

__all__ = ["HOST", "Block", "blocks", "headings_of", "links_of", "prints", "recorded"]

HOST = "127.0.0.1:8123"
EXECUTED = ("bash", "python", "js")
STARTS = ("scripts/serve", "graphstead dev")
FENCE = re.compile(r"^```(\w*)[ ]?([^\n]*)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
VARYING = (
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<id>"),
    (re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?"), "<time>"),
    (re.compile(r"\b1\d{12}-(\d+)\b"), r"<time>-\1"),
    (re.compile(r"\bgsk_\w+"), "<key>"),
)


@dataclass(frozen=True, slots=False)
class Block:
    """One fenced block; `printed` is the block behind it that shows its output."""

    language: str
    name: str
    text: str
    line: int
    printed: Block | None = None

    @property
    def is_file(self) -> bool:
        """Tell whether the block is a file by the name in its info string."""
        return "." in self.name

    @property
    def is_executed(self) -> bool:
        """Tell whether the block is code to run."""
        return self.language in EXECUTED and not self.name

    @cached_property
    def start(self) -> tuple[str, Mapping[str, str]] | None:
        """Return the command that starts the server, and its environment; None for others."""
        last = self.text.strip().rpartition("\n")[2]
        command = next((one for one in STARTS if last.endswith(one)), None)
        if self.language != "bash" or command is None:
            return None
        given = [word.partition("=") for word in shlex.split(last.removesuffix(command))]
        return command, {name: value for name, _, value in given}


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page, outputs with the block that prints them."""
    found: list[Block] = []
    end = 0
    for fence in FENCE.finditer(page):
        language, name, text = fence.groups()
        block = Block(language, name, text, page.count("\n", 0, fence.start()) + 1)
        directly = not page[end : fence.start()].strip()
        if language in ("text", "json") and not name and directly and found[-1].is_executed:
            before = found.pop()
            block = Block(before.language, before.name, before.text, before.line, block)
        found.append(block)
        end = fence.end()
    return found


def prints(expected: str, printed: str, server: Server) -> bool:
    """Tell whether a block printed what the guide shows."""
    pattern = ".*".join(map(re.escape, _normal(expected).strip().split("…")))
    own = printed.replace(f"127.0.0.1:{server.port}", HOST)
    return re.fullmatch(pattern, _normal(own).strip(), re.DOTALL) is not None


def _normal(text: str) -> str:
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    return text


def recorded(path: Path, block: Block, printed: str, server: Server) -> None:
    """Write what a block printed into the guide, in place of what it showed."""
    assert block.printed is not None
    own = printed.replace(f"127.0.0.1:{server.port}", HOST).strip("\n") + "\n"
    page = path.read_text("utf-8")
    at = page.index(block.text)
    shown = f"```{block.printed.language}\n{block.printed.text}```"
    fresh = f"```{block.printed.language}\n{own}```"
    path.write_text(page[:at] + page[at:].replace(shown, fresh, 1), "utf-8")


def links_of(page: str) -> list[str]:
    """Return the targets of the links of a page, fenced code left out."""
    return LINK.findall(FENCE.sub("", page))


def headings_of(page: str) -> Iterator[str]:
    """Yield the anchors of a page's headings, as they are made of their words."""
    for words in re.findall(r"^#+ (.+)$", FENCE.sub("", page), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", words).lower()
        yield re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")
