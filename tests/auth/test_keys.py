"""Keys of this server: made on the command line, shown by callers, ended at once."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest
from auth.conftest import by_key, keys, make_key
from auth.estate import CLIENT, Person
from langgraph_sdk import get_sync_client
from servers import Server, until_true

from graphstead.engine.keys import KNOWN_FOR_S


def told(server: Server, token: str) -> dict[str, Any]:
    """Return what `keys list` says of a key."""
    rows = map(json.loads, keys(server, "list", "--json").splitlines())
    return next(row for row in rows if token.startswith(row["key"]))


def last_used(server: Server, token: str) -> int | None:
    with closing(sqlite3.connect(server.database)) as file:
        query = "select last_used_ms from api_keys where key_id = ?"
        (found,) = file.execute(query, (token.split("_")[1],)).fetchone()
    return found  # type: ignore[no-any-return]


def status(server: Server, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return CLIENT.post(f"{server.url}/threads/search", json={}, headers=headers).status_code


def test_the_sdk_sends_a_key_and_finds_its_own_rows(keyed: Server) -> None:
    ada, bob = (
        get_sync_client(url=keyed.url, api_key=make_key(keyed, name)) for name in ("ada", "bob")
    )
    with ada, bob:
        thread = ada.threads.create(metadata={"place": "sdk", "owner": "bob"})
        assert thread["metadata"] == {"place": "sdk", "owner": "ada"}
        assert [one["thread_id"] for one in ada.threads.search(metadata={"place": "sdk"})] == [
            thread["thread_id"]
        ]
        assert bob.threads.search(metadata={"place": "sdk"}) == []
        output = ada.runs.wait(None, "echo", input={"message": "hi"})
        assert output == {"message": "hi", "reply": "hi"}


def test_a_key_is_stored_as_a_hash_and_shown_by_its_beginning(keyed: Server) -> None:
    more = ("--name", "laptop", "--permissions", "read,write")
    token = keys(keyed, "create", "--identity", "ada", *more).strip()
    secret = token.split("_", 2)[2]
    row = told(keyed, token)

    assert row["key"] == token[:12] and row["state"] == "active"
    assert (row["identity"], row["name"], row["permissions"]) == (
        "ada",
        "laptop",
        ["read", "write"],
    )
    assert secret not in keys(keyed, "list") + keys(keyed, "list", "--json")
    for name in ("graphstead.sqlite3", "graphstead.sqlite3-wal"):
        assert secret.encode() not in (keyed.data_dir / name).read_bytes()


def test_a_revoked_key_is_refused_within_a_second(keyed: Server) -> None:
    token = make_key(keyed, "ada")
    assert status(keyed, token) == 200
    assert "ended" in keys(keyed, "revoke", token[:12])
    # How long the answer takes to come here is no matter of the server alone.
    assert KNOWN_FOR_S < 1
    until_true(lambda: status(keyed, token) == 401)
    assert told(keyed, token)["state"] == "revoked"


def test_a_key_ends_when_its_days_are_over(keyed: Server) -> None:
    brief = make_key(keyed, "ada", expires_days=0.00001)
    lasting = make_key(keyed, "ada", expires_days=1)
    until_true(lambda: status(keyed, brief) == 401)
    assert status(keyed, lasting) == 200
    assert told(keyed, brief)["state"] == "expired"


def test_the_last_use_of_a_key_is_noted_but_not_with_each_request(keyed: Server) -> None:
    token = make_key(keyed, "ada")
    assert last_used(keyed, token) is None
    assert status(keyed, token) == 200
    first = last_used(keyed, token)
    assert first is not None
    assert status(keyed, token) == status(keyed, token) == 200
    assert last_used(keyed, token) == first


@pytest.mark.parametrize("change", ["secret", "id", "none", "other"])
def test_what_only_looks_like_a_key_is_refused(change: str, keyed: Server) -> None:
    prefix, key_id, secret = make_key(keyed, "ada").split("_", 2)
    wrong = {
        "secret": f"{prefix}_{key_id}_{secret[:-1]}{'A' if secret[-1] != 'A' else 'B'}",
        "id": f"{prefix}_00000000_{secret}",
        "none": f"{prefix}_{key_id}_",
        "other": "lsv2_pt_1234",
    }
    assert status(keyed, wrong[change]) == 401


def test_an_admin_sees_every_row(keyed: Server) -> None:
    mark = {"mark": uuid4().hex}
    owner, admin = by_key(keyed, "ada"), by_key(keyed, "root", "admin")
    made = owner.call(keyed, "POST", "/threads", {"metadata": mark}).json()
    found = admin.call(keyed, "POST", "/threads/search", {"metadata": mark}).json()
    assert [row["thread_id"] for row in found] == [made["thread_id"]]


def test_graphs_own_assistants_can_be_read_by_all_and_changed_by_nobody(keyed: Server) -> None:
    ada = by_key(keyed, "ada")
    echo = ada.call(keyed, "GET", "/assistants/echo")
    forged = {"graph_id": "echo", "metadata": {"created_by": "system"}}

    assert echo.status_code == 200
    path = f"/assistants/{echo.json()['assistant_id']}"
    assert ada.call(keyed, "PATCH", path, {"name": "mine"}).status_code == 404
    assert ada.call(keyed, "DELETE", path).status_code == 404
    assert ada.call(keyed, "POST", "/assistants", forged).status_code == 403


def test_items_of_an_identity_with_dots_stay_its_own(keyed: Server) -> None:
    people = [by_key(keyed, "ada@example.com"), by_key(keyed, "ada@example")]
    item = {"namespace": ["com"], "key": "k", "value": {"n": 1}}
    assert people[0].call(keyed, "PUT", "/store/items", item).status_code == 204
    namespaces = [
        person.call(keyed, "POST", "/store/namespaces", {}).json()["namespaces"]
        for person in people
    ]
    assert namespaces == [[["ada@example%2Ecom", "com"]], []]


def test_a_graph_knows_the_identity_of_the_key(keyed: Server) -> None:
    ada = by_key(keyed, "ada", "p")
    thread_id = ada.call(keyed, "POST", "/threads", {}).json()["thread_id"]
    path = f"/threads/{thread_id}/runs"
    run = ada.call(keyed, "POST", path, {"assistant_id": "echo", "input": {}}).json()
    seen = run["kwargs"]["config"]["configurable"]
    assert seen["langgraph_auth_user_id"] == seen["user_id"] == "ada"
    assert seen["langgraph_auth_permissions"] == ["p"]
    assert "langgraph_auth_user" not in run["kwargs"]["context"]


def test_studio_needs_a_key_like_everybody(keyed: Server) -> None:
    studio = Person("", {"x-auth-scheme": "langsmith"})
    assert studio.call(keyed, "POST", "/threads/search", {}).status_code == 401


def test_the_document_asks_for_a_key(keyed: Server) -> None:
    document = keyed.get("/openapi.json").json()
    assert document["security"] == [{"ApiKey": []}, {"Bearer": []}]
