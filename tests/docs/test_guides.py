"""Every guide does what it says: its code runs in order and prints what the page shows.

`guide_text` tells how a page is read. With `GRAPHSTEAD_RECORD=1` what was printed is written into
the pages.
"""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest
from docs.guide_reader import Reader
from docs.guide_text import Block, blocks, links_of, prints, recorded
from servers import ROOT, Server

from graphstead.derive.guides import read_guides

FOLDER = ROOT / "docs" / "guides"
GUIDES = sorted(path for path in FOLDER.glob("*.md") if path.stem != "index")
# The one whose commands are those of a machine, and run by test_deployment_guide.py.
MACHINES = "deployment"
WALKS = [path for path in GUIDES if path.stem != MACHINES]
RECORDING = os.environ.get("GRAPHSTEAD_RECORD") == "1"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", WALKS, ids=lambda path: path.stem)
def test_a_guide_does_what_it_says(path: Path, tmp_path: Path) -> None:
    page = blocks(path.read_text("utf-8"))
    reader = Reader(tmp_path / "reader")
    try:
        for block in page:
            follow(reader, block, path)
        program = [block for block in page if block.is_executed and block.language == "js"]
        for block, printed in zip(program, reader.run_program(program), strict=True):
            compare(reader, block, printed, path)
    finally:
        reader.close()


def follow(reader: Reader, block: Block, path: Path) -> None:
    if block.is_file:
        reader.write(block)
    elif block.start is not None:
        reader.start(*block.start)
    elif block.is_executed and block.language != "js":
        try:
            printed = reader.run(block)
        except AssertionError as error:
            raise AssertionError(f"{path.name}:{block.line}: {error}") from None
        compare(reader, block, printed, path)


def compare(reader: Reader, block: Block, printed: str, path: Path) -> None:
    expected = block.printed.text if block.printed else ""
    if prints(expected, printed, reader.server):
        return
    if RECORDING and block.printed:
        recorded(path, block, printed, reader.server)
        return
    assert printed == expected, f"{path.name}:{block.line}"


@pytest.mark.parametrize("name", ["index", *(path.stem for path in GUIDES)])
def test_the_server_shows_a_guide_whose_links_lead_somewhere(server: Server, name: str) -> None:
    address = httpx.URL(f"{server.url}/docs/guides/{name}")
    with httpx.Client(timeout=30) as client:
        page = client.get(address)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert f">{read_guides()[name].title}</h1>" in page.text
        text = client.get(f"{address}.md").text
        for link in links_of(text):
            if "://" in link:
                continue
            place, _, anchor = link.partition("#")
            found = client.get(address.join(place.removesuffix(".md")))
            assert found.status_code == 200, link
            assert not anchor or f'id="{anchor}"' in found.text, link
