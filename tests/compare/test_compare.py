"""`scripts/compare`: what it finds between two servers, and what it rightly overlooks."""

from __future__ import annotations

import json

import pytest
from servers import Server

from graphstead.conformance.compare import compare, main, report
from graphstead.conformance.differences import ABSENT, Difference, Found, differences, grouped
from graphstead.conformance.normal import normal
from graphstead.conformance.play import Answer, events_of

A_THREAD = "01999f3c-6b1a-7d52-9c5e-2f7f0c3b8a11"
A_RUN = "01a229fb-fb43-76df-93ac-a0cb841d2649"


def test_a_server_does_not_differ_from_itself(server: Server) -> None:
    scenes = ["rows", "states", "forking", "waiting", "answering", "stream steps"]
    assert compare(server.url, server.url, scenes) == []


def test_differences_are_printed_and_are_no_failure(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([server.url, server.url, "--scene", "rows", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main([server.url, server.url, "--scene", "rows"]) == 0
    assert capsys.readouterr().out == "Differences: 0\n"


def test_members_are_told_apart_by_their_path() -> None:
    found = [*differences({"a": {"b": 1}, "c": 0}, {"a": {"b": 2}, "d": None})]
    assert found == [
        Difference("a.b", "1", "2"),
        Difference("c", "0", ABSENT),
        Difference("d", ABSENT, "null"),
    ]


def test_zero_and_false_are_not_the_same() -> None:
    assert [*differences(0, False)] == [Difference("", "0", "false")]


def test_a_missing_event_does_not_put_the_rest_out_of_step() -> None:
    values, updates = {"event": "values", "data": 1}, {"event": "updates", "data": 2}
    found = [*differences([values, updates, values], [values, {**values, "data": 3}])]
    assert [one.path for one in found] == ["[]", "[values].data"]
    assert [one.b for one in found] == [ABSENT, "3"]


def test_one_difference_of_many_calls_is_told_once() -> None:
    same = Difference("body.x", "1", "2")
    found = grouped([("one", same), ("two", same), ("two", same)])
    assert found == [Found(same, ("one", "two"))]
    assert report(found) == "body.x   (one and 1 more)\n  A 1\n  B 2\nDifferences: 1"


def test_ids_instants_and_the_words_of_errors_are_no_differences() -> None:
    headers = {"date": "today", "location": f"/threads/{A_THREAD}/runs/{A_RUN}"}
    body = {"detail": f"no {A_RUN}", "at": "2026-01-01T00:00:00.1+00:00", "n": 1_800_000_000_000}
    shown = normal(Answer(404, headers, body), {A_THREAD: "thread"})
    assert shown["headers"] == {"location": "/threads/<thread>/runs/<id>"}
    assert shown["body"] == dict.fromkeys(("detail", "at", "n"), "<text>")
    kept = normal(Answer(200, {}, {A_RUN: body, A_THREAD: 1}), {})["body"]
    assert kept == {
        "<id>": {"detail": "no <id>", "at": "<time>", "n": "<ms>"},
        "<id>'": 1,
    }


def test_frames_are_read_without_heartbeats() -> None:
    stream = b'event: values\r\ndata: {"a":"b: c"}\r\nid: 1-1\r\n\r\n: heartbeat\r\n\r\n'
    assert events_of(stream) == [{"event": "values", "data": {"a": "b: c"}, "id": "1-1"}]
