"""The serialization table, one row per line; answers were recorded from the reference server."""

from __future__ import annotations

import asyncio
import datetime as dt
import enum
import ipaddress
import json
import re
import uuid
from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langgraph.errors import GraphRecursionError, InvalidUpdateError
from langgraph.types import Command, Interrupt, Overwrite, Send
from pydantic import BaseModel, Field, SecretStr

from graphstead.engine.wire import MASKED_MESSAGE, dumps, error_body


class Order(BaseModel):
    when: dt.datetime
    tags: set[int] = {1}
    amount: Decimal = Decimal("1.5")
    raw: bytes = b"\xff\x00"
    renamed: int = Field(default=3, alias="Renamed")
    secret: SecretStr = SecretStr("s")


@dataclass
class Point:
    x: int
    inner: Any = None
    _hidden: int = 5


class Pair(NamedTuple):
    left: int
    right: str


class Colour(enum.Enum):
    RED = "red"
    MIX = (1, 2)


class Level(enum.IntEnum):
    LOW = 1


class DictLike:
    def dict(self) -> dict[str, int]:
        return {"via": 1}


class Plain:
    def __init__(self) -> None:
        self.field = 1


class NoNews(ValueError):
    pass


class Secretive(Exception):
    pass


class HTTPException(Exception):
    pass


UTC = dt.UTC
ROWS: list[tuple[str, Any, Any]] = [
    (
        "pydantic",
        Order(when=dt.datetime(2024, 1, 2, 3, tzinfo=UTC), Renamed=4),
        {
            "when": "2024-01-02T03:00:00+00:00",
            "tags": [1],
            "amount": 1.5,
            "raw": "/wA=",
            "renamed": 4,
            "secret": None,
        },
    ),
    ("dataclass", Point(1, Point(2, {3})), {"x": 1, "inner": {"x": 2, "inner": [3]}}),
    ("namedtuple", Pair(1, "b"), {"left": 1, "right": "b"}),
    ("uuid", uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    ("path", Path("/a/b"), "/a/b"),
    ("ipv4", ipaddress.ip_address("1.2.3.4"), "1.2.3.4"),
    ("ipv6", ipaddress.ip_address("::1"), "::1"),
    ("ip network", ipaddress.ip_network("10.0.0.0/8"), "10.0.0.0/8"),
    ("ip interface", ipaddress.ip_interface("10.0.0.1/8"), "10.0.0.1/8"),
    (
        "datetime",
        dt.datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        "2024-01-02T03:04:05.678901+00:00",
    ),
    ("naive datetime", dt.datetime(2024, 1, 2, 3, 4, 5), "2024-01-02T03:04:05"),
    (
        "zoned datetime",
        dt.datetime(2024, 7, 2, 3, tzinfo=ZoneInfo("Europe/Berlin")),
        "2024-07-02T03:00:00+02:00",
    ),
    ("date", dt.date(2024, 1, 2), "2024-01-02"),
    ("time", dt.time(3, 4, 5), "03:04:05"),
    ("time with offset", {"at": dt.time(3, 4, 5, tzinfo=UTC)}, {"at": "03:04:05+00:00"}),
    ("timezone", UTC, "UTC"),
    ("bytes", b"\xff\xfe+/", "//4rLw=="),
    ("bytearray", bytearray(b"a"), "YQ=="),
    ("set", {3}, [3]),
    ("frozenset", frozenset([1]), [1]),
    ("deque", deque([1, 2]), [1, 2]),
    ("tuple", (1, "a"), [1, "a"]),
    ("timedelta", dt.timedelta(days=1, microseconds=5), 86400.000005),
    ("integral decimal", Decimal("3"), 3),
    ("decimal", Decimal("3.10"), 3.1),
    ("decimal NaN", Decimal("NaN"), None),
    ("enum", Colour.RED, "red"),
    ("enum of tuple", Colour.MIX, [1, 2]),
    ("int enum", Level.LOW, 1),
    ("NaN", float("nan"), None),
    ("infinity", float("-inf"), None),
    ("regex", re.compile("a+"), "a+"),
    ("send", Send("n", {"a": {1}}), {"node": "n", "args": {"a": [1]}}),
    (
        "command",
        Command(goto=[Send("a", 1), "b"], resume={"i": 1}, graph=Command.PARENT),
        {
            "graph": "__parent__",
            "update": None,
            "resume": {"i": 1},
            "goto": [{"node": "a", "args": 1}, "b"],
        },
    ),
    ("interrupt", Interrupt("v", id="i"), {"value": "v", "id": "i", "response_schema": None}),
    ("overwrite", Overwrite([1]), {"value": [1], "type": "__overwrite__"}),
    (
        "dict keys",
        {1: 1, None: 2, 1.5: 3, Colour.RED: 4, dt.date(2024, 1, 1): 5, uuid.UUID(int=1): 6},
        {
            "1": 1,
            "null": 2,
            "1.5": 3,
            "red": 4,
            "2024-01-01": 5,
            "00000000-0000-0000-0000-000000000001": 6,
        },
    ),
    ("bool keys", {True: 1, False: 2}, {"true": 1, "false": 2}),
    ("class", Order, None),
    ("object", object(), None),
    ("complex", 1j, None),
    ("function", dumps, None),
    ("plain object", Plain(), None),
    ("object with dict()", DictLike(), {"via": 1}),
    ("largest int", 2**64 - 1, 2**64 - 1),
    ("smallest int", -(2**63), -(2**63)),
    ("lone surrogate", "a\ud800b", "a?b"),
    ("surrogate in key", {"a\ud800b": 1}, {"a?b": 1}),
    (
        "surrogate deep",
        {"p": Point(1, ["\ud800", {"k": (b"a",)}])},
        {"p": {"x": 1, "inner": ["?", {"k": ["YQ=="]}]}},
    ),
    ("NUL", "a\0b\0\0", "a\ufffdb\ufffd\ufffd"),
    ("NUL in key", {"a\0": 1}, {"a\ufffd": 1}),
    ("text that spells NUL", "\\u0000 \\\0", "\\u0000 \\\ufffd"),
    (
        "error with surrogate",
        ValueError("a\0\ud800"),
        {"error": "ValueError", "message": "a\ufffd?"},
    ),
]


@pytest.mark.parametrize(
    ("value", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_a_value_has_the_json_of_the_table(value: Any, expected: Any) -> None:
    assert json.loads(dumps({"v": value})) == {"v": expected}


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, Decimal(2**70)])
def test_an_integer_beyond_64_bits_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError, match="Integer exceeds 64-bit range") as caught:
        dumps([value])
    assert error_body(caught.value)["error"] == "TypeError"


