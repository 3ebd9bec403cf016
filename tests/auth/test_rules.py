"""What the functions of a project's `Auth` answer, and what becomes of it over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from auth.estate import CLIENT
from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.errors import NotFoundError
from servers import Server, until_true

PROJECT = Path(__file__).parent / "scripted" / "langgraph.json"
ECHO = {"assistant_id": "echo", "input": {"message": "hi"}}
MISSING = "019ab3c4-77df-7f02-8b31-6a5c4d3e2f10"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose rules are in the headers of each request."""
    running = Server(tmp_path_factory.mktemp("told") / "data", config=PROJECT).start()
    yield running
    assert running.stop() == 0, running.log


def headers(who: Any = "ada", **rules: Any) -> dict[str, str]:
    """Return headers: rules as `threads_read={...}`."""
    named = {name.replace("_", ".", 1): rule for name, rule in rules.items()}
    return {"x-who": json.dumps(who), "x-rules": json.dumps(named)}


def call(
    server: Server, method: str, path: str, body: Any = None, who: Any = "ada", **rules: Any
) -> httpx.Response:
    options = {} if body is None else {"json": body}
    return CLIENT.request(method, server.url + path, headers=headers(who, **rules), **options)


def new_thread(server: Server, **metadata: Any) -> str:
    thread_id: str = call(server, "POST", "/threads", {"metadata": metadata}).json()["thread_id"]
    return thread_id


def user_seen(server: Server, who: Any) -> dict[str, Any]:
    seen: dict[str, Any] = call(
        server, "POST", "/runs/wait", {"assistant_id": "config", "input": {}}, who=who
    ).json()["seen"]
    return seen


# ---- who calls


@pytest.mark.parametrize(
    ("who", "identity", "permissions"),
    [
        ("ada", "ada", []),
        ("pair", "ada", ["read", "write"]),
        ("object", "ada", ["desk"]),
        ({"members": {"identity": "eve", "permissions": ["p"], "age": 7}}, "eve", ["p"]),
    ],
    ids=["mapping", "pair", "object", "members"],
)
def test_graphs_see_who_runs_them(
    who: Any, identity: str, permissions: list[str], told: Server
) -> None:
    seen = user_seen(told, who)

    assert seen["langgraph_auth_user_id"] == seen["user_id"] == identity
    assert seen["langgraph_auth_permissions"] == permissions
    assert seen["langgraph_auth_user"]["identity"] == identity
    assert seen["langgraph_auth_user"]["is_authenticated"] is True


def test_a_factory_knows_for_whom_it_makes_a_graph(told: Server) -> None:
    body = {"assistant_id": "made", "input": {}}
    assert call(told, "POST", "/runs/wait", body).json() == {"seen": {"identity": "ada"}}


def test_other_members_of_a_user_come_along_where_json_can_tell_them(told: Server) -> None:
    assert user_seen(told, "object")["langgraph_auth_user"]["team"] == "blue"
    assert "lock" not in user_seen(told, "object")["langgraph_auth_user"]


def test_a_rule_sees_the_very_object_that_authenticate_answered(told: Server) -> None:
    answer = call(told, "GET", f"/threads/{MISSING}", who="object", threads_read="room")
    assert answer.status_code == 404


def test_authenticate_gets_what_it_names(told: Server) -> None:
    path = f"/threads/{new_thread(told)}/runs/wait?x=1"
    sent = {**headers("seen"), "authorization": "Bearer t"}
    body = {"assistant_id": "config", "input": {}}
    answer = CLIENT.post(told.url + path, json=body, headers=sent)

    seen = answer.json()["seen"]["langgraph_auth_user"]["seen"]
    thread_id = path.split("/")[2]
    assert seen["path"] == f"/threads/{thread_id}/runs/wait"
    assert (seen["method"], seen["scope"]) == ("POST", "http")
    assert seen["path_params"] == {"thread_id": thread_id}
    assert (seen["query"], seen["authorization"]) == ({"x": "1"}, "Bearer t")
    assert seen["host"] == told.url.removeprefix("http://")


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_refusal_keeps_status_detail_and_headers(status: int, told: Server) -> None:
    answer = call(told, "POST", "/threads/search", {}, who={"status": status})

    assert answer.status_code == status
    assert answer.json()["detail"] == "So be it"
    assert answer.headers["x-reason"] == "told"


