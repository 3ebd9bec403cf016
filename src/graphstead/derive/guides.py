"""The guides: pages written by hand under `docs/guides`, shown by the server like derived ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from posixpath import normpath

from graphstead.derive.reference import flat

__all__ = ["FOLDER", "INDEX", "Guide", "read_guides"]

FOLDER, INDEX = "guides", "index"
LINK = re.compile(r"\[([^\]]*)\]\((\.\./[^)]*)\)")
ANY_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
PAGE = "../reference/"
CONTRACT = "../../docs"
HOME = "docs/guides"


@dataclass(frozen=True, slots=True)
class Guide:
    """One page; `text` is Markdown as the server shows it."""

    name: str
    text: str

    @property
    def title(self) -> str:
        """Return the first heading."""
        return self.text.partition("\n")[0].removeprefix("# ")

    @property
    def purpose(self) -> str:
        """Return the first paragraph, on one line and without links."""
        return ANY_LINK.sub(r"\1", flat(self.text.split("\n\n")[1]))


@cache
def read_guides() -> Mapping[str, Guide]:
    """Return the index and then the guides in its order, by name."""
    folder = files("graphstead.guides")
    names = [entry.name[:-3] for entry in folder.iterdir() if entry.name.endswith(".md")]
    index = folder.joinpath(f"{INDEX}.md").read_text("utf-8")
    names.sort(key=lambda name: index.find(f"({name}.md)"))
    texts = {name: folder.joinpath(f"{name}.md").read_text("utf-8") for name in names}
    return {name: Guide(name, LINK.sub(_link, text)) for name, text in texts.items()}


def _link(found: re.Match[str]) -> str:
    """Turn a link within the repository into one within the server, where it has the page."""
    words, target = found.groups()
    if target.startswith(f"{PAGE}index.md"):
        return f"[{words}]({CONTRACT})"
    if target.startswith(PAGE):
        return f"[{words}](../{target.removeprefix(PAGE)})"
    place = normpath(f"{HOME}/{target.partition('#')[0]}")
    return f"{words} (`{place}`)"
