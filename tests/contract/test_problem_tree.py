"""Every problem has a status, a code and a sentence."""

import pytest

from graphstead import problems
from graphstead.problems import Problem, StartupError, ThreadNotFound, Unavailable


def subclasses(kind: type[Problem]) -> list[type[Problem]]:
    return [inner for direct in kind.__subclasses__() for inner in [direct, *subclasses(direct)]]


def ours() -> list[type[Problem]]:
    return [kind for kind in subclasses(Problem) if kind.__module__ == problems.__name__]


def test_codes_are_unique_words() -> None:
    codes = [kind.code for kind in ours()]
    assert len(codes) == len(set(codes))
    assert all(code.replace("_", "").isalpha() and code.islower() for code in codes)


@pytest.mark.parametrize("kind", ours(), ids=lambda kind: kind.__name__)
def test_the_tree_at_the_head_of_the_file_names_each(kind: type[Problem]) -> None:
    assert kind.__name__ in (problems.__doc__ or "")
    assert kind.__name__ in problems.__all__


def test_the_wire_form_leaves_out_an_empty_list_of_errors() -> None:
    assert ThreadNotFound("t").to_body("r") == {
        "detail": "Thread 't' not found",
        "code": "thread_not_found",
        "request_id": "r",
    }
    errors = [problems.FieldError(loc="body.a", msg="is required")]
    body = problems.Unprocessable("body.a: is required", errors=errors).to_body("r")
    assert body["errors"] == errors


def test_unavailable_says_when_to_come_back() -> None:
    assert Unavailable(retry_after_s=0.2).headers == {"retry-after": "1"}
    assert Unavailable(retry_after_s=2.5).headers == {"retry-after": "3"}


def test_a_graph_that_is_not_there_is_answered_with_those_that_are() -> None:
    problem = problems.GraphNotFound("x", ["b", "a"])
    assert problem.status == 422
    assert problem.detail == "Graph 'x' not found. Expected one of: ['a', 'b']"


def test_a_startup_error_lists_its_faults() -> None:
    assert StartupError(["one", "two"]).faults == ("one", "two")
    assert str(StartupError(["one", "two"])) == "one\ntwo"
