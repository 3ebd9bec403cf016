"""`graphstead dockerfile`: what langgraph.json says of images, read back by a parser."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dockerfile_parse import DockerfileParser

GRAPH = "graphs.py"


def project(folder: Path, **more: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / GRAPH).write_text("graph = None\n")
    config = {"dependencies": ["."], "graphs": {"one": f"./{GRAPH}:graph"}, **more}
    path = folder / "langgraph.json"
    path.write_text(json.dumps(config))
    return path


def write(config: Path, *args: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "graphstead", "dockerfile", "--config", str(config), *args]
    done = subprocess.run(command, cwd=config.parent, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def parsed(folder: Path, name: str = "Dockerfile") -> list[tuple[str, str]]:
    parser = DockerfileParser(str(folder / name))
    return [
        (step["instruction"], step["value"])
        for step in parser.structure
        if step["instruction"] != "COMMENT"
    ]


def values(steps: list[tuple[str, str]], instruction: str) -> list[str]:
    return [value for name, value in steps if name == instruction]


def test_a_plain_project_becomes_a_small_image_without_root(tmp_path: Path) -> None:
    write(project(tmp_path))
    steps = parsed(tmp_path)
    assert len((tmp_path / "Dockerfile").read_text().splitlines()) <= 25
    assert steps[0] == ("FROM", "python:3.12-slim")
    assert values(steps, "USER") == ["10001:10001"]
    assert values(steps, "VOLUME") == ["/data"]
    (probe,) = values(steps, "HEALTHCHECK")
    assert "/ok" in probe
    serve = json.loads(values(steps, "CMD")[0])
    assert serve[:4] == ["graphstead", "serve", "--host", "0.0.0.0"]
    assert serve[-2:] == ["--data", "/data"]
    order = [name for name, _ in steps]
    assert order.index("USER") > max(n for n, name in enumerate(order) if name == "RUN")
    assert ".graphstead" in (tmp_path / "Dockerfile.dockerignore").read_text().splitlines()


def test_every_key_about_images_is_honoured(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\n")
    (tmp_path / ".env").write_text("TOKEN=s3cret\n")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'one'\n")
    config = project(
        tmp_path,
        python_version="3.13",
        image_distro="bookworm",
        pip_config_file="./pip.conf",
        pip_installer="uv",
        dockerfile_lines=["RUN apt-get update", "ENV SHOP=tea"],
        dependencies=[".", "langchain-openai>=1,<2"],
        keep_pkg_tools=["pip"],
        env=".env",
    )
    write(config, "--add-docker-compose")
    steps = parsed(tmp_path)
    runs = values(steps, "RUN")
    assert steps[0] == ("FROM", "python:3.13-slim-bookworm")
    assert "pip.conf /etc/pip.conf" in values(steps, "COPY")
    assert "apt-get update" in runs
    assert "SHOP=tea" in values(steps, "ENV")
    assert any('uv pip install --system --no-cache "langchain-openai>=1,<2"' in run for run in runs)
    assert any(run.endswith("-e .") for run in runs)
    assert any(run.endswith("uninstall -qy uv setuptools wheel") for run in runs)
    assert "touch .env" in runs
    assert "s3cret" not in (tmp_path / "Dockerfile").read_text()
    assert ".env" in (tmp_path / "Dockerfile.dockerignore").read_text().splitlines()
    service = yaml.safe_load((tmp_path / "docker-compose.yml").read_text())["services"][
        "graphstead"
    ]
    assert service["env_file"] == [".env"]
    assert service["volumes"] == ["graphstead-data:/data"]
    assert service["build"] == {"context": ".", "dockerfile": "Dockerfile"}


@pytest.mark.parametrize(
    ("given", "first"),
    [
        ({"base_image": "registry.example/python:3"}, "registry.example/python:3"),
        ({"image_distro": "wolfi"}, "cgr.dev/chainguard/wolfi-base"),
        ({"python_version": "3.11"}, "python:3.11-slim"),
    ],
)
def test_the_base_is_the_one_asked_for(tmp_path: Path, given: dict[str, str], first: str) -> None:
    write(project(tmp_path, **given))
    assert parsed(tmp_path)[0] == ("FROM", first)


def test_an_image_that_ends_without_root_can_be_built_upon(tmp_path: Path) -> None:
    write(project(tmp_path, base_image="graphstead:0.1.0"))
    users = [value for name, value in parsed(tmp_path) if name in ("FROM", "USER", "RUN")]
    assert users[:2] == ["graphstead:0.1.0", "0:0"]
    assert users[-1] == "10001:10001"


def test_dependencies_beside_the_project_are_sent_along(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "requirements.txt").write_text("httpx\n")
    config = project(tmp_path / "app", dependencies=[".", "../shared"])
    told = write(config)
    steps = parsed(config.parent)
    assert any(run.endswith("-r ./shared/requirements.txt") for run in values(steps, "RUN"))
    assert "app/langgraph.json" in values(steps, "CMD")[0]
    assert told.rstrip().endswith("..")


def test_a_locked_uv_project_is_installed_from_its_lock(tmp_path: Path) -> None:
    write(project(tmp_path, source={"kind": "uv", "root": ".", "package": "shop"}))
    (export,) = [run for run in values(parsed(tmp_path), "RUN") if "uv export" in run]
    assert "--frozen --no-dev --project . --package shop" in export


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"image_distro": "arch"}, "image_distro"),
        ({"pip_installer": "conda"}, "pip_installer"),
        ({"pip_config_file": "./none.conf"}, "pip_config_file"),
        ({"dockerfile_lines": "RUN x"}, "dockerfile_lines"),
        ({"keep_pkg_tools": ["npm"]}, "keep_pkg_tools"),
        ({"base_image": "langchain/langgraph-api"}, "base_image"),
        ({"python_version": "3.12\nRUN x"}, "python_version"),
    ],
)
def test_what_cannot_be_built_is_named(tmp_path: Path, given: dict[str, Any], key: str) -> None:
    assert f": {key}: " in write(project(tmp_path, **given), code=3)
    assert not (tmp_path / "Dockerfile").exists()


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    config = project(tmp_path)
    (tmp_path / "Dockerfile").write_text("mine\n")
    assert "--force" in write(config, code=2)
    assert (tmp_path / "Dockerfile").read_text() == "mine\n"
    write(config, "--force")
    assert parsed(tmp_path)[0][0] == "FROM"
