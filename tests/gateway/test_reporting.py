"""Reporting changes no byte, and puts every breach on record."""

from __future__ import annotations

import gzip
import json
import zlib

import httpx
from factories import until
from gateway.gateways import Gateway
from gateway.upstreams import Upstream, says, says_json, streams

OK = "GET /ok"
INFO = "GET /info"
RUN = {"assistant_id": "echo", "input": {"message": "hi"}}
RUN_ID = "01a22b73-4dc2-76fa-829d-c31228cc8294"
METADATA = f'event: metadata\r\ndata: {{"run_id":"{RUN_ID}","attempt":1}}\r\n\r\n'.encode()
STREAM = "POST /runs/stream"


def test_a_sound_answer_passes_and_counts_no_fault(behind: Upstream, reporting: Gateway) -> None:
    behind.answer = says(200, b'{ "ok" : true }', "content-type: application/json", "x-other: 1")
    answer = reporting.get("/ok")
    assert answer.content == b'{ "ok" : true }'
    assert answer.headers["x-other"] == "1"
    assert answer.headers["x-graphstead-faults"] == "0"


def test_an_undeclared_status_passes_and_is_on_record(behind: Upstream, reporting: Gateway) -> None:
    behind.answer = says_json({"ok": True}, 299)
    answer = reporting.get("/ok")
    assert (answer.status_code, answer.headers["x-graphstead-faults"]) == (299, "1")
    assert reporting.count("upstream", OK, "status 299 is not declared") == 1


def test_a_wrong_body_passes_and_is_on_record(behind: Upstream, reporting: Gateway) -> None:
    behind.answer = says_json({"ok": "certainly"})
    answer = reporting.get("/ok")
    assert answer.json() == {"ok": "certainly"}
    assert int(answer.headers["x-graphstead-faults"]) > 0
    rules = [rule for operation, rule in reporting.findings("upstream") if operation == OK]
    assert any(rule.startswith("body.ok") for rule in rules), rules


def test_a_body_that_is_no_json_is_on_record(behind: Upstream, reporting: Gateway) -> None:
    behind.answer = says(200, b"{nonsense", "content-type: application/json")
    assert reporting.get("/info").content == b"{nonsense"
    assert any(
        rule.startswith("the body is not JSON") and operation == INFO
        for operation, rule in reporting.findings("upstream")
    )


def test_another_content_type_is_on_record(behind: Upstream, reporting: Gateway) -> None:
    behind.answer = says(200, b"<p>", "content-type: text/html")
    assert reporting.get("/ok").content == b"<p>"
    assert reporting.count("upstream", OK, "content type 'text/html' is not declared") == 1


def test_a_fault_of_the_server_is_on_record_though_declared(
    behind: Upstream, reporting: Gateway
) -> None:
    body = {"detail": "no", "code": "server_error", "request_id": "r"}
    behind.answer = says_json(body, 500, "x-request-id: r")
    assert reporting.get("/info").json() == body
    assert reporting.count("upstream", INFO, "500: a fault of the server") == 1


def test_an_encoded_body_is_judged_and_passes_encoded(behind: Upstream, reporting: Gateway) -> None:
    packed = gzip.compress(json.dumps({"ok": 17}).encode())
    behind.answer = says(200, packed, "content-type: application/json", "content-encoding: gzip")
    with httpx.stream("GET", f"{reporting.url}/ok") as answer:
        assert b"".join(answer.iter_raw()) == packed
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["x-graphstead-faults"]) > 0
    assert behind.seen[-1].header("accept-encoding") == "gzip, deflate"


def test_an_encoding_nobody_reads_here_passes_and_is_told(
    behind: Upstream, reporting: Gateway
) -> None:
    behind.answer = says(200, b"\x8b\x01", "content-type: application/json", "content-encoding: br")
    with httpx.stream("GET", f"{reporting.url}/ok") as answer:
        assert b"".join(answer.iter_raw()) == b"\x8b\x01"
    assert reporting.count("unjudged", OK, "content-encoding 'br' is not read here") == 1


def test_a_stream_passes_byte_for_byte_and_its_faults_are_on_record(
    behind: Upstream, reporting: Gateway
) -> None:
    chunks = [METADATA[:30], METADATA[30:], b": still here\n\n", b"event: gossip\ndata: {}\n\n"]
    behind.answer = streams(*chunks)
    assert reporting.post("/runs/stream", RUN).content == b"".join(chunks)
    assert reporting.count("upstream", STREAM, "event 'gossip' is not declared") == 1


