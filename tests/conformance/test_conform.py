"""`graphstead conform` passes a sound server, and finds what is wrong with one that is not."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from conformance.mutants import FAULTS, FAULTS_OF_BEHAVIOUR, Fault, Mutant
from ports import free_port
from servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

GRAPHS = {"conform_ask", "conform_echo", "conform_fail", "conform_slow"}
VERDICTS = {"pass", "fail", "not applicable"}
# Faults that the contract or the refusals show, by the check that has to find them.
SHOWN_BY = {
    "wrong type in an answer": "contract/GET /threads/{thread_id}",
    "undeclared status": "contract/POST /threads/count",
    "unexpected exception": "contract/GET /threads/{thread_id}/runs",
    "dropped request validation": "refusals/POST /assistants/count",
    "wrong event in a stream": "contract/GET /threads/{thread_id}/runs/{run_id}/stream",
    "wrong header": "contract/POST /threads/search",
    "wrong media type": "contract/GET /ok",
    "wrong method not answered 405": "refusals/GET /assistants/{assistant_id}/graph",
}
# What only an open socket, a session or a component of a graph could ask.
UNASKED = {
    "/threads/{thread_id}/stream/events",
    "/mcp",
    "/mcp/",
    "/ui/{graph}",
    "/ui/{graph}/{asset}",
}
SHOWN = tuple(f"--only={one}" for one in SHOWN_BY.values())
SOUND = ("--only=contract/POST /store/items/search", "--only=refusals/PATCH /threads/{thread_id}")


@dataclass(frozen=True)
class Outcome:
    """What one run of the command printed and wrote."""

    status: int
    printed: str
    told: dict[str, Any]

    @property
    def verdicts(self) -> dict[str, str]:
        return {one["id"]: one["verdict"] for one in self.told["results"]}


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "graphstead", "conform", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240)


def conform(url: str, folder: Path, *arguments: str) -> Outcome:
    file = folder / "report.json"
    done = call(url, "--json", str(file), *arguments)
    assert file.exists(), done.stdout + done.stderr
    return Outcome(done.returncode, done.stdout, json.loads(file.read_text()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("conform")


@pytest.fixture(scope="module")
def project(folder: Path) -> Path:
    """The project that `--write-graphs` writes."""
    done = call("--write-graphs", str(folder / "graphs"))
    assert done.returncode == 0, done.stderr
    return folder / "graphs" / "langgraph.json"


@pytest.fixture(scope="module")
def sound(folder: Path, project: Path) -> Iterator[Outcome]:
    """What the command says of our own server, which it may kill and restart."""
    server = Server(folder / "data", config=project).start()
    restarted = folder / "restarted.pid"
    restart = f"echo $$ > {restarted}; exec {shlex.join(server.command)}"
    kill = f"kill -9 -$(cat {restarted} || echo {server.running.pid})"
    reports = [f"--{kind}={folder / f'report.{kind}'}" for kind in ("junit", "html")]
    arguments = ["--profile", "full", "--parallel", "8", "--kill", kill, "--restart", restart]
    try:
        yield conform(server.url, folder, *arguments, *reports)
    finally:
        server.kill()
        if restarted.exists():
            os.killpg(int(restarted.read_text()), signal.SIGKILL)


def faults_found(folder: Path, faults: Sequence[Fault], *arguments: str) -> Outcome:
    server = Mutant(folder, faults).start()
    try:
        return conform(server.url, folder, "--profile", "full", "--timeout-s", "5", *arguments)
    finally:
        server.kill()


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Outcome]:
    """What it says of a server that breaks its contract, and of one that misbehaves."""
    folders = [tmp_path_factory.mktemp("mutant") for _ in range(2)]
    of_contract = [fault for fault in FAULTS if fault.name in SHOWN_BY]
    checks = [f"--only={fault.check}" for fault in FAULTS_OF_BEHAVIOUR]
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(faults_found, folders[0], of_contract, *SHOWN, *SOUND)
        two = pool.submit(faults_found, folders[1], FAULTS_OF_BEHAVIOUR, *checks)
        return one.result(), two.result()


def test_the_written_graphs_are_served_and_take_their_parts(sound: Outcome) -> None:
    assert set(sound.told["graphs"].values()) == GRAPHS
    assert set(sound.told["graphs"]) == {"echo", "ask", "slow", "fail"}


def test_our_server_passes_every_check(sound: Outcome) -> None:
    failed = [one for one in sound.told["results"] if one["verdict"] == "fail"]
    assert failed == []
    assert sound.status == 0, sound.printed


def test_nothing_is_left_out_that_can_be_asked(sound: Outcome) -> None:
    verdicts = sound.verdicts
    left = [one for one, verdict in verdicts.items() if verdict == "not applicable"]
    assert {one.partition("/")[0] for one in left} <= {"contract", "refusals"}
    paths = {one.partition(" ")[2] for one in left if one.startswith("contract/")}
    assert paths - UNASKED == set()


def test_a_killed_server_is_part_of_it(sound: Outcome) -> None:
    assert sound.verdicts["crash/runs survive a crash"] == "pass"
    assert sound.verdicts["crash/what was stored survives a crash"] == "pass"


def test_checks_leave_nothing_behind(folder: Path, project: Path, sound: Outcome) -> None:
    server = Server(folder / "data", config=project).start()
    try:
        assistants = server.post("/assistants/search", {"limit": 100}).json()
        assert {one["metadata"].get("created_by") for one in assistants} == {"system"}
        assert server.post("/threads/count", {}).json() == 0
        assert server.post("/runs/crons/count", {}).json() == 0
        assert server.post("/store/items/search", {"namespace_prefix": []}).json()["items"] == []
    finally:
        server.kill()


def test_the_junit_report_counts_what_it_holds(folder: Path, sound: Outcome) -> None:
    root = ElementTree.parse(folder / "report.junit").getroot()
    assert root.tag == "testsuites"
    assert int(root.attrib["tests"]) == len(sound.verdicts) == len(root.findall("*/testcase"))
    for suite in root:
        assert suite.tag == "testsuite"
        cases = suite.findall("testcase")
        assert int(suite.attrib["tests"]) == len(cases)
        assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure"))
        assert int(suite.attrib["skipped"]) == len(suite.findall("testcase/skipped"))
        assert all({"name", "classname", "time"} <= case.attrib.keys() for case in cases)


def test_the_json_report_has_every_result_once(sound: Outcome) -> None:
    results = sound.told["results"]
    assert len(sound.verdicts) == len(results)
    assert {one["verdict"] for one in results} <= VERDICTS
    assert all(one["sentence"].endswith(".") for one in results)
    counts = sound.told["counts"]
    assert counts["fail"] == 0 and sum(counts.values()) == len(results)


class Page(HTMLParser):
    """What a page shows and what it would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href") and not (value or "").startswith("#"):
                self.fetched.append(str(value))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_needs_nothing_else(folder: Path, sound: Outcome) -> None:
    page = Page()
    page.feed((folder / "report.html").read_text())
    assert page.open == [] and page.fetched == []
    assert all(one["name"] in page.text for one in sound.told["results"])


