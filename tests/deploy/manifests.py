"""What `deploy/` says: its documents, and the programs that they start."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from servers import ROOT

__all__ = [
    "DEPLOY",
    "KUBERNETES",
    "SECRETS",
    "Program",
    "compose",
    "compose_programs",
    "documents",
    "kubernetes_objects",
    "kubernetes_programs",
    "seconds",
    "unit",
    "unit_program",
]

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
# What the reader fills into deploy/.env.
SECRETS = {"POSTGRES_PASSWORD": "s3cret", "LANGGRAPH_AES_KEY": "0123456789abcdef"}
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Program:
    """A command with its environment, and the seconds it has from SIGTERM to its end."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    grace_s: float
    probes: tuple[Object, ...] = field(default=())


def documents(path: Path) -> list[Object]:
    """Return the YAML documents of a file."""
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def kubernetes_objects() -> list[tuple[Path, Object]]:
    """Return each object with its file; a kustomization is none."""
    files = sorted(path for path in KUBERNETES.glob("*.yaml") if path.stem != "kustomization")
    return [(path, one) for path in files for one in documents(path)]


def kubernetes_programs() -> dict[str, Program]:
    """Return the containers of all Deployments and Jobs by name."""
    objects = [one for _, one in kubernetes_objects()]
    values = {(one["kind"], one["metadata"]["name"]): _values(one) for one in objects}
    pods = [one["spec"]["template"]["spec"] for one in objects if "template" in one.get("spec", {})]
    programs = (_container(pod, box, values) for pod in pods for box in pod["containers"])
    return {program.name: program for program in programs}


def _values(given: Object) -> dict[str, str]:
    return {**given.get("data", {}), **given.get("stringData", {})}


def _container(
    pod: Object, box: Object, values: Mapping[tuple[str, str], dict[str, str]]
) -> Program:
    environment: dict[str, str] = {}
    for source in box["envFrom"]:
        for reference, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if reference in source:
                environment |= values[kind, source[reference]["name"]]
    return Program(
        name=box["name"],
        command=tuple(box["command"]),
        environment=environment,
        grace_s=pod.get("terminationGracePeriodSeconds", 30) - _pause_s(box),
        probes=tuple(probe for key, probe in box.items() if key.endswith("Probe")),
    )


def _pause_s(box: Object) -> float:
    """Return how long preStop takes of the time to end."""
    command = box.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [])
    return float(command[1]) if command[:1] == ["sleep"] else 0.0


def compose(given: Mapping[str, str] = SECRETS) -> Object:
    """Return the compose file with the variables filled in."""
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    document: Object = _filled(yaml.safe_load(text), given)
    return document


def _filled(value: Any, given: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one, given) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, given) for one in value]
    return VARIABLE.sub(lambda found: _found(found, given), value) if _is_text(value) else value


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _found(variable: re.Match[str], given: Mapping[str, str]) -> str:
    name, mark, rest = variable.groups()
    if value := given.get(name):
        return value
    assert mark == "-", f"{name}: {rest}"
    return str(rest)


def compose_programs() -> dict[str, Program]:
    """Return our own services: Postgres and Redis are others' programs."""
    services = compose()["services"]
    return {
        name: Program(
            name=name,
            command=tuple(service["command"]),
            environment=service["environment"],
            grace_s=seconds(service["stop_grace_period"]),
        )
        for name, service in services.items()
        if service["image"].startswith("graphstead")
    }


def seconds(text: str) -> float:
    """Return the number of a duration that is given in seconds."""
    assert text.endswith("s"), text
    return float(text[:-1])


def unit() -> list[tuple[str, str]]:
    """Return the lines of the systemd unit's [Service] section, in order; names may come twice."""
    path = DEPLOY / "systemd" / "graphstead.service"
    parser = ConfigParser(strict=False, interpolation=None)
    parser.read_string(path.read_text("utf-8"))
    assert parser.sections() == ["Unit", "Service", "Install"]
    section = path.read_text("utf-8").partition("[Service]")[2].partition("[Install]")[0]
    return list(_lines(section))


def _lines(section: str) -> Iterator[tuple[str, str]]:
    for line in section.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield name, value


def unit_program() -> Program:
    """Return what systemd starts."""
    lines = unit()
    (command,) = [value for name, value in lines if name == "ExecStart"]
    (grace,) = [value for name, value in lines if name == "TimeoutStopSec"]
    given = [value.partition("=") for name, value in lines if name == "Environment"]
    environment = {name: value for name, _, value in given}
    return Program("unit", tuple(shlex.split(command)), environment, float(grace))
