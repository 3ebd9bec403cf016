"""Enforcing stops what breaks the contract, in either direction."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
from gateway.gateways import Gateway
from gateway.test_reporting import METADATA, RUN
from gateway.upstreams import Answer, Upstream, says, says_json, streams


def test_a_broken_request_is_refused_by_name_and_goes_no_further(
    behind: Upstream, enforcing: Gateway
) -> None:
    answer = enforcing.post("/threads/search", {"limit": "many"})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["loc"] == "body.limit"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert behind.seen == []


def test_a_broken_json_rpc_request_is_refused_in_its_envelope(
    behind: Upstream, enforcing: Gateway
) -> None:
    answer = enforcing.post("/a2a/echo", {"jsonrpc": "2.0", "id": 7, "method": 5})
    assert answer.json()["id"] == 7
    assert answer.json()["error"]["code"] == -32600
    assert behind.seen == []


def test_an_unknown_path_is_not_found(behind: Upstream, enforcing: Gateway) -> None:
    assert enforcing.get("/of/my/own").status_code == 404
    assert behind.seen == []


def test_a_wrong_method_is_told_the_right_ones(behind: Upstream, enforcing: Gateway) -> None:
    answer = enforcing.call("DELETE", "/info")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert behind.seen == []


def test_an_allowed_path_passes_unjudged(behind: Upstream, enforcing: Gateway) -> None:
    behind.answer = says(418, b"tea", "content-type: text/plain")
    assert enforcing.get("/app/tea").status_code == 418


def test_a_slash_too_many_is_answered_by_the_server(behind: Upstream, enforcing: Gateway) -> None:
    behind.answer = says(307, b"", "location: /info")
    assert enforcing.get("/info/").headers["location"] == "/info"


def test_a_sound_answer_passes_byte_for_byte(behind: Upstream, enforcing: Gateway) -> None:
    behind.answer = says(200, b'{ "ok" : true }', "content-type: application/json")
    assert enforcing.get("/ok").content == b'{ "ok" : true }'


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        (says_json({"ok": True}, 299), "status 299 is not declared"),
        (says_json({"ok": "certainly"}), "body.ok"),
        (says(200, b"{nonsense", "content-type: application/json"), "the body is not JSON"),
        (says(200, b"<p>", "content-type: text/html"), "content type 'text/html'"),
        (
            says(200, gzip.compress(b'{"ok":3}'), *("content-type: application/json",),
                 "content-encoding: gzip"),
            "body.ok",
        ),
        (
            says(200, b"no gzip", "content-type: application/json", "content-encoding: gzip"),
            "not encoded as it says",
        ),
        (
            says(200, b"{}", "content-type: application/json", "content-encoding: br"),
            "content-encoding 'br' cannot be judged",
        ),
        (says_json({"ok": True, "services": {"x": "y" * 1_200_000}}), "longer than the 1048576"),
    ],
    ids=["status", "member", "json", "type", "gzip", "no-gzip", "brotli", "length"],
)  # fmt: skip
def test_a_broken_answer_is_a_bad_gateway_that_says_what_broke(
    behind: Upstream, enforcing: Gateway, broken: Answer, named: str
) -> None:
    behind.answer = broken
    answer = enforcing.get("/ok")
    assert answer.status_code == 502
    assert answer.json()["code"] == "bad_gateway"
    assert named in answer.json()["detail"]


def test_a_declared_fault_of_the_server_passes(behind: Upstream, enforcing: Gateway) -> None:
    body = {"detail": "no", "code": "server_error", "request_id": "r"}
    behind.answer = says_json(body, 500, "x-request-id: r")
    answer = enforcing.get("/info")
    assert (answer.status_code, answer.json()) == (500, body)


def test_a_broken_event_ends_the_stream_with_an_error(behind: Upstream, enforcing: Gateway) -> None:
    broken, later = b'event: metadata\ndata: {"run_id":5}\n\n', b": later\n\n"
    behind.answer = streams(METADATA, broken + later)
    content = enforcing.post("/runs/stream", RUN).content
    assert content.startswith(METADATA)
    rest = content.removeprefix(METADATA)
    assert rest.startswith(b"event: error\r\ndata: ")
    told = json.loads(rest.partition(b"data: ")[2])
    assert told["error"] == "BadGateway"
    assert "event 'metadata': data.run_id" in told["message"]
    assert b"later" not in content


def test_sound_events_before_a_broken_one_in_the_same_chunk_still_arrive(
    behind: Upstream, enforcing: Gateway
) -> None:
    behind.answer = streams(METADATA + b": beat\n\n" + b"event: gossip\ndata: {}\n\n")
    content = enforcing.post("/runs/stream", RUN).content
    assert content.startswith(METADATA + b": beat\n\nevent: error")


def test_an_encoded_stream_is_judged_and_sent_plain(behind: Upstream, enforcing: Gateway) -> None:
    pack = zlib.compressobj(wbits=31)
    packed = pack.compress(METADATA) + pack.flush()
    behind.answer = streams(packed, headers=(b"content-encoding: gzip",))
    answer = enforcing.post("/runs/stream", RUN)
    assert answer.content == METADATA
    assert "content-encoding" not in answer.headers


def test_what_the_contract_calls_no_json_passes_as_it_comes(
    behind: Upstream, enforcing: Gateway
) -> None:
    page = b"<!doctype html>" + b"x" * 1_500_000
    behind.answer = says(200, page, "content-type: text/html; charset=utf-8")
    assert enforcing.get("/docs").content == page


def test_a_body_longer_than_is_judged_is_refused(behind: Upstream, enforcing: Gateway) -> None:
    answer = enforcing.post("/threads", {"metadata": {"text": "x" * 1_200_000}})
    assert answer.status_code == 413
    assert behind.seen == []