@pytest.mark.parametrize(
    ("who", "detail"),
    [
        ("stranger", "show a badge"),
        ("nameless", "Authentication is required, and the key sent is missing or unknown"),
    ],
)
def test_an_assertion_that_fails_refuses_the_caller(who: str, detail: str, told: Server) -> None:
    answer = call(told, "POST", "/threads/search", {}, who=who)

    assert answer.status_code == 401
    assert answer.json()["detail"] == detail


@pytest.mark.parametrize(
    ("who", "logged"),
    [
        ("boom", "the directory is down"),
        ({"members": {"name": "ada"}}, "expected an identity that is text"),
        ({"members": {"identity": 7}}, "expected an identity that is text"),
        ({"members": ""}, "expected an identity that is text"),
        ({"members": None}, "found NoneType"),
    ],
    ids=["raises", "no identity", "number", "empty", "nothing"],
)
def test_a_fault_of_authenticate_is_the_servers(who: Any, logged: str, told: Server) -> None:
    answer = call(told, "POST", "/threads/search", {}, who=who)

    assert answer.status_code == 500
    assert answer.json()["code"] == "rule_failed"
    assert logged not in answer.text
    assert logged in told.log


def test_the_clients_configurable_cannot_pretend(told: Server) -> None:
    body = {
        "assistant_id": "config",
        "input": {},
        "config": {"configurable": {"langgraph_auth_user_id": "root", "user_id": "root"}},
    }
    seen = call(told, "POST", "/runs/wait", body).json()["seen"]
    assert (seen["langgraph_auth_user_id"], seen["user_id"]) == ("ada", "ada")


def test_the_document_tells_of_the_projects_security(told: Server) -> None:
    document = told.get("/openapi.json").json()

    assert document["security"] == [{"Badge": []}]
    assert {"Badge", "ApiKey", "Bearer"} <= document["components"]["securitySchemes"].keys()
    assert document["paths"]["/ok"]["get"]["security"] == [{"Badge": []}]
    assert document["paths"]["/ok"]["get"]["operationId"] == "health_check_ok_get"


# ---- Studio


def test_studio_on_this_machine_is_let_in_by_dev_and_rules_apply(told: Server) -> None:
    thread_id = new_thread(told, owner="ada")
    sent = {"x-auth-scheme": "langsmith", "x-who": '"boom"'}
    answer = CLIENT.get(f"{told.url}/threads/{thread_id}", headers=sent)
    assert answer.status_code == 404


def test_studio_is_kept_out_where_the_setting_says_so(make_server: Any) -> None:
    server = make_server(config=PROJECT, env={"GRAPHSTEAD_STUDIO_AUTH": "false"})
    sent = {"x-auth-scheme": "langsmith", "x-who": '{"status": 401}'}
    assert CLIENT.post(f"{server.url}/threads/search", json={}, headers=sent).status_code == 401


# ---- what a rule answers


@pytest.mark.parametrize(
    ("rule", "status", "detail"),
    [
        ("true", 200, None),
        ("false", 403, "Forbidden"),
        ("assert", 403, "not on a Sunday"),
        ("teapot", 418, "short and stout"),
        ("raise", 500, "The rule for threads.search of this server failed; its log says why"),
        ("text", 500, "The rule for threads.search of this server failed; its log says why"),
        ({}, 200, None),
    ],
    ids=str,
)
def test_a_verdict_becomes_an_answer(
    rule: Any, status: int, detail: str | None, told: Server
) -> None:
    answer = call(told, "POST", "/threads/search", {}, threads_search=rule)

    assert answer.status_code == status
    if detail is not None:
        assert answer.json()["detail"] == detail
    if rule == "teapot":
        assert answer.headers["x-pot"] == "tea"