def test_an_encoded_stream_is_judged(behind: Upstream, reporting: Gateway) -> None:
    pack = zlib.compressobj(wbits=31)
    first = pack.compress(METADATA) + pack.flush(zlib.Z_SYNC_FLUSH)
    second = pack.compress(b"event: rumour\ndata: {}\n\n") + pack.flush()
    behind.answer = streams(first, second, headers=(b"content-encoding: gzip",))
    assert b"event: rumour" in reporting.post("/runs/stream", RUN).content
    assert reporting.count("upstream", STREAM, "event 'rumour' is not declared") == 1


def test_a_stream_that_ends_within_an_event_is_on_record(
    behind: Upstream, reporting: Gateway
) -> None:
    behind.answer = streams(METADATA, b"event: values\ndata: {")
    reporting.post("/runs/stream", RUN)
    assert reporting.count("upstream", STREAM, "the last event of the stream has no end") == 1


def test_a_broken_request_passes_and_is_on_record(behind: Upstream, reporting: Gateway) -> None:
    answer = reporting.post("/threads/search", {"limit": "many"})
    assert behind.seen[-1].body == b'{"limit":"many"}'
    assert int(answer.headers["x-graphstead-faults"]) >= 1
    found = reporting.findings("client")
    assert any(
        operation == "POST /threads/search" and rule.startswith("body.limit: …")
        for operation, rule in found
    ), found


def test_an_undeclared_member_is_on_record(behind: Upstream, reporting: Gateway) -> None:
    reporting.post("/threads", {"thread_idd": "x"})
    assert reporting.count("client", "POST /threads", "thread_idd: is not declared") == 1


def test_an_unknown_path_passes_and_is_on_record(behind: Upstream, reporting: Gateway) -> None:
    behind.answer = says(200, b"mine", "content-type: text/plain")
    assert reporting.get("/of/my/own?a=1").text == "mine"
    assert behind.seen[-1].target == "/of/my/own?a=1"
    assert reporting.count("client", "GET /of/my/own", "This path is not in the contract") == 1


def test_a_request_longer_than_is_judged_passes_as_it_comes(
    behind: Upstream, reporting: Gateway
) -> None:
    long = json.dumps({"metadata": {"text": "x" * 1_200_000}}).encode()
    kind = {"content-type": "application/json"}
    reporting.call("POST", "/threads", content=long, headers=kind)
    assert behind.seen[-1].body == long
    reporting.call("POST", "/threads", content=iter([long[:70_000], long[70_000:]]), headers=kind)
    assert behind.seen[-1].body == long
    rule = "a request body longer than what is judged here"
    assert reporting.count("unjudged", "POST /threads", rule) == 2


def test_an_answer_longer_than_is_judged_passes(behind: Upstream, reporting: Gateway) -> None:
    behind.answer = says_json({"version": "x" * 1_200_000})
    assert len(reporting.get("/info").content) > 1_200_000
    assert reporting.count("unjudged", INFO, "longer than what is judged here") == 1


def test_samples_are_short_and_hold_no_secrets(behind: Upstream, reporting: Gateway) -> None:
    secret, long = "sk-123456", "a long story that nobody has to read in a report"
    value = {"api_key": secret, "text": long, "items": [1, 2, 3, 4]}
    reporting.post("/store/items/search", {"limit": "x", "filter": value})
    found = reporting.findings("client")
    [sample] = [
        one["sample"]
        for (operation, rule), one in found.items()
        if operation == "POST /store/items/search" and "body.limit" in rule
    ]
    assert secret not in sample and long not in sample
    assert "a long story that nobody" in sample
    whole = reporting.get("/_gateway/report.json").text + reporting.log
    assert secret not in whole


async def test_counts_and_times_grow(behind: Upstream, reporting: Gateway) -> None:
    rule = "status 298 is not declared"
    behind.answer = says_json({"ok": True}, 298)
    reporting.get("/ok")
    first = reporting.findings("upstream")[OK, rule]

    async def later() -> bool:
        reporting.get("/ok")
        now = reporting.findings("upstream")[OK, rule]
        grown: bool = now["last_seen"] > first["last_seen"]
        return grown and now["first_seen"] == first["first_seen"] and now["count"] > 1

    assert await until(later)
