"""Changes between two contracts: which are found, and which of them break clients."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servers import ROOT

from graphstead.contract.changes import changes
from graphstead.contract.load import packaged

Edit = Callable[[dict[str, Any]], Any]

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "t", "version": "1"},
    "paths": {
        "/things": {
            "post": {
                "operationId": "make",
                "parameters": [{"in": "query", "name": "dry", "schema": {"type": "boolean"}}],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}
                },
                "responses": {
                    "200": {
                        "headers": {"Location": {}},
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/B"}}
                        },
                    },
                    "404": {},
                },
            }
        }
    },
    "components": {"schemas": {}},
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "kind": {"enum": ["a", "b"]},
        "size": {"type": ["integer", "null"], "maximum": 10},
        "parts": {"type": "array", "items": {"type": "string"}},
        "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    },
}
OLD = {**DOCUMENT, "components": {"schemas": {"A": SCHEMA, "B": SCHEMA}}}


def changed(edit: Edit) -> list[tuple[str, bool]]:
    """Return the changes that an edit of a copy makes, each with whether it breaks."""
    new = copy.deepcopy(OLD)
    edit(new)
    return [
        (change.text.removeprefix("POST /things "), change.breaking) for change in changes(OLD, new)
    ]


def schema_edits() -> list[tuple[str, Edit, str, bool]]:
    """List edits of a schema: words, whether what is sent breaks (else what is answered)."""
    return [
        ("required", lambda s: s["required"].append("kind"), ".kind: must be there now", True),
        ("optional", lambda s: s["required"].clear(), ".name: may be missing now", False),
        ("value gone", lambda s: s["properties"]["kind"]["enum"].pop(), ".kind: no longer admits "
         "'b'", True),
        ("value new", lambda s: s["properties"]["kind"]["enum"].append("c"), ".kind: newly admits "
         "'c'", False),
        ("type gone", lambda s: s["properties"]["size"].update(type="integer"),
         ".size: no longer admits null", True),
        ("any type", lambda s: s["properties"]["name"].pop("type"),
         ".name: was only string, may be anything now", False),
        ("tighter", lambda s: s["properties"]["size"].update(maximum=5),
         ".size: maximum was 10, is 5", True),
        ("looser", lambda s: s["properties"]["name"].pop("minLength"),
         ".name: minLength was 1, is None", False),
        ("pattern", lambda s: s["properties"]["name"].update(pattern="x"),
         ".name: pattern was None, is 'x'", True),
        ("items", lambda s: s["properties"]["parts"]["items"].update(type="integer"),
         ".parts[]: no longer admits string", True),
        ("choice", lambda s: s["properties"]["either"]["anyOf"].append({"type": "null"}),
         ".either: newly admits null", False),
        ("closed", lambda s: s.update(additionalProperties=False), ".*: is closed", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("edit", "text", "sent_breaks"),
    [case[1:] for case in schema_edits()],
    ids=[case[0] for case in schema_edits()],
)
def test_narrower_breaks_senders_and_wider_breaks_readers(
    edit: Edit, text: str, sent_breaks: bool
) -> None:
    sent = changed(lambda new: edit(new["components"]["schemas"]["A"]))
    answered = changed(lambda new: edit(new["components"]["schemas"]["B"]))
    assert (f"body{text}", sent_breaks) in sent
    assert (f"200{text}", not sent_breaks) in answered


def operation(new: dict[str, Any]) -> dict[str, Any]:
    """Return the operation of the document."""
    found: dict[str, Any] = new["paths"]["/things"]["post"]
    return found


@pytest.mark.parametrize(
    ("edit", "text", "breaking"),
    [
        (lambda new: new["paths"].clear(), ": is gone", True),
        (lambda new: operation(new)["responses"].pop("200"), "200: is no longer answered", True),
        (lambda new: operation(new)["responses"].update({"409": {}}), "409: is a new answer",
         False),
        (lambda new: operation(new)["parameters"].clear(), "query dry: is no longer read", True),
        (lambda new: operation(new)["parameters"][0].update(required=True),
         "query dry: is required now", True),
        (lambda new: operation(new)["parameters"].append({"in": "query", "name": "n"}),
         "query n: is new", False),
        (lambda new: operation(new).pop("requestBody"), "body: is no longer read", True),
        (lambda new: operation(new)["responses"]["200"]["headers"].clear(),
         "200 Location: is no longer sent", True),
        (lambda new: operation(new).update({"x-graphstead-support": "planned"}),
         "support: was full, is planned", True),
        (lambda new: operation(new).update(operationId="create"), "operationId: is create now",
         True),
        (lambda new: new.update(security=[{"Key": []}]), "security: a caller has to be known now",
         True),
        (lambda new: new["components"]["schemas"]["B"]["properties"].pop("kind"),
         "200.kind: is no longer described", True),
        (lambda new: new["components"]["schemas"]["A"]["properties"].update(more={}),
         "body.more: is new", False),
    ],
)  # fmt: skip
def test_every_change_of_an_operation_is_named(edit: Edit, text: str, breaking: bool) -> None:
    found = changed(edit)
    assert (text, breaking) in found or (f"POST /things{text}", breaking) in found


def test_a_contract_has_not_changed_against_itself() -> None:
    document = packaged()
    assert changes(document, copy.deepcopy(document)) == []


def graphstead(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "graphstead", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_command_fails_on_a_breaking_change_until_it_is_declared(tmp_path: Path) -> None:
    old, new, declared = (tmp_path / name for name in ("old.json", "new.json", "declared.txt"))
    old.write_text(json.dumps(OLD))
    new.write_text(json.dumps({**OLD, "paths": {}}))
    told = graphstead("spec", "diff", str(old), str(new), "--declared", str(declared))
    assert (told.returncode, told.stdout.splitlines()[0]) == (
        1,
        "breaking    POST /things: is gone",
    )
    declared.write_text("# on purpose\nPOST /things: is gone\n")
    told = graphstead("spec", "diff", str(old), str(new), "--declared", str(declared))
    assert (told.returncode, told.stdout.splitlines()[-1]) == (
        0, "1 changes: 1 breaking, 0 undeclared"
    )  # fmt: skip
    missing = graphstead("spec", "diff", str(tmp_path / "none"), str(new))
    assert (missing.returncode, "no such file" in missing.stderr) == (3, True)


def test_ci_compares_with_the_last_release(tmp_path: Path) -> None:
    """A repository with one release, in which an operation then disappears."""
    root = tmp_path / "repo"
    for name in ("scripts/changes", "spec", "docs/breaking.txt"):
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)

    def git(*args: str) -> None:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        subprocess.run(["git", *who, *args], cwd=root, check=True, capture_output=True)

    def check() -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return subprocess.run(
            ["scripts/changes"], cwd=root, env={**os.environ, "PATH": path},
            capture_output=True, text=True,
        )  # fmt: skip

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    assert (check().returncode, "No release yet" in check().stdout) == (0, True)
    git("tag", "v0.1.0")
    assert check().returncode == 0, check().stdout
    contract = root / "spec" / "openapi.yaml"
    text = contract.read_text("utf-8")
    contract.write_text(text.replace("  /ok:\n    $ref: paths/system.yaml#/ok\n", ""), "utf-8")
    told = check()
    assert (told.returncode, "GET /ok: is gone" in told.stdout) == (1, True), told.stdout
