"""The steps of the image, run in a folder instead of a container: no container engine is needed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy.manifests import DEPLOY
from dockerfile_parse import DockerfileParser
from servers import ROOT

from graphstead import __version__

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# The flags of a .pyc that goes by a hash of its source, and looks at it.
BY_HASH = 0b11
BETWEEN = ("FROM", "WORKDIR", "ENV", "ARG", "COPY", "RUN")


class Builder:
    """Carries out RUN, COPY and ARG below a folder that stands for the root of the image."""

    def __init__(self, root: Path, context: Path) -> None:
        self._root = root
        self._context = context
        self._at = root
        self._path = f"{shim(root)}{os.pathsep}{root / 'opt/graphstead/bin'}"
        self._arguments: dict[str, str] = {}

    def build(self, dockerfile: Path) -> None:
        """Run every step of the first stage."""
        stages = 0
        for step in DockerfileParser(str(dockerfile)).structure:
            stages += step["instruction"] == "FROM"
            if stages == 1 and step["instruction"] in BETWEEN:
                getattr(self, f"_{step['instruction'].lower()}")(step["value"])

    def _from(self, value: str) -> None:
        """The base is this machine's Python."""

    def _env(self, value: str) -> None:
        """Paths are those of the test."""

    def _workdir(self, value: str) -> None:
        self._at = self._root / value.lstrip("/")
        self._at.mkdir(parents=True, exist_ok=True)

    def _arg(self, value: str) -> None:
        name, _, default = value.partition("=")
        self._arguments[name] = default.strip('"')

    def _copy(self, value: str) -> None:
        *names, target = value.split()
        for name in names:
            source, at = self._context / name, self._at / target
            if source.is_dir():
                unwanted = shutil.ignore_patterns("__pycache__", "*.egg-*")
                shutil.copytree(source, at, ignore=unwanted, dirs_exist_ok=True)
            else:
                shutil.copy(source, at)

    def _run(self, value: str) -> None:
        command = value.replace("/opt/", f"{self._root}/opt/")
        for folder in ("/app", "/data"):
            command = command.replace(folder, str(self._root / folder[1:]))
        done = subprocess.run(
            ["sh", "-ec", command],
            cwd=self._at,
            env={
                **os.environ,
                **self._arguments,
                "PATH": f"{self._path}:{os.environ['PATH']}",
                "PIP_NO_COMPILE": "1",
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            },
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        if "-m venv" in command:
            self._lend_packages()

    def _lend_packages(self) -> None:
        """Let pip find what is installed here, which spares it most of a minute.

        That all of it can be had is seen by whoever makes the environment of the tests.
        """
        (folder,) = (self._root / "opt/graphstead/lib").glob("python*/site-packages")
        here = [path for path in sys.path if path.endswith("site-packages")]
        (folder / "lent.pth").write_text("\n".join(here))


def shim(root: Path) -> Path:
    """Return a folder where `python` is the environment's once there is one, else this one's."""
    folder = root / "shim"
    folder.mkdir(parents=True)
    program = folder / "python"
    own = root / "opt/graphstead/bin/python"
    base = getattr(sys, "_base_executable", sys.executable)
    program.write_text(f'#!/bin/sh\n[ -x {own} ] && exec {own} "$@"\nexec {base} "$@"\n')
    # Who runs the tests need not be root.
    (folder / "chown").write_text("#!/bin/sh\n")
    for program in folder.iterdir():
        program.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The root in which the steps of deploy/Dockerfile were run."""
    root = tmp_path_factory.mktemp("image") / "root"
    Builder(root, ROOT).build(DEPLOY / "Dockerfile")
    yield root
    shutil.rmtree(root)


def test_the_image_has_a_server_of_its_own_and_what_postgres_needs(built: Path) -> None:
    environment = built / "opt" / "graphstead"
    shutil.rmtree(built / "src")
    asks = (
        "import graphstead, graphstead.spec, graphstead.handlers, psycopg, psycopg_pool,"
        " opentelemetry.sdk; print(graphstead.__file__)"
    )
    found = subprocess.run(
        [environment / "bin" / "python", "-c", asks],
        capture_output=True,
        text=True,
        check=True,
        cwd=built,
    )
    assert found.stdout.startswith(str(environment))
    status = subprocess.run(
        [environment / "bin" / "graphstead", "--version"], capture_output=True, text=True, cwd=built
    )
    assert __version__ in status.stdout, status.stderr


def test_compiled_modules_hold_whatever_time_the_files_of_a_layer_have(built: Path) -> None:
    compiled = list((built / "opt" / "graphstead" / "lib").rglob("graphstead/**/*.pyc"))
    assert compiled
    assert {path.read_bytes()[4] for path in compiled} == {BY_HASH}


def test_a_project_is_built_on_top_and_checks_well(built: Path, tmp_path: Path) -> None:
    """What `graphstead dockerfile` writes for base_image installs the project and nothing twice."""
    project = tmp_path / "project"
    shutil.copytree(ROOT / "examples" / "graphs", project / "graphs")
    config = {
        "dependencies": ["."],
        "graphs": {"echo": "./graphs/echo.py:graph"},
        "base_image": "graphstead:0.1.0",
        "keep_pkg_tools": True,
    }
    (project / "langgraph.json").write_text(json.dumps(config))
    (project / "requirements.txt").write_text("click>=8\n")
    program = built / "opt" / "graphstead" / "bin" / "graphstead"
    subprocess.run([program, "dockerfile"], cwd=project, check=True, capture_output=True)
    shutil.rmtree(built / "shim")
    Builder(built, project).build(project / "Dockerfile")
    checked = subprocess.run([program, "check"], cwd=built / "app", capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "echo" in checked.stdout
