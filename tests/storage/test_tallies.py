"""Figures of several processes: they add up, and what dead ones counted counts once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from faults.blows import fill
from faults.storm import mounted

from graphstead.storage.tallies import SharedTallies

NAME = "graphstead_run_retries_total"
# Counts three, writes, and dies without a word while its file is complete.
DYING = """
import os, sys
from pathlib import Path
from graphstead.figures import FIGURES
from graphstead.storage.tallies import SharedTallies
shared = SharedTallies(Path(sys.argv[1]))
shared.start()
FIGURES.count("graphstead_run_retries_total", by=3)
FIGURES.raise_level("graphstead_open_streams", 2)
shared.total()
os._exit(1)
"""


def die(folder: Path) -> None:
    command = [sys.executable, "-c", DYING, str(folder)]
    assert subprocess.run(command).returncode == 1


def total(folder: Path) -> tuple[float, float, int]:
    """Start a process's figures here; return retries, streams and living processes."""
    shared = SharedTallies(folder)
    shared.start()
    tally, living = shared.total()
    shared.stop()
    streams = tally.levels.get(("graphstead_open_streams", ()), 0)
    return tally.counts.get((NAME, ()), 0), streams, living


def test_what_a_dead_process_counted_stays_and_what_it_held_goes(tmp_path: Path) -> None:
    die(tmp_path)
    die(tmp_path)
    assert total(tmp_path) == (6, 0, 1)
    assert total(tmp_path) == (6, 0, 1)


def test_a_full_disk_costs_figures_and_no_start(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    assert mounted(folder, megabytes=1), "only root can mount a small file system"
    try:
        die(folder)
        ballast = fill(folder)
        shared = SharedTallies(folder)
        shared.start()
        assert shared.total()[0].counts[(NAME, ())] == 3
        ballast.unlink()
        shared.stop()
        assert total(folder) == (3, 0, 1)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_nothing_counts_twice_when_taking_over_is_cut_short(tmp_path: Path) -> None:
    die(tmp_path)
    left = {path: path.read_bytes() for path in tmp_path.glob("*.*") if path.stem != "past"}
    assert total(tmp_path)[0] == 3
    past = json.loads((tmp_path / "past.json").read_text())
    for path, content in left.items():
        path.write_bytes(content)
    dead = next(path.stem for path in left if path.suffix == ".json")
    past["folded"] = [dead]
    (tmp_path / "past.json").write_text(json.dumps(past))
    assert total(tmp_path)[0] == 3


def test_a_broken_file_spoils_no_other(tmp_path: Path) -> None:
    die(tmp_path)
    (tmp_path / "broken.json").write_text('{"counts": [[')
    (tmp_path / "broken.lock").touch()
    assert total(tmp_path)[0] == 3
