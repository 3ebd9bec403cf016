"""Run Schemathesis as its users do, by its command, and read the report it writes."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auth.conftest import make_key
from conformance.refusals import KEY_VARIABLE
from servers import ROOT, Server

UNIT_PHASES = ("examples", "coverage", "fuzzing")
PHASES = (*UNIT_PHASES, "stateful")
TIMEOUT_S = 840
SEQUENCES = 160
# An answer that depends on when it was asked for ends a suite early; others go on elsewhere.
SEEDS = (1, 2, 3, 4)
# No run takes longer than this; all example graphs but two end in milliseconds.
SHORT = {
    "GRAPHSTEAD_BG_JOB_TIMEOUT_S": "5",
    "GRAPHSTEAD_LOG_COLOR": "false",
    "GRAPHSTEAD_DEFAULT_A2A_ASSISTANT_ID": "chat",
}
NOTHING: Mapping[str, str] = {}
ERROR_LINE = re.compile(r"\d\d:\d\d:\d\d (error|critical)")
COMMAND = Path(sys.executable).with_name("schemathesis")


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, as they were on the wire."""

    phase: str
    operation: str
    mode: str
    method: str
    url: str
    request_headers: Mapping[str, str]
    request_body: bytes
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Outcome:
    """What one or more runs of Schemathesis found, by operation (``GET /path``)."""

    failures: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    details: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    exchanges: list[Exchange] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    cases: int = 0

    def add(self, other: Outcome) -> None:
        for operation, checks in other.failures.items():
            self.failures[operation] |= checks
            self.details[operation] += other.details[operation]
        self.exchanges += other.exchanges
        self.errors += other.errors
        self.logged += other.logged
        self.cases += other.cases

    def statuses(self, operation: str, phases: Iterable[str] = PHASES) -> set[int]:
        """Return every status that an operation was seen to answer in these phases."""
        wanted = set(phases)
        return {
            one.status
            for one in self.exchanges
            if one.operation == operation and one.phase in wanted
        }


def fuzz(
    url: str,
    report: Path,
    *,
    schema: str = "",
    operation_ids: Sequence[str] = (),
    phases: Sequence[str] = PHASES,
    max_examples: int | None = None,
    mode: str = "all",
    key: str = "",
    seed: int | None = None,
) -> Outcome:
    """Run Schemathesis against a server; the report goes to a new file below `report`.

    With `key` every request shows it.
    """
    command = [str(COMMAND), "--config-file", str(ROOT / "schemathesis.toml"), "run"]
    command += [schema or f"{url}/openapi.json", "--url", url, "--phases", ",".join(phases)]
    command += ["--report", "ndjson", "--report-ndjson-path", str(report), "--no-color"]
    command += ["--mode", mode]
    for operation_id in operation_ids:
        command += ["--include-operation-id", operation_id]
    if key:
        command += ["--header", f"X-Api-Key: {key}"]
    if max_examples is not None:
        command += ["--max-examples", str(max_examples)]
    if seed is not None:
        command += ["--seed", str(seed)]
    env = {**os.environ, KEY_VARIABLE: key}
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    if done.returncode not in (0, 1) or not report.exists():
        raise RuntimeError(f"schemathesis ended with {done.returncode}:\n{done.stdout[-4000:]}")
    outcome = read_report(report)
    if done.returncode == 1 and not outcome.failures and not outcome.errors:
        outcome.errors.append(done.stdout[-4000:])
    return outcome


def fuzz_all(folder: Path, operation_ids: Sequence[str]) -> Outcome:
    """Try every operation in every phase, two runs at a time, each with its own server."""
    with ThreadPoolExecutor(2) as pool:
        halves = [operation_ids[::2], operation_ids[1::2]]
        parts = [
            pool.submit(fuzz_alone, folder / f"half-{n}", operation_ids=half, phases=UNIT_PHASES)
            for n, half in enumerate(halves)
        ]
        parts += [pool.submit(fuzz_sequences, folder / f"sequences-{seed}", seed) for seed in SEEDS]
        outcome = Outcome()
        for part in parts:
            outcome.add(part.result())
    return outcome


