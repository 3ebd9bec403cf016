"""All pages and bundles that follow from one contract, made when they are asked for."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from graphstead.derive.catalogue import Entry, catalogue
from graphstead.derive.guides import FOLDER, INDEX, Guide, read_guides
from graphstead.derive.llms import full_text, index_text
from graphstead.derive.reference import index_page, page, text_of
from graphstead.derive.samples import read_answers, read_samples
from graphstead.derive.skills import WHOLE, contract_hash, skill, skill_name, whole_skill

__all__ = ["Library", "zipped"]

LONG_AGO = (1980, 1, 1, 0, 0, 0)


def zipped(name: str, files: Mapping[str, str]) -> bytes:
    """Return files as a zip archive of one folder, the same bytes for the same files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(f"{name}/{path}", LONG_AGO), text)
    return content.getvalue()


class Library:
    """Reference pages, skill bundles and indexes of one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self.entries = catalogue(document)
        self._pages = {f"{entry.folder}/{entry.name}": entry for entry in self.entries}
        self._skills = {skill_name(entry): entry for entry in self.entries}
        self._bundles: dict[str, Mapping[str, str]] = {}
        self._guides = {f"{FOLDER}/{name}": guide for name, guide in read_guides().items()}

    @cached_property
    def pin(self) -> str:
        """Return the hash of the whole contract."""
        return contract_hash(self._document)

    @cached_property
    def _samples(self) -> Mapping[str, Any]:
        return read_samples()

    @cached_property
    def _answers(self) -> Mapping[str, Any]:
        return read_answers()

    @property
    def page_names(self) -> tuple[str, ...]:
        """Return `guides/<name>` and `<tag>/<operation>` of every page."""
        return (*self._guides, *self._pages)

    @property
    def skill_names(self) -> tuple[str, ...]:
        """Return the names of all bundles, that of the whole API first."""
        return (WHOLE, *self._skills)

    def page(self, name: str) -> str | None:
        """Return the Markdown of a page, None where there is no such page."""
        if guide := self._guides.get(name):
            return guide.text
        entry = self._pages.get(name)
        return page(self._document, entry, *self._called(entry)) if entry else None

    def title(self, name: str) -> str:
        """Return the title of a page that exists."""
        guide = self._guides.get(name)
        return guide.title if guide else self._pages[name].title

    def _called(self, entry: Entry) -> tuple[Any, Any]:
        return self._samples.get(entry.operation_id), self._answers.get(entry.operation_id)

    def skill(self, name: str) -> Mapping[str, str] | None:
        """Return the files of a bundle by path, None where there is no such bundle."""
        if name not in self._bundles and name in self.skill_names:
            self._bundles[name] = self._bundle(name)
        return self._bundles.get(name)

    def _bundle(self, name: str) -> Mapping[str, str]:
        if name == WHOLE:
            return whole_skill(self._document, self.entries, self.pin)
        entry = self._skills[name]
        return skill(self._document, entry, *self._called(entry))

    def archive(self, name: str) -> bytes | None:
        """Return a bundle as a zip file, the same bytes for the same contract."""
        files = self.skill(name)
        return None if files is None else zipped(name, files)

    @cached_property
    def index(self) -> str:
        """Return llms.txt."""
        return index_text(self._document, self._walks, self.entries, self.pin)

    @property
    def _walks(self) -> Sequence[Guide]:
        return [guide for guide in self._guides.values() if guide.name != INDEX]

    @cached_property
    def full(self) -> str:
        """Return llms-full.txt."""
        walks = {f"docs/{FOLDER}/{guide.name}.md": guide.text for guide in self._walks}
        texts = {
            f"docs/{name}.md": text_of(self._document, entry, *self._called(entry))
            for name, entry in self._pages.items()
        }
        return full_text(self.index, {**walks, **texts})

    def files(self) -> dict[str, str]:
        """Return every file that is kept below docs/, by path."""
        found = {f"reference/{name}.md": self.page(name) or "" for name in self._pages}
        found["reference/index.md"] = index_page(self.entries)
        for name in self.skill_names:
            for path, text in (self.skill(name) or {}).items():
                found[f"skills/{name}/{path}"] = text
        return {**found, "llms.txt": self.index, "llms-full.txt": self.full}