@pytest.mark.parametrize("key", [(1, 2), b"a", object(), Decimal(1)])
def test_a_key_that_is_no_scalar_is_a_type_error(key: Any) -> None:
    with pytest.raises(TypeError, match="Dict key"):
        dumps({key: 1})


def test_a_circular_structure_is_a_type_error() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(TypeError):
        dumps(loop)


def test_messages_have_the_fields_clients_know() -> None:
    human = json.loads(dumps(HumanMessage("hi", name="bob", id="1")))
    assert human == {
        "content": "hi",
        "additional_kwargs": {},
        "response_metadata": {},
        "type": "human",
        "name": "bob",
        "id": "1",
    }
    ai = json.loads(dumps(AIMessage("hi")))
    assert set(ai) - set(human) == {"tool_calls", "invalid_tool_calls", "usage_metadata"}
    chunk = json.loads(dumps(AIMessageChunk(content="hi", chunk_position="last")))
    assert chunk["type"] == "AIMessageChunk"
    assert set(chunk) - set(ai) == {"tool_call_chunks", "chunk_position"}


@pytest.mark.parametrize(
    ("exc", "message"),
    [
        (ValueError("v"), "v"),
        (ValueError(), ""),
        (ValueError("a", "b"), "('a', 'b')"),
        (TypeError("t"), "t"),
        (KeyError("k"), "'k'"),
        (AttributeError("a"), "a"),
        (RuntimeError("r"), "r"),
        (NotImplementedError("n"), "n"),
        (TimeoutError("t"), "t"),
        (NoNews("n"), "n"),
        (GraphRecursionError("g"), "g"),
        (InvalidUpdateError("i"), "i"),
        (HTTPException("418: tea"), "418: tea"),
        (OSError("secret"), MASKED_MESSAGE),
        (ConnectionError("secret"), MASKED_MESSAGE),
        (ZeroDivisionError("secret"), MASKED_MESSAGE),
        (IndexError("secret"), MASKED_MESSAGE),
        (AssertionError("secret"), MASKED_MESSAGE),
        (asyncio.CancelledError("secret"), MASKED_MESSAGE),
        (Secretive("secret"), MASKED_MESSAGE),
    ],
)
def test_only_messages_meant_for_the_author_are_told(exc: BaseException, message: str) -> None:
    assert error_body(exc) == {"error": type(exc).__name__, "message": message}
    assert json.loads(dumps(exc)) == {"error": type(exc).__name__, "message": message}


def test_a_group_of_one_counts_as_its_member() -> None:
    group = ExceptionGroup("g", [ExceptionGroup("h", [ValueError("a")])])
    assert error_body(group) == {"error": "ValueError", "message": "a"}
