"""`graphstead dev` as a newcomer meets it: real processes, real folders."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from ports import free_port
from servers import EXAMPLES, Server, broken_off, until_true

MakeServer = Callable[..., Server]
DEV = [sys.executable, "-m", "graphstead", "dev"]
ECHO = {"assistant_id": "echo", "input": {"message": "hi"}}


def run_dev(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEV, "--no-reload", "--no-browser", *args],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def replies(server: Server, graph_id: str, text: str) -> bool:
    body = {"assistant_id": graph_id, "input": {"message": "hi"}}
    try:
        return text in server.post("/runs/wait", body).text
    except httpx.TransportError:
        return False


def test_the_greeting_is_short_and_its_curl_line_works(make_server: MakeServer) -> None:
    server = make_server()
    until_true(lambda: "curl" in server.log)
    lines = server.log.splitlines()
    assert len([line for line in lines if " request " not in line]) <= 12
    assert str(server.database) in server.log
    assert f"{server.url}/docs" in server.log
    curl = next(line for line in lines if "curl" in line).partition("curl")[2]
    answer = subprocess.check_output(f"curl {curl}", shell=True, timeout=60)
    assert json.loads(answer)["reply"] == "hi"


def test_a_request_is_one_log_line_without_its_query(make_server: MakeServer) -> None:
    server = make_server(env={"LOG_JSON": "true"})
    server.get("/threads/00000000-0000-7000-8000-000000000000?select=secret")
    server.post("/runs/wait", ECHO)
    until_true(lambda: sum('"event":"request"' in line for line in server.lines) == 2)
    lines = [json.loads(line) for line in server.lines if line.startswith("{")]
    first, second = [line for line in lines if line["event"] == "request"]
    assert (first["level"], first["status"]) == ("warning", 404)
    assert (second["level"], second["path"]) == ("info", "/runs/wait")
    assert second["latency_ms"] > 0
    assert second["request_id"] and second["run_id"]
    assert "secret" not in server.log


def test_a_taken_port_is_named_with_the_next_free_one(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run_dev("--config", str(EXAMPLES), "--port", str(port), cwd=tmp_path)
    assert done.returncode == 1
    assert f"Port {port} is taken" in done.stderr
    assert "try --port " in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_empty_folder_gets_a_graph_that_is_served(
    make_server: MakeServer, tmp_path: Path
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    server = make_server(config=folder / "langgraph.json")
    made = {path.name for path in folder.iterdir()} - {"__pycache__"}
    assert made == {"agent.py", "langgraph.json"}
    assert replies(server, "agent", "Hello! You wrote: hi")


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    done = run_dev(cwd=tmp_path)
    assert done.returncode == 3
    assert "There is no langgraph.json" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_every_fault_of_a_project_is_listed_and_nothing_listens(tmp_path: Path) -> None:
    graphs = {"one": "./missing.py:graph", "two": "./broken.py:graph"}
    (tmp_path / "langgraph.json").write_text(json.dumps({"dependencies": ["."], "graphs": graphs}))
    (tmp_path / "broken.py").write_text("graph = 1 / 0\n")
    done = run_dev("--port", str(free_port()), cwd=tmp_path)
    assert done.returncode == 3
    assert "graphstead cannot start:" in done.stderr
    assert "Graph 'one'" in done.stderr
    assert "broken.py" in done.stderr and "line 1" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_setting_is_a_start_up_fault(tmp_path: Path) -> None:
    done = run_dev("--config", str(EXAMPLES), "--port", "70000", cwd=tmp_path)
    assert done.returncode == 3
    assert "port: " in done.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--tunnel"], "tunnel of your own"),
        (["--wait-for-client"], "needs --debug-port"),
        (["--ssl-keyfile", str(EXAMPLES)], "need each other"),
    ],
)
def test_flags_that_cannot_be_honoured_are_refused(
    flags: list[str], words: str, tmp_path: Path
) -> None:
    done = run_dev("--config", str(EXAMPLES), *flags, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr


def test_data_survives_a_stop_and_a_crash(make_server: MakeServer) -> None:
    server = make_server()
    thread_id = server.post("/threads", {"metadata": {"kept": True}}).json()["thread_id"]
    server.restart()
    assert server.get(f"/threads/{thread_id}").json()["metadata"]["kept"] is True
    server.restart(kill=True)
    assert server.get(f"/threads/{thread_id}").json()["metadata"]["kept"] is True


def test_data_lies_beside_langgraph_json_by_default(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    port = free_port()
    process = subprocess.Popen(
        [*DEV, "--no-reload", "--no-browser", "--port", str(port)],
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    until_true(lambda: listens(port))
    assert (folder / ".graphstead" / "graphstead.sqlite3").exists()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0


def test_a_stop_ends_an_open_stream_long_before_its_run(make_server: MakeServer) -> None:
    # Were it not told to, the stream would end after the time that requests get.
    server = make_server(env={"GRAPHSTEAD_DRAIN_S": "30"})
    body = {
        "assistant_id": "slow",
        "input": {"steps": 600, "sleep_s": 0.1},
        "stream_mode": "custom",
    }
    with httpx.stream("POST", f"{server.url}/runs/stream", json=body, timeout=60) as stream:
        assert broken_off(stream, server).endswith("\r\n\r\n")
    assert server.stop() == 0


def reloading_project(folder: Path, reply: str) -> Path:
    folder.mkdir(exist_ok=True)
    config = {"dependencies": ["."], "graphs": {"agent": "./agent.py:graph"}}
    (folder / "langgraph.json").write_text(json.dumps(config))
    write_agent(folder, reply)
    return folder / "langgraph.json"


def write_agent(folder: Path, reply: str) -> None:
    source = (EXAMPLES.parent / "graphs" / "echo.py").read_text()
    save(folder / "agent.py", source.replace('state.get("message")', repr(reply)))


def save(path: Path, text: str) -> None:
    """Change a file at once: seen half written, it would make for a restart of its own."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