BROKEN: list[dict[str, Any]] = [
    {"owner": {"$ne": "bob"}},
    {"$not": {"owner": "bob"}},
    {"$or": [{"owner": "ada"}]},
    {"$or": [{"owner": "ada"}, {}]},
    {"$and": {"owner": "ada"}},
    {"$or": [{"$and": [{"a": 1}, {"$or": [{"b": 1}, {"c": 1}]}]}, {"d": 1}]},
]


@pytest.mark.parametrize("rule", BROKEN, ids=str)
def test_a_filter_that_is_not_understood_shows_nothing(rule: Any, told: Server) -> None:
    thread_id = new_thread(told, owner="ada")

    found = call(told, "POST", "/threads/search", {}, threads_search=rule)
    one = call(told, "GET", f"/threads/{thread_id}", threads_read=rule)

    assert (found.status_code, one.status_code) == (500, 500)
    assert thread_id not in found.text + one.text
    assert "a rule answered something unusable" in told.log


FILTERS: list[tuple[dict[str, Any], bool]] = [
    ({"owner": "ada"}, True),
    ({"owner": "bob"}, False),
    ({"owner": {"$eq": "ada"}}, True),
    ({"readers": {"$contains": "bob"}}, True),
    ({"readers": {"$contains": ["eve", "bob"]}}, True),
    ({"readers": {"$contains": ["eve", "zoe"]}}, False),
    ({"owner": {"$contains": "ada"}}, False),
    ({"$or": [{"owner": "bob"}, {"level": 3}]}, True),
    ({"$or": [{"owner": "bob"}, {"level": 4}]}, False),
    ({"$and": [{"owner": "ada"}, {"level": 3}]}, True),
    ({"owner": "ada", "level": 4}, False),
    ({"owner": "ada", "$or": [{"level": 4}, {"readers": {"$contains": "bob"}}]}, True),
    ({"level": True}, False),
    ({"absent": None}, False),
]


@pytest.mark.parametrize(("rule", "admits"), FILTERS, ids=str)
def test_a_filter_admits_the_same_rows_one_by_one_and_in_searches(
    rule: Any, admits: bool, told: Server
) -> None:
    mark = str(rule)
    thread_id = new_thread(told, owner="ada", readers=["bob", "eve"], level=3, mark=mark)
    asked = {"metadata": {"mark": mark}}

    one = call(told, "GET", f"/threads/{thread_id}", threads_read=rule)
    found = call(told, "POST", "/threads/search", asked, threads_search=rule)
    count = call(told, "POST", "/threads/count", asked, threads_search=rule)

    assert one.status_code == (200 if admits else 404)
    assert [row["thread_id"] for row in found.json()] == ([thread_id] if admits else [])
    assert found.headers["x-pagination-total"] == str(int(admits))
    assert count.json() == int(admits)


def test_pages_are_full_and_totals_true_under_a_filter(told: Server) -> None:
    for number in range(6):
        new_thread(told, page="full", owner="ada" if number % 2 else "bob")
    rule = {"owner": "ada"}
    body = {"metadata": {"page": "full"}, "limit": 2}
    found = call(told, "POST", "/threads/search", body, threads_search=rule)
    rest = call(told, "POST", "/threads/search", {**body, "offset": 2}, threads_search=rule)

    assert len(found.json()) == 2
    assert found.headers["x-pagination-total"] == "3"
    assert found.headers["x-pagination-next"] == "2"
    assert len(rest.json()) == 1 and "x-pagination-next" not in rest.headers


def test_a_rule_sees_ids_as_uuids(told: Server) -> None:
    thread_id = new_thread(told)
    path = f"/threads/{thread_id}/runs/wait"
    assert call(told, "POST", path, ECHO, threads_create_run="ids").status_code == 200
    assert call(told, "GET", f"/threads/{thread_id}", threads_read="ids").status_code == 200


# ---- what a rule changes


def stamp(filtered: bool = True) -> dict[str, Any]:
    own = {"owner": "ada"}
    return {"change": {"metadata": own}, "filter": own if filtered else None}


