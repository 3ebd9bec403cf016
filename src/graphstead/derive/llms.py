"""`llms.txt` and `llms-full.txt`: every page and skill, for readers that are models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphstead.derive.catalogue import Entry
from graphstead.derive.guides import FOLDER, INDEX, Guide
from graphstead.derive.skills import WHOLE, skill_name

__all__ = ["full_text", "index_text"]


def index_text(
    document: Mapping[str, Any], guides: Sequence[Guide], entries: Sequence[Entry], pin: str
) -> str:
    """Return llms.txt; its links are relative to where it is served."""
    info = document["info"]
    lines = [f"# {info['title']}", "", f"> {info['summary']} Contract {pin}.", ""]
    lines += ["## Start", ""]
    lines += ["- [The contract](openapi.json): OpenAPI 3.1, all operations"]
    lines += [f"- [Skill for the whole API](skills/{WHOLE}/SKILL.md)"]
    lines += ["", "## Guides", ""]
    lines += [f"- [All guides](docs/{FOLDER}/{INDEX}.md): walks through the API, run by the tests"]
    lines += [f"- [{one.title}](docs/{FOLDER}/{one.name}.md): {one.purpose}" for one in guides]
    folder = ""
    for entry in entries:
        if entry.folder != folder:
            folder = entry.folder
            lines += ["", f"## {entry.tag}", ""]
        place = f"docs/{entry.folder}/{entry.name}.md"
        own = f"skills/{skill_name(entry)}/SKILL.md"
        lines.append(f"- [{entry.title}]({place}): {entry.purpose} [Skill]({own})")
    return "\n".join(lines) + "\n"


def full_text(index: str, texts: Mapping[str, str]) -> str:
    """Return llms-full.txt: the index, then the words of every page, by its address."""
    pages = [f"---\nSource: {place}\n\n{text}" for place, text in texts.items()]
    return "\n".join([index, *pages])
