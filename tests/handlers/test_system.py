"""`/ok` and `/info`: what they say is so."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from servers import Server, until_true

from graphstead.engine.system import System
from graphstead.problems import ServerError
from graphstead.storage.sqlite import open_sqlite


def test_the_probe_tells_that_the_database_is_healthy(server: Server) -> None:
    assert server.get("/ok?check_db=1").json() == {"ok": True, "services": {"database": "healthy"}}
    assert server.get("/ok").json() == {"ok": True, "services": {}}


def test_a_database_that_somebody_locks_is_unavailable_until_it_is_free(
    make_server: Callable[..., Server],
) -> None:
    server = make_server()
    other = sqlite3.connect(server.database, isolation_level=None)
    other.execute("begin exclusive")
    answer = server.get("/ok?check_db=1")
    assert answer.status_code == 503
    assert "unhealthy" in answer.json()["detail"]
    assert int(answer.headers["retry-after"]) > 0
    assert server.get("/ok").status_code == 200
    other.execute("rollback")
    other.close()
    until_true(lambda: server.get("/ok?check_db=1").status_code == 200)


async def test_a_damaged_database_is_a_server_error(tmp_path: Path) -> None:
    storage = open_sqlite(tmp_path / "rows.sqlite3", readers=1)
    for part in tmp_path.glob("rows.sqlite3*"):
        if part.is_file() and part.suffix != ".gate" and not part.name.endswith("-shm"):
            size = part.stat().st_size
            with part.open("r+b") as file:
                file.write(b"\x5a" * size)
    with pytest.raises(ServerError, match="unhealthy"):
        await System(storage, {}, {}).health(check_db=True)
    storage.close()


def test_info_names_the_parts_that_this_server_has(server: Server) -> None:
    told = server.get("/info").json()
    assert set(told) >= {"version", "langgraph_py_version", "flags", "host", "capabilities"}
    assert told["host"]["kind"] == "self-hosted"
    found = told["capabilities"]
    assert found["backend"] == "sqlite"
    assert re.fullmatch("[0-9a-f]{16}", found["contract"])
    assert (found["webhooks"], found["store_index"], found["auth"]) == (True, False, False)
    table = {row["path"]: row["support"] for row in _routes(server)}
    assert found["mcp"] is (table["/mcp"] == "full")
    assert found["a2a"] is (table["/a2a/{assistant_id}"] == "full")


def test_the_contract_has_one_fingerprint_wherever_it_is_told(server: Server) -> None:
    pin = server.get("/info").json()["capabilities"]["contract"]
    assert f"Contract {pin}." in server.get("/llms.txt").text
    assert f"contract `{pin}`" in server.get("/skills/agent-server/SKILL.md").text
    own = server.get("/assistants/echo/openapi.json").json()
    assert own["x-graphstead-assistant"]["contract"] == pin


def _routes(server: Server) -> list[dict[str, str]]:
    paths = server.get("/openapi.json").json()["paths"]
    return [
        {"path": path, "support": item["post"].get("x-graphstead-support", "full")}
        for path, item in paths.items()
        if "post" in item
    ]
