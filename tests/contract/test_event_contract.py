"""Events are judged by the schema the contract gives to each name."""

import pytest

from graphstead.contract.events import EventContract, parse_frames
from graphstead.contract.load import Document, packaged


@pytest.fixture(scope="module")
def events(document: Document) -> EventContract:
    """The sample's events."""
    return EventContract(document)


@pytest.mark.parametrize(
    ("event", "data", "fault"),
    [
        ("metadata", b'{"run_id":"1"}', None),
        ("values", b"{}", None),
        ("values|a|b", b"{}", None),
        ("metadata", b"{}", "data: 'run_id' is required"),
        ("values", b"[]", "is not of type object"),
        ("values", b"{", "data is not JSON"),
        ("valuesx", b"{}", "is not declared"),
        ("end", b"null", "is not declared"),
    ],
)
def test_each_event_is_judged(
    events: EventContract, event: str, data: bytes, fault: str | None
) -> None:
    faults = events.check("stream_events", event, data)
    assert bool(faults) == (fault is not None)
    assert fault is None or fault in faults[0]


def test_only_streaming_operations_have_events(events: EventContract) -> None:
    assert events.streams("stream_events") and not events.streams("get_thing")


def test_frames_are_read_whole_and_comments_ignored(events: EventContract) -> None:
    chunk = b': heartbeat\n\nid: 1\nevent: values\ndata: {"a":\ndata: 1}\n\ndata: 5\r\n\r\n'
    assert list(parse_frames(chunk)) == [("values", b'{"a":\n1}'), ("message", b"5")]
    assert len(events.check_frames("stream_events", chunk)) == 1


@pytest.mark.parametrize(
    "operation_id",
    [
        "stream_run_stateless_runs_stream_post",
        "stream_run_threads__thread_id__runs_stream_post",
        "stream_run_http_threads__thread_id__runs__run_id__join_get",
        "stream_run_stateless_get",
    ],
)
def test_the_published_streams_know_the_usual_events(operation_id: str) -> None:
    published = EventContract(packaged())
    assert published.check(operation_id, "values", b'{"messages":[]}') == ()
    assert published.check(operation_id, "values|child:1", b'{"a":1}') == ()
    assert published.check(operation_id, "error", b'{"error":"E","message":"m"}') == ()
    assert published.check(operation_id, "nonsense", b"1") != ()
