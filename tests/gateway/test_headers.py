"""What goes on, what this hop adds, and what it keeps for itself."""

from __future__ import annotations

from collections.abc import Callable

from gateway.gateways import Gateway
from gateway.upstreams import Upstream, says, says_json
from servers import until_true

from graphstead import __version__

SECRET = "sk-not-for-logs"


def test_headers_of_one_connection_stay_there(behind: Upstream, reporting: Gateway) -> None:
    behind.answer = says_json({"ok": True}, 200, "keep-alive: timeout=9", "x-kept: yes")
    sent = {"connection": "close, x-mine", "x-mine": "1", "te": "trailers", "x-theirs": "2"}
    answer = reporting.get("/ok", headers=sent)
    seen = behind.seen[-1]
    assert seen.header("x-mine") is None and seen.header("te") is None
    assert seen.header("x-theirs") == "2"
    assert "keep-alive" not in answer.headers
    assert answer.headers["x-kept"] == "yes"


def test_the_server_is_told_who_came_from_where(behind: Upstream, reporting: Gateway) -> None:
    sent = {"x-forwarded-for": "10.1.2.3", "x-forwarded-proto": "ftp", "x-request-id": "mine-1"}
    answer = reporting.get("/ok", headers=sent)
    seen = behind.seen[-1]
    assert seen.header("x-forwarded-for") == "10.1.2.3, 127.0.0.1"
    assert seen.header("x-forwarded-proto") == "http"
    assert seen.header("x-forwarded-host") == f"127.0.0.1:{reporting.port}"
    assert seen.header("host") == behind.url.removeprefix("http://")
    assert seen.header("x-request-id") == "mine-1"
    assert answer.headers["x-request-id"] == "mine-1"


def test_an_id_of_the_server_is_kept(behind: Upstream, reporting: Gateway) -> None:
    behind.answer = says_json({"ok": True}, 200, "x-request-id: theirs")
    assert reporting.get("/ok").headers.get_list("x-request-id") == ["theirs"]


def test_events_are_asked_for_where_the_client_left_off(
    behind: Upstream, reporting: Gateway
) -> None:
    place = "/threads/01a22b73-4dc2-76fa-829d-c31228cc8294/stream"
    reporting.get(place, headers={"last-event-id": "1763692497016-3"})
    assert behind.seen[-1].header("last-event-id") == "1763692497016-3"


def test_head_has_the_headers_of_get_and_no_body(behind: Upstream, enforcing: Gateway) -> None:
    behind.answer = says(200, b'{"ok": 1}', "content-type: application/json")
    answer = enforcing.call("HEAD", "/ok")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "9"
    assert behind.seen[-1].method == "HEAD"


def test_preflights_are_answered_by_the_server(behind: Upstream, enforcing: Gateway) -> None:
    behind.answer = says(200, b"", "access-control-allow-origin: https://a.example")
    sent = {"origin": "https://a.example", "access-control-request-method": "POST"}
    answer = enforcing.call("OPTIONS", "/threads", headers=sent)
    assert answer.headers["access-control-allow-origin"] == "https://a.example"


def test_pages_of_any_origin_can_read_a_refusal(behind: Upstream, enforcing: Gateway) -> None:
    answer = enforcing.get("/nowhere", headers={"origin": "https://a.example"})
    assert answer.status_code == 404
    assert answer.headers["access-control-allow-origin"] == "*"


def test_places_are_told_from_the_root_of_the_gateway(
    behind: Upstream, make_gateway: Callable[..., Gateway]
) -> None:
    place = "/threads/t/runs/r"
    gateway = make_gateway(
        f"{behind.url}/deep/down/",
        *("--upstream-header", f"x-api-key: {SECRET}"),
        *("--upstream-header", "x-from: $FROM_HERE"),
        env={"FROM_HERE": "the environment"},
    ).wait_ok()
    behind.answer = says_json(
        {"ok": True},
        200,
        f"location: /deep/down{place}/join",
        f"content-location: {behind.url}/deep/down{place}",
    )
    answer = gateway.get("/ok?a=%2F", headers={"x-api-key": "a key of the client"})
    assert answer.headers["location"] == f"{place}/join"
    assert answer.headers["content-location"] == place
    seen = behind.seen[-1]
    assert seen.target == "/deep/down/ok?a=%2F"
    assert [v for k, v in seen.headers if k == "x-api-key"] == [SECRET]
    assert seen.header("x-from") == "the environment"
    assert SECRET not in gateway.log + gateway.get("/_gateway/report").text


def test_the_report_is_a_page_and_json(behind: Upstream, reporting: Gateway) -> None:
    behind.answer = says_json({"ok": True}, 297)
    reporting.get("/ok")
    page = reporting.get("/_gateway/report", headers={"accept": "text/html"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "status 297 is not declared" in page.text
    assert f"graphstead {__version__}" in page.text
    data = reporting.get("/_gateway/report", headers={"accept": "application/json"}).json()
    assert data["upstream"] == behind.url
    assert data["counts"]["upstream"] > 0
    assert behind.seen[-1].target == "/ok", "its own pages go no further"


def test_what_a_server_says_cannot_leave_the_text_of_the_page(
    behind: Upstream, reporting: Gateway
) -> None:
    behind.answer = says(200, b"", "content-type: <script>alert(1)</script>")
    reporting.get("/ok")
    page = reporting.get("/_gateway/report")
    assert "<script" not in page.text and "&lt;script&gt;" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_metrics_count_by_operation(behind: Upstream, enforcing: Gateway) -> None:
    behind.answer = says_json({"ok": True})
    enforcing.get("/ok")
    enforcing.get("/nowhere")
    answered = 'graphstead_gateway_requests_total{method="GET",path="/ok",status="200"}'
    # It is counted once its answer is on its way.
    until_true(lambda: answered in enforcing.get("/_gateway/metrics").text)
    text = enforcing.get("/_gateway/metrics").text
    assert 'graphstead_gateway_refused_total{code="not_found"}' in text
    assert "nowhere" not in text


def test_its_pages_are_for_this_machine_unless_there_is_a_key(
    behind: Upstream, reporting: Gateway, make_gateway: Callable[..., Gateway]
) -> None:
    passed_on = {"x-forwarded-for": "10.1.2.3"}
    assert reporting.get("/_gateway/report", headers=passed_on).status_code == 401
    assert reporting.get("/_gateway/ok", headers=passed_on).status_code == 200
    keyed = make_gateway(behind.url, env={"GRAPHSTEAD_GATEWAY_KEY": "sesame"}).wait_ok()
    assert keyed.get("/_gateway/report").status_code == 401
    assert keyed.get("/_gateway/report", headers={"x-api-key": "sesam"}).status_code == 401
    assert keyed.get("/_gateway/report", headers={"x-api-key": "sesame"}).status_code == 200
    bearer = {"authorization": "Bearer sesame"}
    assert keyed.get("/_gateway/metrics", headers=bearer).status_code == 200
    assert keyed.post("/_gateway/report", {}, headers=bearer).status_code == 405
    assert keyed.get("/_gateway/nothing", headers=bearer).status_code == 404
