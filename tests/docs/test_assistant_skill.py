"""The skill bundle of an assistant: whole, pinned, and its programs run as they are."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from servers import EXAMPLES, ROOT, Server

NODE_MODULES = ROOT / "tests" / "sdk" / "js" / "node_modules"
GRAPHS = tuple(json.loads(EXAMPLES.read_text())["graphs"])
RUNNERS = {
    "run.sh": ["sh", "run.sh"],
    "run.py": [sys.executable, "run.py"],
    "run.mjs": ["node", "run.mjs"],
}
# What a program has to show at last, by graph, with the answer it is given.
SHOWN: Mapping[str, tuple[str, str]] = {
    "steps": ("", '"topic"'),
    "chat": ("", '"ai"'),
    "approval": ("true", '"sent"'),
}


@cache
def bundle(server: Server, name: str) -> dict[str, str]:
    content = server.get(f"/assistants/{name}/skill.zip").raise_for_status().content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        folder = f"assistant-{name}/"
        assert all(path.startswith(folder) for path in archive.namelist())
        return {p.removeprefix(folder): archive.read(p).decode() for p in archive.namelist()}


@pytest.mark.parametrize("name", GRAPHS)
def test_it_has_every_file_it_names_and_an_input_that_fits(server: Server, name: str) -> None:
    files = bundle(server, name)
    named = set(re.findall(r"\| `((?:docs|schemas|examples)/[^`<]+)` \|", files["SKILL.md"]))
    assert named == files.keys() - {"SKILL.md"}
    for path, text in files.items():
        if path.startswith("schemas/"):
            Draft202012Validator.check_schema(json.loads(text))
    judge = Draft202012Validator(json.loads(files["schemas/input.json"]))
    given = json.loads(files["examples/input.json"])
    assert given
    assert judge.is_valid(given)
    for program in RUNNERS:
        assert files[f"examples/{program}"].strip() in files["docs/calls.md"]


def test_it_is_pinned_to_assistant_and_contract(server: Server) -> None:
    pin = server.get("/info").json()["capabilities"]["contract"]
    page = bundle(server, "approval")["SKILL.md"]
    assert f"contract `{pin}`" in page
    assert 'description: "Stops for a person\'s decision, then goes on."' in page
    own = json.loads(bundle(server, "approval")["examples/openapi.json"])
    assert own == server.get("/assistants/approval/openapi.json").json()


def test_the_same_assistant_gives_the_same_bytes(server: Server) -> None:
    first, second = (server.get("/assistants/echo/skill.zip") for _ in range(2))
    assert first.content == second.content
    mark = {"if-none-match": first.headers["etag"]}
    assert server.get("/assistants/echo/skill.zip", headers=mark).status_code == 304


@pytest.mark.parametrize("program", RUNNERS)
@pytest.mark.parametrize("name", SHOWN)
def test_its_programs_run_as_they_are(
    server: Server, name: str, program: str, tmp_path: Path
) -> None:
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    (tmp_path / program).write_text(bundle(server, name)[f"examples/{program}"])
    answer, last = SHOWN[name]
    own = {"AGENT_SERVER_URL": server.url, **({"ANSWER": answer} if answer else {})}
    done = subprocess.run(
        RUNNERS[program],
        cwd=tmp_path,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    assert last in done.stdout.strip().splitlines()[-1], done.stdout
    assert '"__error__"' not in done.stdout
