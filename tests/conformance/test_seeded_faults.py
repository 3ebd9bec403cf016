"""The suite notices what it is there to notice: each fault sown is found by the right check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from conformance.fuzzing import UNIT_PHASES, Outcome, fuzz
from conformance.mutants import FAULTS, FAULTS_OF_SEQUENCES, Fault, Mutant
from servers import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PUBLISHED = str(ROOT / "spec" / "openapi.json")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Outcome]:
    """What the suite says of a server with all faults of requests, and of one with the others."""
    folders = [tmp_path_factory.mktemp("mutant") for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        outcomes = pool.map(lambda judge, folder: judge(folder), (requests, sequences), folders)
        return next(outcomes), next(outcomes)


def requests(folder: Path) -> Outcome:
    """Try the operations that have a fault, each by itself."""
    operation_ids = sorted({fault.operation_id for fault in FAULTS})
    with serving(folder, FAULTS) as url:
        return fuzz(
            url,
            folder / "report.ndjson",
            schema=PUBLISHED,
            operation_ids=operation_ids,
            phases=UNIT_PHASES,
            max_examples=5,
        )


def sequences(folder: Path) -> Outcome:
    """Try sequences of the few operations that lead to each fault."""
    outcome = Outcome()
    with serving(folder, FAULTS_OF_SEQUENCES) as url:
        for fault in FAULTS_OF_SEQUENCES:
            report = folder / f"{fault.check}.ndjson"
            steps = [*fault.with_steps, fault.operation_id]
            outcome.add(
                fuzz(
                    url,
                    report,
                    schema=PUBLISHED,
                    operation_ids=steps,
                    phases=("stateful",),
                    max_examples=100,
                    mode="positive",
                )
            )
    return outcome


@contextmanager
def serving(folder: Path, faults: Iterable[Fault]) -> Iterator[str]:
    """Run a mutant; yield its URL."""
    server = Mutant(folder, faults).start()
    try:
        yield server.url
    finally:
        server.kill()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_sown_fault_is_found(fault: Fault, found: tuple[Outcome, Outcome]) -> None:
    assert fault.check in found[0].failures[fault.operation]


@pytest.mark.parametrize("fault", FAULTS_OF_SEQUENCES, ids=lambda fault: fault.name)
def test_a_fault_of_sequences_is_found(fault: Fault, found: tuple[Outcome, Outcome]) -> None:
    assert fault.check in found[1].failures[fault.operation]
