"""`graphstead doctor` finds what is wrong, says what to do, and changes nothing."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from databases import REDIS, PostgresPlace, check_redis
from ports import free_port
from servers import EXAMPLES, Server

Findings = dict[str, list[dict[str, str]]]
LOADS = re.compile(r" loads in \d+ ms$")


def doctor(*args: str, config: Path = EXAMPLES, code: int = 0, **env: str) -> Findings:
    command = [sys.executable, "-m", "graphstead", "doctor", "--config", str(config), "--json"]
    done = subprocess.run(
        [*command, *args], capture_output=True, text=True, env={**os.environ, **env}
    )
    assert done.returncode == code, done.stdout + done.stderr
    found: Findings = {}
    for line in done.stdout.splitlines():
        told = json.loads(line)
        assert (told["level"] == "ok") is (told["cure"] == "")
        found.setdefault(told["check"], []).append(told)
    return found


def levels(found: Findings) -> set[str]:
    """Return what levels there are; a graph that loads slowly on a busy machine is well."""
    return {
        "ok" if LOADS.search(one["text"]) else one["level"]
        for many in found.values()
        for one in many
    }


def data(tmp_path: Path) -> list[str]:
    return ["--data", str(tmp_path / "data"), "--port", str(free_port())]


def test_a_served_project_is_well_and_the_port_is_known_to_be_ours(
    make_server: Callable[..., Server],
) -> None:
    server = make_server()
    server.post("/runs/wait", {"assistant_id": "echo", "input": {"message": "hi"}})
    found = doctor("--data", str(server.data_dir), "--port", str(server.port))
    assert levels(found) == {"ok"}
    assert "served by graphstead" in found["port"][0]["text"]
    assert "0 running, 0 pending" in found["queue"][0]["text"]
    assert "quick_check finds nothing" in found["integrity"][0]["text"]
    assert set(found) >= {"versions", "config", "contract", "graph echo", "schema", "disk", "clock"}


def test_before_the_first_start_nothing_is_made(tmp_path: Path) -> None:
    found = doctor(*data(tmp_path))
    assert levels(found) == {"ok"}
    assert not (tmp_path / "data").exists()


def test_a_graph_that_fails_is_named_with_its_line_and_the_others_are_looked_at(
    tmp_path: Path,
) -> None:
    (tmp_path / "bad.py").write_text("x = 1\ngraph = missing\n")
    graphs: dict[str, Any] = {
        "bad": "./bad.py:graph",
        "echo": f"{EXAMPLES.parent}/graphs/echo.py:graph",
    }
    config = tmp_path / "langgraph.json"
    config.write_text(json.dumps({"dependencies": ["."], "graphs": graphs, "nonsense": 1}))
    found = doctor(*data(tmp_path), config=config, code=1)
    (bad,) = found["graph bad"]
    assert bad["level"] == "fail"
    assert "bad.py line 2" in bad["text"]
    assert LOADS.search(found["graph echo"][0]["text"])
    assert any("nonsense" in one["text"] for one in found["config"])


def test_variables_that_do_nothing_are_named(tmp_path: Path) -> None:
    found = doctor(
        *data(tmp_path),
        GRAPHSTEAD_N_JOB_PER_WORKER="3",
        REDIS_CLUSTER="true",
        REDIS_URI="redis://127.0.0.1",
    )
    texts = {one["text"]: one["cure"] for one in found["environment"]}
    assert texts["GRAPHSTEAD_N_JOB_PER_WORKER is no setting"].startswith(
        "did you mean GRAPHSTEAD_N_JOBS_PER_WORKER"
    )
    assert "REDIS_CLUSTER has no effect here" in texts
    assert found["redis"][0]["text"].startswith("REDIS_URI has no effect here")


def test_a_redis_is_asked_whether_it_answers(tmp_path: Path) -> None:
    place = PostgresPlace()
    check_redis()
    found = doctor(*data(tmp_path), DATABASE_URI=place.uri, REDIS_URI=REDIS)
    assert found["redis"][0]["level"] == "ok"
    nobody = f"redis://me:secret@127.0.0.1:{free_port()}/0"
    (away,) = doctor(*data(tmp_path), DATABASE_URI=place.uri, REDIS_URI=nobody, code=1)["redis"]
    assert away["level"] == "fail" and "Postgres carries events" in away["cure"]
    assert "secret" not in away["text"]
    place.leave()


def test_a_damaged_and_a_foreign_file_fail(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    file = folder / "graphstead.sqlite3"
    file.write_bytes(b"this is no database" * 100)
    assert doctor(*data(tmp_path), code=1)["database"][0]["level"] == "fail"
    file.unlink()
    with sqlite3.connect(file) as other:
        other.execute("create table x (y)")
    other.close()
    assert "another program" in doctor(*data(tmp_path), code=1)["database"][0]["text"]


def test_a_taken_port_fails_with_a_free_one(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        found = doctor("--data", str(tmp_path / "data"), "--port", port, code=1)
    assert "is taken" in found["port"][0]["text"]


def test_runs_nobody_takes_and_dead_webhooks_are_told(
    make_server: Callable[..., Server],
) -> None:
    server = make_server()
    server.stop()
    with sqlite3.connect(server.database) as file:
        file.execute(
            "insert into runs values ('r', 't', 'a', 'pending', '{}', '{}', 'enqueue', '', '',"
            " 1000, 0, 0, 0, 0, null, null, null)"
        )
        file.execute("insert into deliveries values ('r', 'http://x', '{}', 1, null, 8, 'gone')")
    file.close()
    found = doctor("--data", str(server.data_dir), "--port", str(server.port))
    assert "could have begun" in found["queue"][0]["text"]
    assert "1 calls were given up" in found["webhooks"][0]["text"]


def test_people_get_one_line_a_finding_and_the_cure_below(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "graphstead", "doctor", "--config", str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "fail  config: " in done.stdout
    assert "\n      → " in done.stdout
