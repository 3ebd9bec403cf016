"""The guide to deployment: its shell lines work on what the unit starts, its links lead on."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.manifests import DEPLOY, KUBERNETES, documents, unit_program
from deploy.programs import Place, Running
from ports import free_port
from servers import EXAMPLES, ROOT

GUIDE = ROOT / "docs" / "guides" / "deployment.md"
TEXT = GUIDE.read_text("utf-8")
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAM = "/opt/graphstead/bin/graphstead"


def blocks(language: str) -> list[str]:
    return [text for name, text in FENCED.findall(TEXT) if name == language]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[tuple[Place, Running]]:
    """One machine: the unit's program has started, folders are those of the test."""
    program = unit_program()
    (tmp_path / "data").mkdir()
    (tmp_path / "backups").mkdir()
    place = Place(EXAMPLES.parent, tmp_path / "data", free_port(), {})
    running = Running(program, place, (tmp_path / "unit.log").open("wb"))
    running.until_answers(f"{place.url}/ok?check_db=1")
    yield place, running
    running.kill()


def here(line: str, place: Place) -> str:
    """Return a shell line with the folders, the port and the program of the test."""
    own = place.word(line.replace(PROGRAM, f"{sys.executable} -m graphstead"))
    return own.replace("/var/backups/", f"{place.data.parent}/backups/")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_shell_lines_work_on_the_machine_of_the_unit(machine: tuple[Place, Running]) -> None:
    place, running = machine
    script = here("\n".join(["set -eu", *blocks("sh")]), place)
    done = subprocess.run(
        ["bash", "-c", script],
        env=place.environment(running.program),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    shown = re.findall(r"^# (.*)$", "\n".join(blocks("sh")), re.MULTILINE)
    assert len(shown) == 3
    for line in shown:
        assert line in done.stdout
    assert f"{place.data}/graphstead.sqlite3 -> " in done.stdout
    copied = place.data.parent / "backups" / "graphstead.sqlite3"
    assert f"{copied.stat().st_size} bytes" in done.stdout
    assert re.search(r"^version +(\d+)$", done.stdout, re.MULTILINE)
    assert running.stop() == 0


def test_the_kustomization_of_the_guide_changes_what_is_there() -> None:
    (text,) = blocks("yaml")
    own = yaml.safe_load(text)
    (image,) = own["images"]
    used = {
        box["image"].partition(":")[0]
        for path in KUBERNETES.glob("*.yaml")
        for one in documents(path)
        if "template" in one.get("spec", {})
        for box in one["spec"]["template"]["spec"]["containers"]
    }
    assert used == {image["name"]}
    (ingress,) = documents(KUBERNETES / "ingress.yaml")
    for change in yaml.safe_load(own["patches"][0]["patch"]):
        assert found(ingress, change["path"].split("/")[1:]) == "agents.example.org"


def found(value: Any, path: list[str]) -> Any:
    for step in path:
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def test_links_and_files_that_the_guide_names_exist() -> None:
    links = re.findall(r"\]\((?!http)([^)#]*)(?:#[^)]*)?\)", FENCED.sub("", TEXT))
    assert [link for link in links if link and not (GUIDE.parent / link).exists()] == []
    named = re.findall(r"\bdeploy/[\w./-]+[\w]", TEXT)
    # The reader makes this one.
    missing = {name for name in named if not (ROOT / name).exists()} - {"deploy/.env"}
    assert {name for name in missing if "graphstead-" not in name} == set()
    assert DEPLOY.is_dir()


def test_anchors_within_the_guide_lead_to_headings() -> None:
    headings = {
        re.sub(r"[^\w -]", "", words.lower()).replace(" ", "-")
        for words in re.findall(r"^#+ (.+)$", FENCED.sub("", TEXT), re.MULTILINE)
    }
    anchors = re.findall(r"\]\(#([^)]+)\)", TEXT)
    assert anchors and set(anchors) <= headings
