"""The small parts: frames however they are cut, rules without values, words on the command line."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphstead.gateway.bodies import Body, read_body
from graphstead.gateway.findings import Findings, excerpt, rule_of
from graphstead.gateway.frames import FrameSplitter, TooLong
from graphstead.gateway.limits import read_rules
from graphstead.gateway.settings import read_headers, target_of
from graphstead.problems import StartupError

FRAMES = [b"event: a\r\ndata: 1\r\n\r\n", b": beat\n\n", b"data: 2\r\r", b"data: x\ndata: y\n\n"]


@given(st.lists(st.integers(0, sum(map(len, FRAMES))), max_size=8))
def test_frames_are_the_same_however_chunks_fall(cuts: list[int]) -> None:
    whole = b"".join(FRAMES)
    edges = [0, *sorted(cuts), len(whole)]
    splitter = FrameSplitter(1_000)
    chunks = [whole[a:b] for a, b in pairwise(edges)]
    assert [frame for chunk in chunks for frame in splitter.feed(chunk)] == FRAMES
    assert splitter.rest == b""


def test_a_frame_without_an_end_is_not_held_for_ever() -> None:
    splitter = FrameSplitter(100)
    splitter.feed(b"data: " + b"x" * 90)
    with pytest.raises(TooLong):
        splitter.feed(b"y" * 10)


@pytest.mark.parametrize(
    "messages", [[b"x" * 11], [b"x" * 9, b"xx"], [b"x" * 11, b""], [b"x"] * 11]
)
def test_a_body_that_is_too_long_is_never_whole_however_it_is_cut(messages: list[bytes]) -> None:
    body, sent = asyncio.run(_read(messages))
    assert not body.is_whole
    assert sent == b"x" * 11


@pytest.mark.parametrize("messages", [[b"x" * 10], [b"x" * 4, b"x" * 6, b""]])
def test_a_body_within_the_limit_is_whole_however_it_is_cut(messages: list[bytes]) -> None:
    body, sent = asyncio.run(_read(messages))
    assert body.is_whole
    assert body.length == 10
    assert sent == b"x" * 10


async def _read(messages: list[bytes]) -> tuple[Body, bytes]:
    """Read a body of such messages with a limit of ten bytes; return what would be sent on."""
    last = len(messages) - 1
    waiting = [
        {"type": "http.request", "body": one, "more_body": index < last}
        for index, one in enumerate(messages)
    ]

    async def receive() -> Any:
        return waiting.pop(0)

    body = await read_body(receive, [], 10)
    content = body.content()
    return body, content if isinstance(content, bytes) else b"".join([one async for one in content])


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("body.limit: 'many' is not of type integer", "body.limit: … is not of type integer"),
        ("body[3].a[0]: 5 is not of type string", "body[].a[]: … is not of type string"),
        ("body: 'is not of type x' is not of type object", "body: … is not of type object"),
        ("body.a: 'x' is required", "body.a: 'x' is required"),
        ("event 'values|a:1': data: 1 is not of type object",
         "event 'values|…': data: … is not of type object"),
        ("body: 1 is not of type string; or 1 is not of type object",
         "body: … is not of type string; or … is not of type object"),
        ("body.id: 01a22b73-4dc2-76fa-829d-c31228cc8294 is gone", "body.id: {id} is gone"),
    ],
)  # fmt: skip
def test_a_rule_has_no_values_in_it(fault: str, rule: str) -> None:
    assert rule_of(fault) == rule


def test_an_excerpt_shows_the_shape() -> None:
    assert excerpt(b'{"token":"abc","a":[1,2,3,4],"b":{"c":{"d":{"e":{"f":1}}}}}') == (
        '{"token":"…","a":[1,2,3,"…"],"b":{"c":{"d":{"e":"…"}}}}'
    )
    assert excerpt(b"<p>no JSON") == "<p>no JSON (10 bytes)"
    assert excerpt(b"") == ""


def test_very_many_kinds_of_findings_do_not_fill_the_memory() -> None:
    findings = Findings()
    for number in range(1_200):
        findings.note("upstream", f"GET /{number}", ["status 299 is not declared"])
    assert len(findings.all()) == 1_000
    assert findings.unlisted == 200


def test_addresses_of_servers() -> None:
    assert target_of("localhost:2024").url == "http://localhost:2024"
    assert target_of("https://a.example/x/").url == "https://a.example/x"
    assert target_of("http://[::1]:8").authority == "[::1]:8"
    for wrong in ("ftp://a", "http://", "http://a:b", "http://u:p@a", "http://a?x=1"):
        with pytest.raises(StartupError):
            target_of(wrong)


def test_headers_for_the_server() -> None:
    read = read_headers(["X-Api-Key: $SECRET", "x-b:  c: d"], {"SECRET": "abc"})
    assert read == ((b"x-api-key", b"abc"), (b"x-b", b"c: d"))
    for wrong in ("no colon", "bad name: x", "a: $UNSET", "a: tab\tin it", ": x"):
        with pytest.raises(StartupError):
            read_headers([wrong], {})


def test_limits_of_callers() -> None:
    [rate, runs] = read_rules(["100/minute", "runs=5 per 2 hours"], quota=False)
    assert (rate.item.amount, rate.runs_only) == (100, False)
    assert (runs.item.amount, runs.item.get_expiry(), runs.runs_only) == (5, 7200, True)
    for wrong in ("many", "threads=5/minute", "runs=", "5/fortnight"):
        with pytest.raises(StartupError):
            read_rules([wrong], quota=True)


def test_it_does_without_langgraph_where_nobody_has_to_be_recognised() -> None:
    code = "import sys, graphstead.cli.gateway; print([n for n in sys.modules if n[:4] == 'lang'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--upstream", "ftp://x"], "--upstream: expected"),
        (["--upstream", "http://x", "--rate", "often"], "--rate: expected"),
        (["--upstream", "http://x", "--rate", "1/day", "--limits", "file://x"], "--limits:"),
    ],
)
def test_what_cannot_be_is_told_before_it_listens(words: list[str], told: str) -> None:
    command = [sys.executable, "-m", "graphstead", "gateway", *words, "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=100)
    assert done.returncode == 3, done.stdout + done.stderr
    assert told in done.stderr
