"""From langgraph.json to a container image: a Dockerfile, what it leaves out, a compose file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from graphstead import __version__
from graphstead.graphs import Project
from graphstead.problems import StartupError

__all__ = ["PORT", "Image", "compose_file", "dockerfile", "ignored", "image_of"]

PORT = 8123
DATA = "/data"
HOME = "/app"
USER_ID = 10001
DEFAULT_PYTHON = "3.12"
DISTROS = {"debian": "-slim", "bookworm": "-slim-bookworm", "wolfi": ""}
PACKAGE_TOOLS = ("setuptools", "wheel", "pip")
PROBE = f"import urllib.request as r; r.urlopen('http://127.0.0.1:{PORT}/ok', timeout=4)"
LEFT_OUT = (".git", ".graphstead", ".langgraph_api", ".venv", "**/__pycache__", "**/node_modules")


@dataclass(frozen=True, slots=True)
class Image:
    """What an image is made of; paths are relative to `context`, the folder that is sent."""

    context: Path
    config: str
    base: str
    is_own_base: bool
    is_wolfi: bool
    python_version: str
    uv: bool
    pip_config: str | None
    lines: tuple[str, ...]
    installs: tuple[str, ...]
    removed_tools: tuple[str, ...]
    env_file: str | None


def image_of(project: Project) -> Image:
    """Read what langgraph.json says of images. Raises StartupError with every fault found."""
    return _Reading(project).image()


class _Reading:
    """One pass over the keys that are about images, which gathers faults."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.raw = project.raw
        self.faults: list[str] = []

    def image(self) -> Image:
        context = self._context()
        env = self.raw.get("env")
        version = self._text("python_version") or DEFAULT_PYTHON
        distro = self._choice("image_distro", tuple(DISTROS), "debian")
        base = self._text("base_image") or _base(distro, version)
        uv = self._choice("pip_installer", ("auto", "pip", "uv"), "auto") == "uv"
        found = Image(
            context=context,
            config=self._in(context, self.project.path),
            base=base,
            is_own_base=bool(self.raw.get("base_image")),
            is_wolfi=distro == "wolfi" and not self.raw.get("base_image"),
            python_version=version,
            uv=uv or bool(self.raw.get("source")),
            pip_config=self._file("pip_config_file", context),
            lines=self._lines(),
            installs=tuple(self._installs(context)),
            removed_tools=self._removed_tools(),
            env_file=env if isinstance(env, str) else None,
        )
        if "langgraph-api" in base:
            self._fault("base_image", "that is another server's image; name a Python image")
        if self.faults:
            raise StartupError(self.faults)
        return found

    def _fault(self, key: str, text: str) -> None:
        self.faults.append(f"{self.project.path}: {key}: {text}")

    def _text(self, key: str) -> str | None:
        given = self.raw.get(key)
        if given is not None and (not isinstance(given, str) or "\n" in given):
            self._fault(key, f"expected one line of text, found {given!r}")
            return None
        return given

    def _choice(self, key: str, choices: tuple[str, ...], default: str) -> str:
        given = self._text(key) or default
        if given not in choices:
            self._fault(key, f"expected one of {', '.join(choices)}, found {given!r}")
            return default
        return given

    def _lines(self) -> tuple[str, ...]:
        given = self.raw.get("dockerfile_lines", [])
        if not isinstance(given, list) or not all(isinstance(line, str) for line in given):
            self._fault("dockerfile_lines", "expected a list of lines")
            return ()
        return tuple(given)

    def _removed_tools(self) -> tuple[str, ...]:
        kept = self.raw.get("keep_pkg_tools", False)
        if isinstance(kept, bool):
            return () if kept else PACKAGE_TOOLS
        if isinstance(kept, list) and set(kept) <= set(PACKAGE_TOOLS):
            return tuple(tool for tool in PACKAGE_TOOLS if tool not in kept)
        self._fault("keep_pkg_tools", f"expected true, false or some of {list(PACKAGE_TOOLS)}")
        return ()

    def _context(self) -> Path:
        """Return the folder that holds the project and every local dependency."""
        local = [(self.project.root / name).resolve() for name in self._local()]
        return Path(os.path.commonpath([self.project.root, *local, *self._root_of_source()]))

    def _local(self) -> list[str]:
        return [name for name in self.project.dependencies if name.startswith((".", "/"))]

    def _root_of_source(self) -> list[Path]:
        source = self.raw.get("source")
        if not isinstance(source, dict) or not source.get("root"):
            return []
        return [(self.project.root / str(source["root"])).resolve()]

    def _in(self, context: Path, path: Path) -> str:
        return path.resolve().relative_to(context).as_posix()

    def _file(self, key: str, context: Path) -> str | None:
        given = self._text(key)
        path = (self.project.root / given).resolve() if given else None
        if path is None:
            return None
        if not path.is_file() or not path.is_relative_to(context):
            self._fault(key, f"there is no file {given!r} in {context}")
            return None
        return self._in(context, path)

    def _installs(self, context: Path) -> Iterator[str]:
        """Yield what pip is told to install, packages of an index first."""
        others = [name for name in self.project.dependencies if name not in self._local()]
        if others:
            yield " ".join(map(_quoted, others))
        for name in self._local():
            folder = (self.project.root / name).resolve()
            inside = f"./{self._in(context, folder)}".removesuffix("/.")
            if any((folder / file).is_file() for file in ("pyproject.toml", "setup.py")):
                yield f"-e {inside}"
            elif (folder / "requirements.txt").is_file():
                yield f"-r {inside}/requirements.txt"


