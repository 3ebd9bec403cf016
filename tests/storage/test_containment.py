from __future__ import annotations

from typing import Any

import pytest

from graphstead.storage.conditions import contains
from graphstead.storage.sqlite.functions import json_contains, json_has_items


@pytest.mark.parametrize(
    ("whole", "part"),
    [
        ({"a": 1, "b": 2}, {"a": 1}),
        ({"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"d": 2}}}),
        ({"a": 1}, {}),
        ({"a": {"x": 1}}, {"a": {}}),
        ([1, 2, 3], [3, 1]),
        ([1], [1, 1]),
        ([{"a": 1, "b": 2}], [{"a": 1}]),
        ([[1, 2]], [[2]]),
        ({"a": 1}, {"a": 1.0}),
        ({"a": None}, {"a": None}),
    ],
)
def test_a_whole_contains_its_parts(whole: Any, part: Any) -> None:
    assert contains(whole, part)


@pytest.mark.parametrize(
    ("whole", "part"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"b": 1}),
        ({}, {"a": None}),
        ({"a": 1}, {"a": True}),
        ({"a": 0}, {"a": False}),
        ({"a": "1"}, {"a": 1}),
        ({"a": [1]}, {"a": 1}),
        ({"a": {"b": 1}}, {"a": []}),
        ([1, 2], [3]),
        ([[1]], [1]),
    ],
)
def test_a_whole_does_not_contain_what_is_elsewhere_or_of_another_type(
    whole: Any, part: Any
) -> None:
    assert not contains(whole, part)


def test_nothing_contains_nothing() -> None:
    assert not json_contains(None, "{}")


def test_items_are_equal_as_wholes() -> None:
    assert json_has_items('{"a": {"b": 1}, "c": [1, 2]}', '{"a": {"b": 1.0}, "c": [1, 2]}')
    assert not json_has_items('{"a": {"b": 1}}', '{"a": {}}')
    assert not json_has_items('{"a": [1, 2]}', '{"a": [2, 1]}')
    assert not json_has_items("{}", '{"a": null}')
