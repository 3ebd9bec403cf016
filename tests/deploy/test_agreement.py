"""What `deploy/` says fits the program: variables, paths, ports, times, numbers of connections."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from deploy.manifests import (
    DEPLOY,
    KUBERNETES,
    SECRETS,
    Program,
    compose,
    compose_programs,
    documents,
    kubernetes_objects,
    kubernetes_programs,
    seconds,
    unit_program,
)
from dockerfile_parse import DockerfileParser
from servers import EXAMPLES, ROOT

from graphstead import __version__
from graphstead.cli.supervise import MARGIN_S
from graphstead.graphs import load_project
from graphstead.image import PORT, USER_ID, dockerfile, image_of
from graphstead.settings import Settings, settings_table
from graphstead.variables import WITHOUT_EFFECT

SETTINGS = frozenset(name for row in settings_table() for name in row.environment_names)
# Read by the HTTP server underneath: whose X-Forwarded-Proto is believed.
OTHERS = {"FORWARDED_ALLOW_IPS"}
COMPONENT = "app.kubernetes.io/component"
# What Postgres has for superusers.
RESERVED = 3
PROGRAMS: dict[str, Mapping[str, Program]] = {
    "compose": compose_programs(),
    "kubernetes": kubernetes_programs(),
    "systemd": {"unit": unit_program()},
}
EVERY = [(where, one) for where, programs in PROGRAMS.items() for one in programs.values()]
IDS = [f"{where}-{one.name}" for where, one in EVERY]


def kinds(kind: str) -> dict[str, Any]:
    return {one["metadata"]["name"]: one for _, one in kubernetes_objects() if one["kind"] == kind}


def pods() -> Iterator[dict[str, Any]]:
    for _, one in kubernetes_objects():
        if one["kind"] in ("Deployment", "Job"):
            yield one["spec"]["template"]


def the_settings(program: Program) -> Settings:
    known = {name: value for name, value in program.environment.items() if value}
    return Settings.model_validate(known)


@pytest.mark.parametrize(("where", "program"), EVERY, ids=IDS)
def test_every_variable_is_one_that_the_server_reads(where: str, program: Program) -> None:
    assert program.environment
    assert program.environment.keys() - SETTINGS - OTHERS - WITHOUT_EFFECT.keys() == set()
    the_settings(program)


def test_variables_in_the_example_files_are_read_by_something() -> None:
    named = re.findall(r"^#?([A-Z][A-Z_]+)=", (DEPLOY / "env.example").read_text(), re.MULTILINE)
    used = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert set(named) == used
    assert SECRETS.keys() < used


def test_probes_ask_operations_of_the_contract_at_the_port_that_is_served() -> None:
    contract = json.loads((ROOT / "spec" / "openapi.json").read_text("utf-8"))
    asked = [
        probe["httpGet"]
        for one in kubernetes_programs().values()
        for probe in one.probes
        if "httpGet" in probe
    ]
    assert {probe["path"] for probe in asked} == {"/ok", "/ok?check_db=1"}
    for probe in asked:
        path, _, query = probe["path"].partition("?")
        operation = contract["paths"][path]["get"]
        assert operation["security"] == []
        assert not query or "CheckDb" in str(operation["parameters"])
        assert probe["port"] == "http"


def test_the_process_is_alive_without_its_database_and_not_ready() -> None:
    api = next(pod for pod in pods() if pod["metadata"]["labels"][COMPONENT] == "api")
    (box,) = api["spec"]["containers"]
    assert box["livenessProbe"]["httpGet"]["path"] == "/ok"
    assert box["readinessProbe"]["httpGet"]["path"] == "/ok?check_db=1"


def test_ports_agree() -> None:
    for where, program in EVERY:
        if "--port" in program.command:
            at = program.command.index("--port")
            assert program.command[at + 1] == str(PORT), where
    for deployment in kinds("Deployment").values():
        (box,) = deployment["spec"]["template"]["spec"]["containers"]
        assert [port["containerPort"] for port in box["ports"]] == [PORT]
    assert compose()["services"]["api"]["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    told = [pod["metadata"]["annotations"] for pod in pods() if "annotations" in pod["metadata"]]
    assert [one["prometheus.io/port"] for one in told] == [str(PORT)] * 2
    for name in ("nginx.conf", "Caddyfile", "haproxy.cfg"):
        assert f"127.0.0.1:{PORT}" in (DEPLOY / "proxy" / name).read_text(), name


def test_the_image_ends_as_the_one_that_the_command_writes() -> None:
    written = dockerfile(image_of(load_project(EXAMPLES)))
    ours = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert written[written.index("\nUSER ") :] == ours[ours.rindex("\nUSER ") :]
    assert f"chown {USER_ID}:{USER_ID} /data" in ours
    assert f"graphstead:{__version__} ." in ours
    steps = DockerfileParser(str(DEPLOY / "Dockerfile")).structure
    stages = [step for step in steps if step["instruction"] == "FROM"]
    assert len(stages) == 2


def test_what_the_image_copies_is_sent_to_the_builder() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    sent = {line[1:] for line in ignored if line.startswith("!")}
    steps = DockerfileParser(str(DEPLOY / "Dockerfile")).structure
    copied = [step["value"].split()[:-1] for step in steps if step["instruction"] == "COPY"]
    assert "*" in ignored
    assert {name for names in copied[:-1] for name in names} == sent
    assert copied[-1] == ["--from=build", "/opt/graphstead"]


@pytest.mark.parametrize(("where", "program"), EVERY, ids=IDS)
def test_a_stop_has_the_time_that_the_settings_promise(where: str, program: Program) -> None:
    settings = the_settings(program)
    takes_s = 0.0
    if "serve" in program.command:
        takes_s = settings.drain_s + 2 * MARGIN_S
    if "worker" in program.command or where == "systemd":
        takes_s = settings.shutdown_grace_s + MARGIN_S
    assert takes_s <= program.grace_s


def test_nothing_runs_as_root_or_writes_outside_its_volumes() -> None:
    for pod in pods():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == USER_ID
        assert spec["serviceAccountName"] in kinds("ServiceAccount")
        for box in spec["containers"]:
            assert box["securityContext"]["readOnlyRootFilesystem"] is True
            assert box["securityContext"]["allowPrivilegeEscalation"] is False
            assert box["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert box["resources"]["requests"].keys() == {"cpu", "memory"}
            assert box["resources"]["limits"].keys() == {"memory"}
            mounted = {mount["mountPath"] for mount in box["volumeMounts"]}
            assert mounted == {"/data", "/tmp"}
            assert {mount["name"] for mount in box["volumeMounts"]} == {
                volume["name"] for volume in spec["volumes"]
            }
    for name in compose_programs():
        service = compose()["services"][name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_objects_find_each_other() -> None:
    deployments, services = kinds("Deployment"), kinds("Service")
    labels = {
        name: one["spec"]["template"]["metadata"]["labels"] for name, one in deployments.items()
    }
    for name, one in deployments.items():
        chosen = one["spec"]["selector"]["matchLabels"]
        assert chosen == labels[name]
        assert kinds("PodDisruptionBudget")[name]["spec"]["selector"]["matchLabels"] == chosen
        spread = one["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert [rule["labelSelector"]["matchLabels"] for rule in spread] == [chosen]
    assert services["graphstead"]["spec"]["selector"] == labels["graphstead-api"]
    assert "selector" not in services["graphstead-closed"]["spec"]
    for one in kinds("HorizontalPodAutoscaler").values():
        assert one["spec"]["scaleTargetRef"]["name"] in deployments
    (rule,) = kinds("Ingress")["graphstead"]["spec"]["rules"]
    led = {path["path"]: path["backend"]["service"]["name"] for path in rule["http"]["paths"]}
    assert led == {"/metrics": "graphstead-closed", "/": "graphstead"}


def test_the_kustomization_lists_what_is_applied_together() -> None:
    (listed,) = documents(KUBERNETES / "kustomization.yaml")
    apart = {"kustomization.yaml", "migrate.yaml", "secret.example.yaml", "worker-hpa.yaml"}
    assert set(listed["resources"]) == {path.name for path in KUBERNETES.glob("*.yaml")} - apart
    assert all((KUBERNETES / name).is_file() for name in apart)


def test_compose_waits_for_each_stop_and_keeps_what_it_needs() -> None:
    document = compose()
    services = document["services"]
    named = {
        volume.partition(":")[0]
        for service in services.values()
        for volume in service.get("volumes", [])
    }
    assert {name for name in named if not name.startswith(".")} == document["volumes"].keys()
    assert seconds(services["postgres"]["stop_grace_period"]) >= 60
    assert services["redis"]["profiles"] == ["redis"]
    assert [name for name, one in services.items() if "build" in one] == ["api"]


def test_compose_leaves_postgres_enough_connections() -> None:
    services = compose()["services"]
    (allowed,) = [
        int(word.partition("=")[2])
        for word in services["postgres"]["command"]
        if word.startswith("max_connections=")
    ]
    api, worker = (compose_programs()[name] for name in ("api", "worker"))
    processes = the_settings(api).api_workers + services["worker"]["scale"]
    # As many again while one replaces the other.
    assert 2 * processes * the_settings(worker).database_connections + RESERVED <= allowed