@pytest.mark.parametrize("name", SHOWN_BY)
def test_a_fault_against_the_contract_is_found(name: str, broken: tuple[Outcome, Outcome]) -> None:
    assert broken[0].verdicts[SHOWN_BY[name]] == "fail"
    assert broken[0].status == 1


@pytest.mark.parametrize("fault", FAULTS_OF_BEHAVIOUR, ids=lambda fault: fault.name)
def test_misbehaviour_is_found(fault: Fault, broken: tuple[Outcome, Outcome]) -> None:
    found = next(one for one in broken[1].told["results"] if one["id"] == fault.check)
    assert found["verdict"] == "fail"
    assert found["reasons"] and found["evidence"][-1]["request"]


def test_operations_without_fault_still_pass(broken: tuple[Outcome, Outcome]) -> None:
    verdicts = broken[0].verdicts
    assert verdicts["contract/POST /store/items/search"] == "pass"
    assert verdicts["refusals/PATCH /threads/{thread_id}"] == "pass"


def test_a_server_that_is_not_there_is_told_by_the_status() -> None:
    done = call(f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 2
    assert "cannot be reached" in done.stderr


def test_a_server_is_judged_by_its_own_document(server: Server, folder: Path) -> None:
    chosen = ["--only", "contract/GET /info", "--only", "refusals/GET /threads/*"]
    outcome = conform(server.url, folder, "--contract", "own", *chosen)
    assert outcome.status == 0, outcome.printed
    assert outcome.verdicts["contract/GET /info"] == "pass"
    assert {one.partition("/")[0] for one in outcome.verdicts} == {"contract", "refusals"}


def test_graphs_are_never_written_over_others(project: Path) -> None:
    done = call("--write-graphs", str(project.parent))
    assert done.returncode == 3
    assert "langgraph.json is there already" in done.stderr
