"""Every call shown in the docs runs, and answers what was recorded.

With `GRAPHSTEAD_RECORD=1` the answers are recorded anew in `spec/samples/answers.json`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docs.sample_world import World
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient
from servers import ROOT, Server

from graphstead.contract.load import packaged
from graphstead.derive.catalogue import Entry, catalogue
from graphstead.derive.samples import ADDRESS, Sample, read_answers, read_samples

ENTRIES = {entry.operation_id: entry for entry in catalogue(packaged())}
SAMPLES = read_samples()
ANSWERS = read_answers()
RECORDING = os.environ.get("GRAPHSTEAD_RECORD") == "1"
EVENT = re.compile(r"^event: (.+)$", re.M)
LONGEST = 20_000
NODE_MODULES = ROOT / "tests" / "sdk" / "js" / "node_modules"
RUNNER = """
const [, , ...files] = process.argv;
const told = {};
for (const file of files) {
  const lines = [];
  console.log = (...parts) => lines.push(parts.map((part) => JSON.stringify(part) ?? "").join(" "));
  try {
    await import(file);
    told[file] = { lines };
  } catch (error) {
    told[file] = { lines, error: String(error?.stack ?? error) };
  }
}
process.stdout.write(JSON.stringify(told));
process.exit(0);
"""

each_sample = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES.keys())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    # However long it takes to make the rows of all samples: what ended first can still be heard.
    long = {"GRAPHSTEAD_RESUMABLE_STREAM_TTL_S": "3600"}
    one = Server(tmp_path_factory.mktemp("samples") / "data", env=long).start()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[SyncLangGraphClient]:
    with get_sync_client(url=server.url) as one:
        yield one


@pytest.fixture(scope="module")
def recorded() -> Iterator[dict[str, Any]]:
    fresh: dict[str, Any] = {}
    yield fresh
    if RECORDING:
        kept = {name: fresh.get(name) or ANSWERS.get(name) for name in SAMPLES}
        path = ROOT / "spec" / "samples" / "answers.json"
        path.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", "utf-8")


def brought(sample: Sample, entry: Entry, client: SyncLangGraphClient) -> dict[str, str]:
    """Make the rows a sample needs; return its ids by name."""
    world = World(client, sample.given)
    world.put_item()
    for name in sample.given:
        world.value(name)
    return {name: world.value(name) for name in sample.needs(entry)}


def test_every_operation_that_is_served_has_a_sample() -> None:
    served = {
        name for name, entry in ENTRIES.items() if entry.operation["x-graphstead-support"] == "full"
    }
    assert served - SAMPLES.keys() == set()
    assert SAMPLES.keys() - ENTRIES.keys() == set()


@each_sample
def test_the_curl_call_answers_as_recorded(
    sample: Sample,
    server: Server,
    client: SyncLangGraphClient,
    tmp_path: Path,
    recorded: dict[str, Any],
) -> None:
    entry = ENTRIES[sample.operation_id]
    own = {name.upper(): value for name, value in brought(sample, entry, client).items()}
    command = sample.curl(entry).replace(ADDRESS, server.url)
    taken = "curl -o answer -w '%{http_code} %{content_type}'"
    done = subprocess.run(
        ["sh", "-c", command.replace("curl", taken, 1)],
        cwd=tmp_path,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode in ({0, 28} if sample.max_time_s else {0}), done.stderr
    status, _, media_type = done.stdout.partition(" ")
    answer = read_answer(int(status), media_type, tmp_path / "answer", server.url)
    recorded[sample.operation_id] = answer
    refuses = not any(status.startswith(("1", "2")) for status in entry.operation["responses"])
    assert (answer["status"] >= 400) is refuses, answer
    if not RECORDING:
        assert shape(answer) == shape(ANSWERS[sample.operation_id])


def read_answer(status: int, media_type: str, path: Path, url: str) -> dict[str, Any]:
    """Return an answer in the form it is recorded in; of a long document its beginning."""
    content = path.read_bytes() if path.exists() else b""
    text = content.decode("utf-8", "replace").replace(url, ADDRESS).replace("\r\n", "\n")
    if media_type.startswith("text/event-stream"):
        return {"status": status, "events": text}
    if media_type == "application/json" and len(text) < LONGEST:
        return {"status": status, "body": json.loads(text)}
    return {"status": status, **({"text": text.partition("\n")[0][:80] + " …"} if text else {})}


def shape(answer: Any) -> Any:
    """Return what two answers to the same call have in common: members and kinds of values."""
    if isinstance(answer, dict) and "events" in answer:
        return list(dict.fromkeys(EVENT.findall(answer["events"])))
    if isinstance(answer, dict) and "text" in answer and "status" in answer:
        return answer["status"], answer["text"][:10]
    if isinstance(answer, dict):
        return {name: shape(value) for name, value in answer.items()}
    if isinstance(answer, list):
        return [shape(answer[0])] if answer else []
    return type(answer).__name__


@each_sample
def test_the_python_call_runs(sample: Sample, server: Server, client: SyncLangGraphClient) -> None:
    entry = ENTRIES[sample.operation_id]
    program = sample.python_program().replace(ADDRESS, server.url)
    names: dict[str, Any] = dict(brought(sample, entry, client))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(program, sample.operation_id, "exec"), names)
    if isinstance(names.get("client"), SyncLangGraphClient):
        names["client"].close()
    assert bool(printed.getvalue().strip()) == ("print(" in program)


@pytest.fixture(scope="module")
def told(
    server: Server, client: SyncLangGraphClient, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Run all JavaScript calls in one Node process; return what each printed, by operationId."""
    folder = tmp_path_factory.mktemp("js")
    (folder / "node_modules").symlink_to(NODE_MODULES)
    (folder / "run.mjs").write_text(RUNNER)
    files = [_module(folder, sample, server, client) for sample in SAMPLES.values()]
    command = ["node", "--experimental-websocket", "run.mjs", *map(str, files)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return {Path(name).stem: said for name, said in json.loads(done.stdout).items()}


def _module(folder: Path, sample: Sample, server: Server, client: SyncLangGraphClient) -> Path:
    ids = brought(sample, ENTRIES[sample.operation_id], client)
    own = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in ids.items())
    path = folder / f"{sample.operation_id}.mjs"
    path.write_text(own + sample.javascript_program().replace(ADDRESS, server.url))
    return path


@pytest.mark.timeout(300)
@each_sample
def test_the_javascript_call_runs(sample: Sample, told: dict[str, Any]) -> None:
    said = told[sample.operation_id]
    assert "error" not in said, said["error"]
    assert bool(said["lines"]) == ("console.log" in sample.javascript)
