"""Every link in what people and models read leads somewhere, to the heading it names."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from docs.guide_text import headings_of, links_of
from servers import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(
    path
    for folder in (DOCS, ROOT / "examples", ROOT / "benchmarks")
    for path in folder.rglob("*.md")
    if "node_modules" not in path.parts
)
PAGES += sorted(ROOT.glob("*.md"))
BY_HAND = sorted(path.name for path in DOCS.glob("*.md") if path.name != "README.md")


@cache
def anchors(path: Path) -> frozenset[str]:
    return frozenset(headings_of(path.read_text("utf-8")))


def is_broken(page: Path, target: str) -> bool:
    """Tell whether a relative link names no file, or no heading of it."""
    place, _, anchor = target.partition("#")
    path = (page.parent / place).resolve() if place else page
    if not path.exists() or ROOT not in path.parents:
        return True
    return bool(anchor) and anchor not in anchors(path)


def test_every_link_and_anchor_leads_somewhere() -> None:
    links = [(page, target) for page in PAGES for target in links_of(page.read_text("utf-8"))]
    inner = [(page, target) for page, target in links if not re.match(r"[a-z]+:", target)]
    assert len(inner) > 200
    assert [f"{p.relative_to(ROOT)}: {to}" for p, to in inner if is_broken(p, to)] == []


def test_the_index_for_models_names_pages_and_bundles_that_are_kept() -> None:
    links = links_of((DOCS / "llms.txt").read_text("utf-8"))
    places = [re.sub(r"^docs/(?!guides/)", "reference/", link) for link in links]
    places = [place.removeprefix("docs/") for place in places if place != "openapi.json"]
    assert len(places) > 100
    assert [place for place in places if not (DOCS / place).is_file()] == []


@pytest.mark.parametrize("name", BY_HAND)
def test_the_list_of_all_docs_has_each_page(name: str) -> None:
    assert name in links_of((DOCS / "README.md").read_text("utf-8"))


def test_every_guide_is_listed_wherever_guides_are() -> None:
    guides = {path.name for path in (DOCS / "guides").glob("*.md")} - {"index.md"}
    lists = {"README.md": "docs/guides/", "docs/README.md": "guides/", "docs/guides/index.md": ""}
    for page, folder in lists.items():
        listed = links_of((ROOT / page).read_text("utf-8"))
        assert {f"{folder}{name}" for name in guides} <= set(listed), page