def _base(distro: str, python_version: str) -> str:
    if distro == "wolfi":
        return "cgr.dev/chainguard/wolfi-base"
    return f"python:{python_version}{DISTROS[distro]}"


def _quoted(requirement: str) -> str:
    return json.dumps(requirement) if set(requirement) & set("<>;[ ") else requirement


def dockerfile(image: Image, source: Any = None) -> str:
    """Return the Dockerfile; `source` is the key of that name in langgraph.json."""
    return "\n".join([*_begin(image), *_install(image, source), *_end(image), ""])


def _begin(image: Image) -> Iterator[str]:
    yield "# Written by `graphstead dockerfile` from langgraph.json; change it at will."
    yield f"FROM {image.base}"
    if image.is_own_base:
        # It may end as an ordinary user, as that of deploy/Dockerfile does.
        yield "USER 0:0"
    if image.is_wolfi:
        version = image.python_version
        yield f"RUN apk add --no-cache python-{version} py{version}-pip"
    yield f"RUN mkdir -p {HOME} {DATA} && chown {USER_ID}:{USER_ID} {DATA}"
    yield "ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_ROOT_USER_ACTION=ignore HOME=/tmp"
    if image.pip_config:
        yield f"COPY {image.pip_config} /etc/pip.conf"
    yield from image.lines


def _install(image: Image, source: Any) -> Iterator[str]:
    pip = (
        "uv pip install --system --no-cache" if image.uv else "python -m pip install --no-cache-dir"
    )
    if image.is_wolfi and not image.uv:
        pip = pip.replace("python -m", "python3 -m")
    yield f'ARG GRAPHSTEAD="graphstead=={__version__}"'
    if image.uv:
        yield f"RUN {'python3' if image.is_wolfi else 'python'} -m pip install --no-cache-dir uv"
    yield f"RUN {pip} $GRAPHSTEAD"
    yield f"WORKDIR {HOME}"
    yield "COPY . ."
    if isinstance(source, dict):
        yield f"RUN {_exported(image, source)} && {pip} -r /tmp/locked.txt"
    for what in image.installs:
        yield f"RUN {pip} {what}"
    if image.env_file:
        folder = Path(image.config).parent
        yield "# Its values come when the container starts (--env-file): none are in the image."
        yield f"RUN touch {(folder / image.env_file).as_posix()}"
    if image.removed_tools:
        tools = " ".join(("uv", *image.removed_tools) if image.uv else image.removed_tools)
        yield f"RUN {'python3' if image.is_wolfi else 'python'} -m pip uninstall -qy {tools}"


def _exported(image: Image, source: dict[str, Any]) -> str:
    root = Path(image.config).parent / str(source.get("root", "."))
    package = f" --package {source['package']}" if source.get("package") else ""
    where = os.path.normpath(root)
    return f"uv export -q --frozen --no-dev --project {where}{package} -o /tmp/locked.txt"


def _end(image: Image) -> Iterator[str]:
    python = "python3" if image.is_wolfi else "python"
    probe = json.dumps([python, "-c", PROBE])
    command = ["graphstead", "serve", "--host", "0.0.0.0", "--port", str(PORT)]
    command += ["--config", image.config, "--data", DATA]
    yield f"USER {USER_ID}:{USER_ID}"
    yield f"VOLUME {DATA}"
    yield f"EXPOSE {PORT}"
    yield f"HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD {probe}"
    yield f"CMD {json.dumps(command)}"


def ignored(image: Image) -> str:
    """Return what is not sent to the builder: data, environments, secrets."""
    secrets = ("**/.env", "**/.env.*")
    own = [(Path(image.config).parent / image.env_file).as_posix()] if image.env_file else []
    return "\n".join([*LEFT_OUT, *secrets, *own, ""])


def compose_file(image: Image, dockerfile_path: Path) -> str:
    """Return a compose file that builds the image and keeps its data in a volume."""
    folder = dockerfile_path.resolve().parent
    context = os.path.relpath(image.context, folder)
    service: dict[str, Any] = {
        "build": {
            "context": context,
            "dockerfile": os.path.relpath(dockerfile_path.resolve(), image.context),
        },
        "ports": [f"{PORT}:{PORT}"],
        "volumes": [f"graphstead-data:{DATA}"],
        "restart": "unless-stopped",
        "stop_grace_period": "200s",
    }
    if image.env_file:
        beside = (image.context / image.config).parent / image.env_file
        service["env_file"] = [os.path.relpath(beside, folder)]
    document = {"services": {"graphstead": service}, "volumes": {"graphstead-data": None}}
    return yaml.safe_dump(document, sort_keys=False)
