"""Crons over the SDK, on the real clock, and through the death of the server."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from factories import until
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import (
    BadRequestError,
    ConflictError,
    NotFoundError,
    UnprocessableEntityError,
)
from servers import Server

EACH_SECOND = "* * * * * *"
YEARLY = "0 0 1 1 *"
NOBODY = "019ab3d0-12c4-7e5a-b0a1-3c4d5e6f7a8b"


@pytest.fixture
async def client(server: Server) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=server.url) as one:
        yield one


async def create(client: LangGraphClient, schedule: str = YEARLY, **more: Any) -> Any:
    return await client.crons.create("echo", schedule=schedule, input={"message": "hi"}, **more)


def get(server: Server, cron_id: str) -> Any:
    return server.get(f"/runs/crons/{cron_id}").json()


def dates_until(cron: Any, instant: datetime) -> int:
    """Return how many dates a cron of each second has until then: so many runs at most."""
    first = datetime.fromisoformat(cron["next_run_date"])
    return int((instant - first).total_seconds()) + 1


def far_hour(timezone: ZoneInfo) -> int:
    """Return an hour of the day that does not come while a test runs."""
    return 9 if 12 <= datetime.now(timezone).hour < 23 else 21


async def threads_of(client: LangGraphClient, cron: Any) -> list[Any]:
    metadata = {"cron_id": cron["cron_id"]}
    return list(await client.threads.search(metadata=metadata, limit=100, sort_by="created_at"))


async def test_a_cron_remembers_its_run_and_tells_its_next_date(
    client: LangGraphClient, server: Server
) -> None:
    new_york = ZoneInfo("America/New_York")
    hour = far_hour(new_york)
    made = await create(
        client,
        f"0 {hour} * * *",
        timezone=new_york,
        metadata={"owner": "press", "cron_id": "mine"},
        config={"configurable": {"tone": "dry"}},
        on_run_completed="keep",
        end_time=datetime(2090, 1, 1, tzinfo=UTC),
    )
    assistant_id = (await client.assistants.get("echo"))["assistant_id"]
    configurable = {"tone": "dry", "cron_id": made["cron_id"]}
    assert made["payload"]["config"] == {"configurable": configurable}
    assert made["payload"]["input"] == {"message": "hi"}
    assert made["assistant_id"] == made["payload"]["assistant_id"] == assistant_id
    assert (made["timezone"], made["on_run_completed"]) == ("America/New_York", "keep")
    assert (made["metadata"], made["user_id"]) == ({"owner": "press"}, "")
    assert (made["thread_id"], made["enabled"]) == (None, True)
    assert made["end_time"] == "2090-01-01T00:00:00+00:00"
    next_run = datetime.fromisoformat(made["next_run_date"])
    assert next_run.utcoffset() == timedelta(0)
    assert next_run.astimezone(new_york).hour == hour
    assert get(server, made["cron_id"]) == made
    assert get(server, made["cron_id"].upper()) == made


async def test_a_cron_without_a_thread_makes_one_for_each_run(client: LangGraphClient) -> None:
    cron = await create(client, EACH_SECOND, on_run_completed="keep", metadata={"k": 1})

    async def two() -> list[Any]:
        idle = [one for one in await threads_of(client, cron) if one["status"] == "idle"]
        return idle if len(idle) >= 2 else []

    thread: Any = (await until(two))[-1]
    await client.crons.delete(cron["cron_id"])
    assert thread["metadata"]["k"] == 1
    assert thread["values"] == {"message": "hi", "reply": "hi"}
    run: Any = (await client.runs.list(thread["thread_id"]))[0]
    assert run["metadata"]["cron_id"] == cron["cron_id"]
    assert len(await threads_of(client, cron)) <= dates_until(cron, datetime.now(UTC))


async def test_a_run_begins_within_a_second_of_its_date(client: LangGraphClient) -> None:
    cron = await create(client, EACH_SECOND, on_run_completed="keep")

    async def met() -> list[datetime]:
        """Return when runs began, once the second itself was met by one behind the first."""
        found = await threads_of(client, cron)
        began = sorted(datetime.fromisoformat(one["created_at"]) for one in found)
        return began if any(one.microsecond < 900_000 for one in began[1:]) else []

    began = await until(met)
    await client.crons.delete(cron["cron_id"])
    first = datetime.fromisoformat(cron["next_run_date"])
    assert timedelta(0) <= began[0] - first < timedelta(seconds=30)


async def test_the_thread_of_a_run_is_removed_unless_it_is_to_be_kept(
    client: LangGraphClient, server: Server
) -> None:
    cron = await create(client, EACH_SECOND)
    assert cron["on_run_completed"] == "delete"
    await until(lambda: _moved_on(server, cron))
    await client.crons.delete(cron["cron_id"])

    async def none() -> bool:
        return await threads_of(client, cron) == []

    assert await until(none)


async def _moved_on(server: Server, cron: Any) -> bool:
    return bool(get(server, cron["cron_id"])["next_run_date"] != cron["next_run_date"])


async def test_runs_on_a_thread_build_on_its_state(client: LangGraphClient) -> None:
    thread = await client.threads.create()
    thread_id = thread["thread_id"]
    cron: Any = await client.crons.create_for_thread(
        thread_id, "echo", schedule=EACH_SECOND, input={"message": "hi"}, durability="sync"
    )
    assert (cron["thread_id"], cron["on_run_completed"]) == (thread_id, None)

    async def two() -> bool:
        return len(await client.runs.list(thread_id, status="success")) >= 2

    assert await until(two)
    assert len(await client.threads.get_history(thread_id)) > 3
    await client.threads.delete(thread_id)
    with pytest.raises(NotFoundError, match=f"Cron '{cron['cron_id']}' not found"):
        await client.crons.delete(cron["cron_id"])


async def test_a_cron_that_is_off_makes_no_run(client: LangGraphClient) -> None:
    cron = await create(client, EACH_SECOND, enabled=False, on_run_completed="keep")
    time.sleep(2.5)
    assert await threads_of(client, cron) == []
    on: Any = await client.crons.update(cron["cron_id"], enabled=True)
    assert on["next_run_date"] > cron["next_run_date"]

    async def some() -> list[Any]:
        return await threads_of(client, cron)

    assert await until(some)
    await client.crons.delete(cron["cron_id"])


async def test_a_cron_ends_at_its_end(client: LangGraphClient, server: Server) -> None:
    cron = await create(client, EACH_SECOND, on_run_completed="keep")

    async def some() -> list[Any]:
        return await threads_of(client, cron)

    assert await until(some)
    end = datetime.now(UTC) + timedelta(seconds=1.5)
    await client.crons.update(cron["cron_id"], end_time=end)

    async def over() -> bool:
        return get(server, cron["cron_id"])["next_run_date"] is None

    assert await until(over)
    assert len(await threads_of(client, cron)) <= dates_until(cron, end)


async def test_a_patch_changes_what_it_names_and_moves_the_date(client: LangGraphClient) -> None:
    end = datetime(2090, 1, 1, tzinfo=UTC)
    made = await create(client, "0 9 * * *", metadata={"a": 1}, end_time=end)
    cron_id = made["cron_id"]
    changed: Any = await client.crons.update(
        cron_id,
        schedule="30 8 * * *",
        timezone="Europe/Oslo",
        metadata={"b": 2},
        config={"tags": ["t"]},
        on_run_completed="keep",
    )
    assert (changed["schedule"], changed["timezone"]) == ("30 8 * * *", "Europe/Oslo")
    assert changed["metadata"] == changed["payload"]["metadata"] == {"a": 1, "b": 2}
    assert changed["payload"]["config"] == {"tags": ["t"], "configurable": {"cron_id": cron_id}}
    assert changed["payload"]["input"] == {"message": "hi"}
    assert (changed["on_run_completed"], changed["end_time"]) == ("keep", made["end_time"])
    assert changed["next_run_date"] != made["next_run_date"]
    assert (changed["created_at"], changed["assistant_id"]) == (
        made["created_at"],
        made["assistant_id"],
    )


async def test_null_takes_the_end_away_and_identity_stays(
    client: LangGraphClient, server: Server
) -> None:
    made = await create(client, end_time=datetime(2020, 1, 1, tzinfo=UTC))
    assert made["next_run_date"] is None
    path = f"/runs/crons/{made['cron_id']}"
    body = {"end_time": None, "cron_id": NOBODY, "assistant_id": NOBODY, "thread_id": NOBODY}
    changed = server.call("PATCH", path, json=body).json()
    assert changed["end_time"] is None
    assert changed["next_run_date"] is not None
    for name in ("cron_id", "assistant_id", "thread_id"):
        assert changed[name] == made[name]
    assert changed["payload"] == made["payload"]
    assert server.call("PATCH", path, json={}).status_code == 422


async def test_what_cannot_be_is_refused_with_its_reason(
    client: LangGraphClient, server: Server
) -> None:
    with pytest.raises(UnprocessableEntityError, match=r"Invalid cron schedule: 'bad'\. Reason: "):
        await create(client, "bad")
    with pytest.raises(UnprocessableEntityError, match="Invalid timezone: 'Mars/Base'"):
        await create(client, timezone="Mars/Base")
    with pytest.raises(BadRequestError, match="never due"):
        await create(client, "0 0 30 2 *")
    with pytest.raises(BadRequestError, match="both"):
        await create(client, context={"a": 1}, config={"configurable": {"b": 1}})
    with pytest.raises(NotFoundError, match=f"Assistant '{NOBODY}' not found"):
        await client.crons.create(NOBODY, schedule=YEARLY)
    with pytest.raises(UnprocessableEntityError, match="Graph 'nope' not found"):
        await client.crons.create("nope", schedule=YEARLY)
    with pytest.raises(NotFoundError, match=f"Thread '{NOBODY}' not found"):
        await client.crons.create_for_thread(NOBODY, "echo", schedule=YEARLY)
    for body in ({"assistant_id": "echo"}, {"schedule": YEARLY}):
        assert server.post("/runs/crons", body).status_code == 422
    cron = await create(client)
    with pytest.raises(UnprocessableEntityError, match="Invalid cron schedule"):
        await client.crons.update(cron["cron_id"], schedule="bad")
    with pytest.raises(BadRequestError, match="both"):
        both: Any = {"context": {"a": 1}, "config": {"configurable": {"b": 1}}}
        await client.crons.update(cron["cron_id"], **both)
    for method in ("GET", "PATCH", "DELETE"):
        answer = server.call(method, f"/runs/crons/{NOBODY}", json={"enabled": True})
        assert (answer.status_code, answer.json()["code"]) == (404, "cron_not_found")


async def test_the_thread_of_a_threads_cron_cannot_be_removed_by_it(
    client: LangGraphClient,
) -> None:
    thread = await client.threads.create()
    cron: Any = await client.crons.create_for_thread(thread["thread_id"], "echo", schedule=YEARLY)
    with pytest.raises(BadRequestError, match=r"body\.on_run_completed"):
        await client.crons.update(cron["cron_id"], on_run_completed="delete")


async def test_crons_are_found_counted_sorted_and_cut_down(
    client: LangGraphClient, server: Server
) -> None:
    label = str(uuid.uuid4())
    thread = await client.threads.create()
    crons = [
        await create(client, f"{minute} 0 1 1 *", metadata={"label": label})
        for minute in (30, 10, 20)
    ]
    on_thread: Any = await client.crons.create_for_thread(
        thread["thread_id"], "steps", schedule=YEARLY, metadata={"label": label}, enabled=False
    )
    mine: Any = {"metadata": {"label": label}}
    newest = await client.crons.search(**mine)
    assert newest == [on_thread, *reversed(crons)]
    assert await client.crons.count(**mine) == 4
    assert await client.crons.search(**mine, enabled=False) == [on_thread]
    assert await client.crons.search(**mine, assistant_id=on_thread["assistant_id"]) == [on_thread]
    assert await client.crons.search(thread_id=thread["thread_id"]) == [on_thread]
    assert await client.crons.count(thread_id=thread["thread_id"]) == 1
    answer = server.post(
        "/runs/crons/search",
        {
            **mine,
            "assistant_id": "echo",
            "sort_by": "next_run_date",
            "sort_order": "asc",
            "select": ["schedule"],
            "limit": 2,
        },
    )
    assert answer.json() == [{"schedule": "10 0 1 1 *"}, {"schedule": "20 0 1 1 *"}]
    assert answer.headers["x-pagination-total"] == "3"
    assert answer.headers["x-pagination-next"] == "2"


async def test_a_cron_goes_with_its_assistant(client: LangGraphClient) -> None:
    assistant = await client.assistants.create("echo")
    assistant_id = assistant["assistant_id"]
    await client.crons.create(assistant_id, schedule=YEARLY)
    assert await client.crons.count(assistant_id=assistant_id) == 1
    await client.assistants.delete(assistant_id)
    assert await client.crons.count(assistant_id=assistant_id) == 0


async def test_a_cron_is_made_once_per_idempotency_key(client: LangGraphClient) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    first = await create(client, headers=headers)
    assert await create(client, headers=headers) == first
    with pytest.raises(ConflictError, match="another body"):
        await create(client, "@daily", headers=headers)


async def test_crons_survive_a_kill_and_make_up_for_all_they_missed_with_one_run(
    make_server: Callable[..., Server],
) -> None:
    server = make_server()
    async with get_client(url=server.url) as client:
        cron = await create(client, EACH_SECOND, on_run_completed="keep")

        async def some() -> list[Any]:
            return await threads_of(client, cron)

        assert await until(some)
        server.kill()
        killed = datetime.now(UTC)
        time.sleep(4)
        started = datetime.now(UTC)
        server.start()

        async def again() -> list[Any]:
            found = await threads_of(client, cron)
            return [one for one in found if _at(one) > killed]

        assert await until(again)
        time.sleep(1.2)
        await client.crons.delete(cron["cron_id"])
        dates = dates_until(cron, datetime.now(UTC)) - dates_until(cron, started)
        times = [_at(one) for one in await threads_of(client, cron)]
        assert len([one for one in times if one <= killed]) <= dates_until(cron, killed)
        assert [one for one in times if killed < one < started] == []
        assert len([one for one in times if one > started]) <= dates + 1


def _at(thread: Any) -> datetime:
    return datetime.fromisoformat(thread["created_at"])


async def test_two_processes_over_one_file_make_each_run_once(
    make_server: Callable[..., Server],
) -> None:
    first = make_server()
    make_server(data_dir=first.data_dir)
    async with get_client(url=first.url) as client:
        cron = await create(client, EACH_SECOND, on_run_completed="keep")

        async def four() -> list[Any]:
            found = await threads_of(client, cron)
            return found if len(found) >= 4 else []

        assert await until(four)
        await client.crons.delete(cron["cron_id"])
        made = len(await threads_of(client, cron))
        assert made <= dates_until(cron, datetime.now(UTC))
