"""The border to a graph's own code outside of runs: what it raises is an answer, never a 500."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from graphstead.engine.wire import error_body
from graphstead.problems import Problem
from graphstead.storage.errors import StorageError


@contextmanager
def refusing(refusal: Callable[[str], Problem]) -> Iterator[None]:
    """Turn whatever the graph raises into a refusal, which is given the fault in one sentence.

    Problems and faults of the storage, which graphs reach through the saver, pass unchanged.
    """
    try:
        yield
    except (Problem, StorageError):
        raise
    except Exception as fault:  # the graph's edge: reducers and branches may raise anything
        told = error_body(fault)
        raise refusal(f"{told['error']}: {told['message']}") from fault