@pytest.fixture
def reloading(tmp_path: Path) -> Server:
    return Server(tmp_path / "data", config=reloading_project(tmp_path / "project", "first"))


# It starts four servers, one after the other.
@pytest.mark.timeout(300)
def test_a_changed_graph_is_served_without_a_restart(reloading: Server, tmp_path: Path) -> None:
    reloading.command.remove("--no-reload")
    reloading.start()
    try:
        thread_id = reloading.post("/threads", {}).json()["thread_id"]
        assert replies(reloading, "agent", "first")
        write_agent(tmp_path / "project", "second")
        until_true(lambda: replies(reloading, "agent", "second"))
        assert reloading.get(f"/threads/{thread_id}").status_code == 200
        save(tmp_path / "project" / "agent.py", "def half(")
        until_true(lambda: "starts again at the next change" in reloading.log)
        write_agent(tmp_path / "project", "third")
        until_true(lambda: replies(reloading, "agent", "third"))
        assert reloading.stop() == 0
    finally:
        reloading.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends orphans")
def test_the_server_goes_down_with_a_killed_parent(reloading: Server) -> None:
    reloading.command.remove("--no-reload")
    reloading.start()
    os.kill(reloading.running.pid, signal.SIGKILL)
    reloading.running.wait(60)
    until_true(lambda: not replies(reloading, "agent", "first"))


def test_https_is_served_with_a_certificate_of_ones_own(
    make_server: MakeServer, tmp_path: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subject = [
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*request, *subject, *files], check=True, capture_output=True, timeout=60)
    flags = ["--ssl-certfile", str(certificate), "--ssl-keyfile", str(key)]
    server = make_server(*flags, start=False)
    server.start(wait=False)
    until_true(lambda: "https://" in server.log)
    url = f"https://127.0.0.1:{server.port}"
    trusted = ssl.create_default_context(cafile=str(certificate))
    with httpx.Client(base_url=url, verify=trusted, timeout=60) as client:
        assert client.post("/runs/wait", json=ECHO).json()["reply"] == "hi"
        stream = client.post("/runs/stream", json={**ECHO, "stream_mode": "values"})
        assert "event: values" in stream.text
    assert f"API   {url}" in server.log
