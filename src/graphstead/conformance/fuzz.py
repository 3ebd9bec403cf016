"""More depth where Schemathesis is installed: requests that nobody thought of."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from graphstead.contract.load import Document, render

__all__ = ["Unfuzzed", "fuzz"]

LIMIT_S = 1800.0
CODE = "from schemathesis.cli import schemathesis; schemathesis()"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
# What a contract says is planned for later is answered 501; a stream may have no end.
CONFIG = """\
continue-on-failure = true
request-timeout = {timeout_s}
max-stream-events = 40

[generation]
max-examples = {examples}
allow-x00 = false
database = "none"

[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "501"]
"""


class Unfuzzed(Exception):
    """There was no fuzzing; the text says why."""


def fuzz(
    base_url: str,
    document: Document,
    headers: Mapping[str, str],
    *,
    timeout_s: float,
    examples: int = 10,
) -> bool:
    """Run Schemathesis against a server, its output to ours; return whether it found nothing.

    It holds answers against the contract, no more: only a server with our hooks could be asked to
    accept what was drawn. Raises Unfuzzed when it is not installed or does not end.
    """
    if importlib.util.find_spec("schemathesis") is None:
        raise Unfuzzed("schemathesis is not installed: pip install schemathesis")
    with tempfile.TemporaryDirectory() as folder:
        config, contract = Path(folder, "schemathesis.toml"), Path(folder, "openapi.json")
        config.write_text(CONFIG.format(timeout_s=timeout_s, examples=examples), "utf-8")
        contract.write_bytes(render(document))
        call = [sys.executable, "-c", CODE, "--config-file", str(config), "run", str(contract)]
        call += ["--url", base_url, "--checks", ",".join(CHECKS)]
        for name, value in headers.items():
            call += ["--header", f"{name}: {value}"]
        try:
            return subprocess.run(call, timeout=LIMIT_S, check=False).returncode == 0
        except subprocess.TimeoutExpired as error:
            raise Unfuzzed(f"schemathesis did not end within {LIMIT_S:g} s") from error
