"""Rates and quotas per caller, alone or together with other gateways."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from uuid import uuid4

from gateway.gateways import Gateway
from gateway.test_reporting import RUN
from gateway.upstreams import Upstream, says_json
from ports import free_port

REDIS = os.environ.get("GRAPHSTEAD_TEST_REDIS", "redis://127.0.0.1:6379/0")


def hours_with_room() -> int:
    """Return the length of a window that does not end in the next minutes: they begin at 1970."""
    return next(n for n in range(1, 100) if time.time() % (n * 3600) < n * 3600 - 300)


def test_a_rate_is_told_and_then_refused(
    behind: Upstream, make_gateway: Callable[..., Gateway]
) -> None:
    hours = hours_with_room()
    words = ("--rate", f"3/{hours} hours", "--rate", f"runs=1/{hours} hours", "--quota", "100/day")
    gateway = make_gateway(behind.url, *words).wait_ok()
    first = gateway.post("/threads/search", {})
    assert first.headers["ratelimit-limit"] == "3"
    assert first.headers["ratelimit-remaining"] == "2"
    assert 0 < int(first.headers["ratelimit-reset"]) <= hours * 3600
    assert gateway.post("/runs/wait", RUN).headers["ratelimit-limit"] == "1"
    runs = gateway.post("/runs/wait", RUN)
    assert (runs.status_code, runs.json()["code"]) == (429, "too_many_requests")
    assert "make runs" in runs.json()["detail"]
    assert gateway.post("/threads/search", {}).status_code == 200, "a refusal counts for nothing"
    refused = gateway.post("/threads/search", {})
    assert refused.status_code == 429
    assert refused.headers["ratelimit-remaining"] == "0"
    assert 0 < int(refused.headers["retry-after"]) <= hours * 3600
    behind.answer = says_json({"ok": True})
    assert gateway.get("/ok").status_code == 200, "public operations count for nothing"
    assert len(behind.seen) == 4


def test_two_gateways_share_a_quota_in_redis(
    behind: Upstream, make_gateway: Callable[..., Gateway]
) -> None:
    words = ("--quota", "3/day", "--limits", REDIS, "--limits-name", uuid4().hex)
    one, other = make_gateway(behind.url, *words), make_gateway(behind.url, *words)
    one.wait_ok(), other.wait_ok()
    left = [
        gateway.post("/threads/search", {}).headers["ratelimit-remaining"]
        for gateway in (one, other, one)
    ]
    assert left == ["2", "1", "0"]
    assert other.post("/threads/search", {}).status_code == 429


def test_without_redis_requests_are_let_through_and_counted(
    behind: Upstream, make_gateway: Callable[..., Gateway]
) -> None:
    gone = f"redis://127.0.0.1:{free_port()}/0"
    gateway = make_gateway(behind.url, "--rate", "1/day", "--limits", gone).wait_ok()
    assert [gateway.post("/threads/search", {}).status_code for _ in range(2)] == [200, 200]
    text = gateway.get("/_gateway/metrics").text
    assert "graphstead_gateway_limits_unavailable_total 2.0" in text
    assert "limits cannot be counted" in gateway.log