def fuzz_sequences(folder: Path, seed: int) -> Outcome:
    """Try sequences of all operations, in the order that this seed leads to."""
    return fuzz_alone(folder, phases=("stateful",), max_examples=SEQUENCES, seed=seed)


def fuzz_alone(
    folder: Path, *, keyed: bool = False, env: Mapping[str, str] = NOTHING, **options: Any
) -> Outcome:
    """Run Schemathesis on a fresh server, which must log no error of its own.

    With `keyed` the server asks for keys, and Schemathesis has one that may see all rows.
    """
    folder.mkdir()
    auth = {"GRAPHSTEAD_AUTH": "keys"} if keyed else {}
    server = Server(folder / "data", env={**SHORT, **auth, **env}).start()
    key = make_key(server, "fuzzer", permissions=("admin",)) if keyed else ""
    try:
        outcome = fuzz(server.url, folder / "report.ndjson", key=key, **options)
    finally:
        server.kill()
    outcome.logged += [line for line in server.log.splitlines() if is_fault(line)]
    return outcome


def is_fault(line: str) -> bool:
    """Tell whether a log line is about a fault of the server; 501 is none."""
    return ERROR_LINE.match(line) is not None and "status=501" not in line


def read_report(path: Path) -> Outcome:
    """Read the report that `--report ndjson` writes: one event in each line."""
    outcome = Outcome()
    for line in path.read_text().splitlines():
        ((name, event),) = json.loads(line).items()
        if name == "NonFatalError":
            outcome.errors.append(f"{event.get('label')}: {json.dumps(event)[:2000]}")
        elif name == "FatalError":
            outcome.errors.append(json.dumps(event)[:2000])
        elif name == "ScenarioFinished":
            _read_scenario(event, outcome)
    return outcome


def _read_scenario(event: Mapping[str, Any], outcome: Outcome) -> None:
    recorder = event["recorder"]
    for case_id, node in recorder.get("cases", {}).items():
        case = node["value"]
        # A case may use a method that its path does not have; sequences have no one operation.
        sequence = event["phase"] == "stateful"
        operation = f"{case['method']} {case['path']}" if sequence else recorder["label"]
        outcome.cases += 1
        for check in recorder.get("checks", {}).get(case_id, ()):
            if check["status"] != "success":
                outcome.failures[operation].add(check["name"])
                outcome.details[operation].append(_told(case, check))
        interaction = recorder.get("interactions", {}).get(case_id)
        if interaction and interaction.get("response"):
            outcome.exchanges.append(_exchange(event["phase"], operation, case, interaction))


def _told(case: Mapping[str, Any], check: Mapping[str, Any]) -> str:
    sent = {name: case.get(name) for name in ("path_parameters", "query", "headers", "body")}
    failure = (check.get("failure_info") or {}).get("failure", {})
    return f"{check['name']}: {failure.get('title')}: {failure.get('message')}\n  sent {sent}"


def _exchange(
    phase: str, operation: str, case: Mapping[str, Any], interaction: Mapping[str, Any]
) -> Exchange:
    request, response = interaction["request"], interaction["response"]
    meta = case.get("meta") or {}
    return Exchange(
        phase=phase,
        operation=operation,
        mode=meta.get("generation", {}).get("mode", ""),
        method=request["method"],
        url=request["uri"],
        request_headers=dict(_flat(request["headers"])),
        request_body=_content(request.get("body")),
        status=response["status_code"],
        headers=dict(_flat(response["headers"])),
        body=_content(response.get("content")),
    )


def _flat(headers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, values in headers.items():
        yield name, values if isinstance(values, str) else ", ".join(values)


def _content(sent: Any) -> bytes:
    if isinstance(sent, dict):
        sent = sent.get("$base64", "")
    return base64.b64decode(sent) if sent else b""