def owner_of(server: Server, path: str) -> Any:
    return call(server, "GET", path).json()["metadata"].get("owner")


def test_what_a_rule_puts_into_metadata_is_on_the_row(told: Server) -> None:
    thread = call(told, "POST", "/threads", {}, threads_create=stamp()).json()
    assistant = call(
        told, "POST", "/assistants", {"graph_id": "echo"}, assistants_create=stamp()
    ).json()
    cron = call(
        told,
        "POST",
        "/runs/crons",
        {"assistant_id": "echo", "schedule": "0 0 29 2 *"},
        crons_create=stamp(),
    ).json()
    changed = call(
        told, "PATCH", f"/threads/{new_thread(told)}", {"metadata": {}}, threads_update=stamp(False)
    ).json()

    owners = [row["metadata"]["owner"] for row in (thread, assistant, cron, changed)]
    assert owners == ["ada"] * 4
    assert cron["user_id"] == "ada"


@pytest.mark.parametrize("action", ["threads_create", "threads_create_run"])
def test_a_thread_made_for_a_run_is_its_owners(action: str, told: Server) -> None:
    rules = {action: stamp(), "threads_read": {"owner": "ada"}}
    thread_id = str(uuid4())
    body = {**ECHO, "if_not_exists": "create"}
    call(told, "POST", f"/threads/{thread_id}/runs/wait", body, **rules).raise_for_status()
    kept = call(told, "POST", "/runs", {**ECHO, "on_completion": "keep"}, **rules).json()
    temporary = call(told, "POST", "/runs", ECHO, **rules).json()
    join = f"/threads/{temporary['thread_id']}/runs/{temporary['run_id']}/join"

    assert owner_of(told, f"/threads/{thread_id}") == "ada"
    assert owner_of(told, f"/threads/{kept['thread_id']}") == "ada"
    assert call(told, "GET", join, threads_read={"owner": "ada"}).json()["reply"] == "hi"
    assert call(told, "GET", join, threads_read={"owner": "bob"}).status_code == 404


def test_a_thread_that_may_not_be_made_is_not_made_by_a_run(told: Server) -> None:
    thread_id = str(uuid4())
    body = {**ECHO, "if_not_exists": "create"}
    path = f"/threads/{thread_id}/runs"

    assert call(told, "POST", path, body, threads_create="false").status_code == 403
    assert call(told, "GET", f"/threads/{thread_id}").status_code == 404
    there = new_thread(told)
    joined = call(told, "POST", f"/threads/{there}/runs", body, threads_create="false")
    assert joined.status_code == 200


def test_a_rule_can_change_what_a_run_is_configured_with(told: Server) -> None:
    change = {"change": {"kwargs": {"input": {"message": "by rule"}}}}
    answer = call(told, "POST", "/runs/wait", ECHO, threads_create_run=change)
    assert answer.json()["reply"] == "by rule"


def test_a_rule_moves_items_to_another_namespace(told: Server) -> None:
    moved = {"change": {"namespace": ["ada", "notes"]}}
    item = {"namespace": ["notes"], "key": "moved", "value": {"n": 1}}
    call(told, "PUT", "/store/items", item, store_put=moved).raise_for_status()

    found = call(told, "GET", "/store/items?namespace=ada.notes&key=moved").json()
    below = call(told, "POST", "/store/items/search", {}, store_search=moved).json()["items"]
    listed = call(told, "POST", "/store/namespaces", {}, store_list_namespaces=moved).json()
    call(told, "DELETE", "/store/items", {**item}, store_delete=moved).raise_for_status()

    assert found["namespace"] == ["ada", "notes"]
    assert [one["key"] for one in below] == ["moved"]
    assert listed == {"namespaces": [["ada", "notes"]]}
    assert call(told, "GET", "/store/items?namespace=ada.notes&key=moved").json() is None


