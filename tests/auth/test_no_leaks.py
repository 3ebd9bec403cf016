"""Whatever operation a stranger tries, nothing of somebody else's is seen or changed."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest
from auth.cases import CASES, Case
from auth.conftest import by_key, by_name
from auth.estate import Estate, Person
from conformance.operations import DOCUMENT, OPERATIONS, Described
from servers import Server

from graphstead.contract.schemas import schemas_for

GUARDED = [one for one in OPERATIONS if one.value.get("security") != []]
ERRORS = schemas_for(DOCUMENT).at("/components/schemas/ErrorResponse")
NOTHING: tuple[Any, ...] = ([], 0, {"pruned_count": 0}, {"items": []}, {"namespaces": []})
HIDDEN = {"hidden": 404, "taken": 409}

each_guarded = pytest.mark.parametrize("operation", GUARDED, ids=lambda one: one.operation_id)


@pytest.fixture(scope="module")
def people(ruled: Server, keyed: Server) -> dict[str, tuple[Server, Person, Person]]:
    """An owner and a stranger on either server."""
    return {
        "rules": (ruled, by_name("ada"), by_name("bob")),
        "keys": (keyed, by_key(keyed, "ada"), by_key(keyed, "bob")),
    }


def test_every_guarded_operation_has_its_case() -> None:
    assert {one.operation_id for one in GUARDED} == CASES.keys()


@each_guarded
@pytest.mark.parametrize("kind", ["rules", "keys"])
def test_a_stranger_sees_and_changes_nothing(
    operation: Described, kind: str, people: dict[str, tuple[Server, Person, Person]]
) -> None:
    server, owner, stranger = people[kind]
    case = CASES[operation.operation_id]
    estate = Estate(owner, server, mark=f"mark-{uuid4().hex}").build()
    before = estate.looks()

    answer = stranger.try_case(server, case, estate.rows)

    assert estate.looks() == before
    assert not leaked(answer, case, estate), answer.text
    if operation.planned:
        assert answer.status_code in (404, 422, 501)
        return
    judge(answer, case)
    if not case.is_protocol:
        own = owner.try_case(server, case, estate.rows)
        assert own.status_code < 300, f"the owner cannot do it either: {own.status_code}"


def judge(answer: httpx.Response, case: Case) -> None:
    if case.verdict in HIDDEN:
        assert answer.status_code == HIDDEN[case.verdict], answer.text
    elif case.verdict == "none":
        assert answer.status_code == 200, answer.text
        assert answer.json() in NOTHING
    else:
        assert answer.status_code < 300 or case.is_protocol, answer.text


def leaked(answer: httpx.Response, case: Case, estate: Estate) -> list[str]:
    """Return what of the estate is in the answer though the stranger did not send it."""
    text = "" if case.streams and answer.status_code < 400 else answer.text
    sent = str(case)
    return [
        name
        for name, value in estate.rows.items()
        if name != "owner" and value in text and f"{{{name}}}" not in sent
    ]


@each_guarded
@pytest.mark.parametrize("credentials", [{}, {"X-Api-Key": "gsk_00000000_wrong"}], ids=str)
def test_nobody_in_particular_gets_in(
    operation: Described, credentials: dict[str, str], keyed: Server
) -> None:
    rows = dict.fromkeys(ROWS, str(uuid4()))
    case = CASES[operation.operation_id]

    answer = Person("", credentials).try_case(keyed, case, rows)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "401" in operation.responses and "403" in operation.responses
    assert ERRORS.ok(answer.json())
    assert answer.json()["code"] == "unauthorized"


ROWS = (
    *("owner", "mark", "assistant", "thread", "run", "checkpoint"),
    *("waiting_thread", "waiting", "cron"),
)


@pytest.mark.parametrize("path", ["/", "/ok", "/info", "/docs", "/openapi.json"])
def test_what_is_public_stays_public(path: str, ruled: Server, keyed: Server) -> None:
    assert ruled.get(path).status_code == 200
    assert keyed.get(path).status_code == 200


def test_what_is_nowhere_is_guarded_too(ruled: Server) -> None:
    assert ruled.get("/nowhere").status_code == 401
    assert by_name("ada").call(ruled, "GET", "/nowhere").status_code == 404


def test_cancelling_all_runs_cancels_ones_own_alone(
    people: dict[str, tuple[Server, Person, Person]],
) -> None:
    server, owner, stranger = people["rules"]
    theirs = Estate(owner, server, mark=f"mark-{uuid4().hex}").build()
    own = Estate(stranger, server, mark=f"mark-{uuid4().hex}").build()
    before = theirs.looks()

    answer = stranger.call(server, "POST", "/runs/cancel", {"status": "all"})

    assert answer.status_code == 204
    assert theirs.looks() == before
    waiting = f"/threads/{own.rows['waiting_thread']}/runs/{own.rows['waiting']}"
    assert stranger.call(server, "GET", waiting).json()["status"] == "interrupted"


def test_a_temporary_run_stays_private_when_it_is_over(
    people: dict[str, tuple[Server, Person, Person]],
) -> None:
    server, owner, stranger = people["rules"]
    made = owner.call(
        server, "POST", "/runs", {"assistant_id": "echo", "input": {"message": "private"}}
    ).json()
    join = f"/threads/{made['thread_id']}/runs/{made['run_id']}/join"

    assert owner.call(server, "GET", join).json()["reply"] == "private"
    assert owner.call(server, "GET", join).json()["reply"] == "private"
    refused = stranger.call(server, "GET", join)

    assert refused.status_code == 404
    assert "private" not in refused.text
