"""An nginx of the test's own before several API processes, set up as docs/reliability.md says."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from ports import free_port

CONFIG = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log warn;
{user}
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream api {{
        {servers}
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://api;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_buffering off;
            proxy_read_timeout 1h;
            proxy_next_upstream error timeout http_503;
        }}
    }}
}}
"""


@contextmanager
def behind_nginx(urls: Sequence[str], folder: Path) -> Iterator[str]:
    """Serve these servers under one address, which is yielded."""
    program = shutil.which("nginx")
    assert program, "nginx is needed for this test (scripts/proxy)"
    folder.mkdir()
    port = free_port()
    places = (url.removeprefix("http://") for url in urls)
    servers = "\n        ".join(f"server {place} max_fails=0;" for place in places)
    user = "user root;" if Path("/root").owner() == folder.owner() else ""
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, servers=servers, user=user))
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(config)])
    try:
        yield _answering(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(20)


def _answering(url: str) -> str:
    until_s = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"{url}/ok", timeout=5).raise_for_status()
            return url
        except httpx.HTTPError:
            assert time.monotonic() < until_s
            time.sleep(0.05)