def test_a_filter_narrows_a_search_of_items(told: Server) -> None:
    for team in ("blue", "red"):
        item = {"namespace": ["teams"], "key": team, "value": {"team": team}}
        call(told, "PUT", "/store/items", item)
    body = {"namespace_prefix": ["teams"]}
    found = call(told, "POST", "/store/items/search", body, store_search={"team": "red"})
    twice = call(
        told,
        "POST",
        "/store/items/search",
        {**body, "filter": {"team": "blue"}},
        store_search={"team": "red"},
    )

    assert [one["key"] for one in found.json()["items"]] == ["red"]
    assert twice.status_code == 400 and "team" in twice.json()["detail"]


# ---- runs, crons and what is only logged


def test_reading_a_graphs_own_assistant_is_not_asked_for_its_runs(told: Server) -> None:
    nobody = {"owner": "nobody"}
    run = call(told, "POST", "/runs/wait", ECHO, assistants_read=nobody)
    read = call(told, "GET", "/assistants/echo", assistants_read=nobody)
    assert (run.status_code, read.status_code) == (200, 404)


def test_who_may_read_a_run_may_not_stop_it_by_leaving(told: Server) -> None:
    thread_id = new_thread(told)
    run = call(told, "POST", f"/threads/{thread_id}/runs", {**ECHO, "after_seconds": 600}).json()
    path = f"/threads/{thread_id}/runs/{run['run_id']}/stream?cancel_on_disconnect=true"
    refused = call(told, "GET", path, threads_update={"owner": "bob"})
    assert refused.status_code == 404
    assert call(told, "POST", path.split("/stream")[0] + "/cancel").status_code == 202


def test_a_cron_acts_for_who_made_it(told: Server) -> None:
    sent = headers("eve", threads_create=stamp(), threads_create_run=stamp())
    body = {"assistant_id": "config", "schedule": "* * * * * *", "input": {}}
    body["on_run_completed"] = "keep"
    cron = CLIENT.post(f"{told.url}/runs/crons", json=body, headers=sent).json()
    asked = {"metadata": {"owner": "ada"}, "values": {"seen": {"user_id": "eve"}}}

    until_true(lambda: call(told, "POST", "/threads/count", asked).json() > 0)

    call(told, "DELETE", f"/runs/crons/{cron['cron_id']}")
    assert cron["user_id"] == "eve"


def test_a_cron_whose_owner_may_no_longer_run_makes_no_run(told: Server) -> None:
    sent = headers("mallory", threads_create_run="false")
    body = {"assistant_id": "echo", "schedule": "* * * * * *", "metadata": {"mark": "mallory"}}
    cron = CLIENT.post(f"{told.url}/runs/crons", json=body, headers=sent).json()
    until_true(lambda: cron["cron_id"] in told.log and "could not make its run" in told.log)

    call(told, "DELETE", f"/runs/crons/{cron['cron_id']}")
    found = call(told, "POST", "/threads/count", {"metadata": {"mark": "mallory"}})
    assert found.json() == 0


def test_a_rule_that_hides_new_rows_from_their_maker_is_told_of(told: Server) -> None:
    call(told, "POST", "/threads", {}, threads_create={"owner": "ada"}).raise_for_status()
    assert "its maker cannot see it" in told.log


def test_a_key_used_before_is_not_answered_to_others(told: Server) -> None:
    once = {"Idempotency-Key": "one-and-only"}
    made = [
        CLIENT.post(f"{told.url}/threads", json={}, headers={**headers(who), **once}).json()
        for who in ("ada", "ada", "bob")
    ]
    assert made[0] == made[1] != made[2]


# ---- the SDKs


async def test_the_sdk_talks_as_its_headers_say(told: Server) -> None:
    rules = {"threads_create": stamp(), "threads_read": {"owner": "ada"}}
    async with get_client(url=told.url, headers=headers(**rules)) as ada:
        thread = await ada.threads.create()
        found = await ada.threads.get(thread["thread_id"])
        assert found["metadata"] == {"owner": "ada"}
    stranger = get_sync_client(url=told.url, headers=headers(threads_read={"owner": "bob"}))
    with stranger, pytest.raises(NotFoundError):
        stranger.threads.get(thread["thread_id"])
