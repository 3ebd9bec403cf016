"""Nothing is held back, and either side learns when the other one leaves."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable

import httpx
import pytest
from gateway.gateways import Gateway
from gateway.test_reporting import METADATA, RUN
from gateway.upstreams import Seen, Upstream, Wire
from ports import free_port
from servers import until_true

VALUES = b'event: values\r\ndata: {"x":1}\r\n\r\n'
WAIT_S = 30


@pytest.fixture(params=["report", "enforce"])
def gateway(request: pytest.FixtureRequest, both: list[Gateway], behind: Upstream) -> Gateway:
    return both[0 if request.param == "report" else 1]


def in_two(behind: Upstream, first: bytes, second: bytes) -> threading.Event:
    """Have the server stream these bytes, the second once the event that is returned is set."""
    go_on = threading.Event()

    def answer(seen: Seen, wire: Wire) -> None:
        wire.begin_stream()
        wire.chunk(first)
        assert go_on.wait(WAIT_S)
        wire.chunk(second)
        wire.end_stream()

    behind.answer = answer
    return go_on


def test_each_event_arrives_while_the_server_waits_with_the_next(
    behind: Upstream, gateway: Gateway
) -> None:
    go_on = in_two(behind, METADATA, VALUES)
    with httpx.stream("POST", f"{gateway.url}/runs/stream", json=RUN, timeout=WAIT_S) as stream:
        chunks = stream.iter_raw()
        assert next(chunks) == METADATA
        go_on.set()
        assert b"".join(chunks) == VALUES


def test_reporting_passes_half_an_event_at_once(behind: Upstream, reporting: Gateway) -> None:
    go_on = in_two(behind, METADATA[:25], METADATA[25:])
    with httpx.stream("POST", f"{reporting.url}/runs/stream", json=RUN, timeout=WAIT_S) as stream:
        chunks = stream.iter_raw()
        assert next(chunks) == METADATA[:25]
        go_on.set()
        assert b"".join(chunks) == METADATA[25:]


def test_an_answer_that_is_cut_short_is_cut_for_the_client(
    behind: Upstream, gateway: Gateway
) -> None:
    def answer(seen: Seen, wire: Wire) -> None:
        wire.begin_stream()
        wire.chunk(METADATA)

    behind.answer = answer
    before = gateway.count("upstream", "POST /runs/stream", "the answer was cut short")
    with (
        httpx.stream("POST", f"{gateway.url}/runs/stream", json=RUN, timeout=WAIT_S) as stream,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        for chunk in stream.iter_raw():
            assert chunk == METADATA
    after = gateway.count("upstream", "POST /runs/stream", "the answer was cut short")
    assert after == before + 1


def test_a_client_that_leaves_a_stream_is_gone_for_the_server(
    behind: Upstream, gateway: Gateway
) -> None:
    left = threading.Event()

    def answer(seen: Seen, wire: Wire) -> None:
        wire.begin_stream()
        wire.chunk(METADATA)
        if wire.is_left(WAIT_S):
            left.set()

    behind.answer = answer
    with httpx.stream("POST", f"{gateway.url}/runs/stream", json=RUN, timeout=WAIT_S) as stream:
        assert next(stream.iter_raw()) == METADATA
    assert left.wait(WAIT_S)


def test_a_client_that_leaves_before_the_answer_is_gone_for_the_server(
    behind: Upstream, gateway: Gateway
) -> None:
    asked, left = threading.Event(), threading.Event()

    def answer(seen: Seen, wire: Wire) -> None:
        asked.set()
        if wire.is_left(WAIT_S):
            left.set()

    behind.answer = answer
    content = json.dumps(RUN).encode()
    head = "POST /runs/wait HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    head += f"content-length: {len(content)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), WAIT_S) as client:
        client.sendall(head.encode() + content)
        assert asked.wait(WAIT_S)
    assert left.wait(WAIT_S)


def test_silence_is_a_gateway_timeout(
    behind: Upstream, make_gateway: Callable[..., Gateway]
) -> None:
    gateway = make_gateway(behind.url, "--timeout-s", "1").wait_ok()
    over = threading.Event()

    def answer(seen: Seen, wire: Wire) -> None:
        over.wait(WAIT_S)

    behind.answer = answer
    try:
        refused = gateway.get("/info")
    finally:
        over.set()
    assert (refused.status_code, refused.json()["code"]) == (504, "gateway_timeout")


def test_an_answer_that_never_begins_is_a_bad_gateway(behind: Upstream, gateway: Gateway) -> None:
    def answer(seen: Seen, wire: Wire) -> None:
        return None

    behind.answer = answer
    refused = gateway.post("/threads", {})
    assert (refused.status_code, refused.json()["code"]) == (502, "bad_gateway")
    assert len(behind.seen) == 1, "what may change something is not sent twice"
    assert gateway.get("/info").status_code == 502
    assert len(behind.seen) == 3, "what only reads is"


def test_a_connection_that_is_closed_after_a_fault_harms_no_later_request(
    behind: Upstream, gateway: Gateway
) -> None:
    def answer(seen: Seen, wire: Wire) -> None:
        body = b'{"detail":"no","code":"server_error","request_id":"r"}'
        head = b"HTTP/1.1 500 Whatever\r\ncontent-type: application/json\r\nx-request-id: r\r\n"
        wire.send(head + b"content-length: %d\r\n\r\n%b" % (len(body), body))

    behind.answer = answer
    with httpx.Client(base_url=gateway.url, timeout=WAIT_S) as client:
        answers = [client.post("/threads", json={}).status_code for _ in range(20)]
    assert answers == [500] * 20


def test_a_body_that_stops_half_way_is_a_bad_gateway(behind: Upstream, gateway: Gateway) -> None:
    def answer(seen: Seen, wire: Wire) -> None:
        wire.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"
        )

    behind.answer = answer
    assert gateway.get("/ok").status_code == 502


def test_a_server_that_is_down_is_a_bad_gateway(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(f"http://127.0.0.1:{free_port()}").wait_ok()
    refused = gateway.get("/info")
    assert (refused.status_code, refused.json()["code"]) == (502, "bad_gateway")
    assert "cannot be reached" in refused.json()["detail"]
    assert gateway.get("/_gateway/ok").json() == {"ok": True}


def test_sigterm_lets_open_answers_end_and_ends_with_0(
    behind: Upstream, make_gateway: Callable[..., Gateway]
) -> None:
    go_on = in_two(behind, METADATA, VALUES)
    long = {"GRAPHSTEAD_DRAIN_S": "30"}
    gateway = make_gateway(behind.url, "--mode", "enforce", env=long).wait_ok()
    with httpx.stream("POST", f"{gateway.url}/runs/stream", json=RUN, timeout=WAIT_S) as stream:
        chunks = stream.iter_raw()
        assert next(chunks) == METADATA
        gateway.ask_to_stop()
        until_true(lambda: _refuses(gateway), WAIT_S)
        go_on.set()
        assert b"".join(chunks) == VALUES
    assert gateway.stop(WAIT_S) == 0


def _refuses(gateway: Gateway) -> bool:
    try:
        gateway.get("/_gateway/ok", timeout=2)
    except httpx.TransportError:
        return True
    return False
