"""The suite notices what it is there to notice: each fault sown is found by the right check."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from conformance.fuzzing import UNIT_PHASES, Outcome, fuzz
from conformance.mutants import FAULTS, FAULTS_OF_SEQUENCES, Fault
from servers import ROOT, Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PUBLISHED = str(ROOT / "spec" / "openapi.json")


class Mutant(Server):
    """A server process with faults."""

    def __init__(self, folder: Path, faults: Iterable[Fault]) -> None:
        paths = [str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
        super().__init__(folder / "data", env={"PYTHONPATH": os.pathsep.join(filter(None, paths))})
        names = [fault.name for fault in faults]
        self.command = [sys.executable, "-m", "conformance.mutants", str(self.port)]
        self.command += [str(self.data_dir), *names]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What the suite says of a server with all faults that single requests show."""
    folder = tmp_path_factory.mktemp("mutant")
    server = Mutant(folder, FAULTS).start()
    wanted = sorted({fault.operation_id for fault in FAULTS})
    try:
        return fuzz(
            server.url,
            folder / "report.ndjson",
            schema=PUBLISHED,
            operation_ids=wanted,
            phases=UNIT_PHASES,
            max_examples=5,
        )
    finally:
        server.kill()


@pytest.fixture(scope="module")
def found_in_sequences(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What it says of one whose faults only sequences of requests show."""
    folder = tmp_path_factory.mktemp("mutant")
    server = Mutant(folder, FAULTS_OF_SEQUENCES).start()
    outcome = Outcome()
    try:
        for fault in FAULTS_OF_SEQUENCES:
            outcome.add(
                fuzz(
                    server.url,
                    folder / f"{fault.check}.ndjson",
                    schema=PUBLISHED,
                    operation_ids=[*fault.with_steps, fault.operation_id],
                    phases=("stateful",),
                )
            )
    finally:
        server.kill()
    return outcome


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_sown_fault_is_found(fault: Fault, found: Outcome) -> None:
    assert fault.check in found.failures[fault.operation]


@pytest.mark.parametrize("fault", FAULTS_OF_SEQUENCES, ids=lambda fault: fault.name)
def test_a_fault_of_sequences_is_found(fault: Fault, found_in_sequences: Outcome) -> None:
    assert fault.check in found_in_sequences.failures[fault.operation]
