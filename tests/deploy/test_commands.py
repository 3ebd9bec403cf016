"""The commands of `deploy/` start, are healthy by their own probes, work, and stop in time."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from databases import PostgresPlace
from deploy.manifests import (
    DEPLOY,
    Program,
    compose_programs,
    kubernetes_programs,
)
from deploy.programs import Place, Running
from dockerfile_parse import DockerfileParser
from ports import free_port
from servers import EXAMPLES, until_true

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

Start = Callable[[Program, Place], Running]


@pytest.fixture
def start(tmp_path: Path, database: Mapping[str, str]) -> Iterator[Start]:
    """Start programs, which end before their database does."""
    made: list[Running] = []

    def starting(program: Program, place: Place) -> Running:
        log = (tmp_path / f"{program.name}.log").open("ab")
        made.append(Running(program, place, log))
        return made[-1]

    yield starting
    for one in made:
        one.kill()


@pytest.fixture
def database() -> Iterator[Mapping[str, str]]:
    """An empty schema on the Postgres server, as if nothing had ever run there."""
    place = PostgresPlace()
    with place.connect() as connection:
        connection.execute(f"drop schema {place.schema} cascade; create schema {place.schema}")
    yield {"DATABASE_URI": place.uri}
    place.await_the_end()
    place.leave()


def place_in(folder: Path, database: Mapping[str, str], port: int) -> Place:
    folder.mkdir(exist_ok=True)
    return Place(EXAMPLES.parent, folder, port, database)


def key_for(api: Program, place: Place) -> dict[str, str]:
    """Make a key as the guide says, next to the running servers."""
    at = api.command.index("--config")
    config = api.command[at : at + 2]
    data = api.command[api.command.index("--data") :][:2]
    made = ("graphstead", "keys", "create", "--identity", "me", *config, *data)
    return {"X-Api-Key": place.run(api, made).strip()}


def wait_for(place: Place, key: Mapping[str, str], graph: str, given: Any) -> httpx.Response:
    body = {"assistant_id": graph, "input": given}
    return httpx.post(f"{place.url}/runs/wait", json=body, headers=key, timeout=90)


def read(url: str) -> httpx.Response:
    return httpx.get(url, timeout=60)


def test_kubernetes_migrates_probes_serves_and_stops(
    start: Start, database: Mapping[str, str], tmp_path: Path
) -> None:
    programs = kubernetes_programs()
    # Each pod has an empty folder of its own.
    api_pod, worker_pod, job_pod = (
        place_in(tmp_path / name, database, free_port()) for name in ("api", "worker", "migrate")
    )
    migrate, api, worker = (programs[name] for name in ("migrate", "api", "worker"))
    assert "schema 0 -> " in job_pod.run(migrate, migrate.command)
    serving, working = start(api, api_pod), start(worker, worker_pod)
    for probe in api.probes:
        serving.until_answers(api_pod.url + probe["httpGet"]["path"])
    for probe in worker.probes:
        working.until_answers(worker_pod.url + probe["httpGet"]["path"])

    key = key_for(api, api_pod)
    assert wait_for(api_pod, {}, "echo", {"message": "hi"}).status_code == 401
    assert wait_for(api_pod, key, "echo", {"message": "hi"}).json()["reply"] == "hi"
    pending = '"lg_api_num_pending_runs": '
    assert pending in json.dumps(read(f"{api_pod.url}/metrics?format=json").json())
    ended = 'graphstead_runs_ended_total{graph_id="echo",status="success"} 1.0'
    # It counts behind the answer.
    until_true(lambda: ended in read(f"{worker_pod.url}/metrics").text)
    assert_the_stop_loses_nothing(working, api_pod, key, tmp_path / "marks")
    assert serving.stop() == 0


def assert_the_stop_loses_nothing(
    worker: Running, place: Place, key: Mapping[str, str], marks: Path
) -> None:
    """Stop the only worker while it carries a run: the run ends first, the client hears of it."""
    answers: list[httpx.Response] = []
    given = {"steps": 4, "sleep_s": 0.3, "marks": str(marks)}
    client = threading.Thread(
        target=lambda: answers.append(wait_for(place, key, "slow", given)), daemon=True
    )
    client.start()
    until_true(marks.exists, 60)
    assert worker.stop() == 0
    client.join(60)
    assert answers[0].json()["count"] == 4
    assert len({line.split()[0] for line in marks.read_text().splitlines()}) == 1


def test_compose_serves_and_stops_and_the_image_is_found_healthy(
    start: Start, database: Mapping[str, str], tmp_path: Path
) -> None:
    programs = compose_programs()
    # One volume for all.
    place = place_in(tmp_path / "data", database, free_port())
    serving, working = start(programs["api"], place), start(programs["worker"], place)
    serving.until_answers(f"{place.url}/ok?check_db=1")
    check = health_check()
    assert subprocess.run(place.command(check)).returncode == 0
    key = key_for(programs["api"], place)
    assert wait_for(place, key, "echo", {"message": "hi"}).json()["reply"] == "hi"
    assert_the_scheme_of_the_proxy_is_believed(place, key)
    # One API process answers before the other is there.
    until_true(lambda: "graphstead_processes 3.0" in read(f"{place.url}/metrics").text)
    assert working.stop() == 0
    assert serving.stop() == 0
    failing = subprocess.run(place.command(check), capture_output=True)
    assert failing.returncode != 0


def assert_the_scheme_of_the_proxy_is_believed(place: Place, key: Mapping[str, str]) -> None:
    """Ask from an address that is not the one which is always believed."""
    headers = {**key, "X-Forwarded-Proto": "https"}
    with httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.2")) as proxy:
        card = proxy.get(
            f"{place.url}/.well-known/agent-card.json",
            params={"assistant_id": "chat"},
            headers=headers,
            timeout=60,
        )
    assert card.json()["supportedInterfaces"][0]["url"].startswith("https://")


def health_check() -> list[str]:
    """Return the command of the image's HEALTHCHECK, run by this Python."""
    steps = DockerfileParser(str(DEPLOY / "Dockerfile")).structure
    (value,) = [step["value"] for step in steps if step["instruction"] == "HEALTHCHECK"]
    command: list[str] = json.loads(value.partition(" CMD ")[2])
    return [sys.executable, *command[1:]]
