"""Which webhooks may be called: by default none on this machine or in its network."""

from __future__ import annotations

from typing import Any

import pytest

from graphstead.graphs.webhooks import WebhookRules, read_webhooks
from graphstead.problems import StartupError


def read(given: Any) -> tuple[WebhookRules, list[str]]:
    faults: list[str] = []
    return read_webhooks(given, lambda key, text: faults.append(f"{key}: {text}")), faults


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "[fd00::1]",
        "[fe80::1]",
        "[::ffff:10.0.0.1]",
        "[2002:a00:1::]",
        "[64:ff9b::a00:1]",
        "224.0.0.1",
    ],
)
def test_private_and_loopback_addresses_are_refused_in_every_spelling(host: str) -> None:
    assert WebhookRules().refusal(f"http://{host}/hook") is not None
    assert WebhookRules().refusal(f"http://user:pw@{host}:8080/hook") is not None


@pytest.mark.parametrize("host", ["hooks.example.com", "8.8.8.8", "[2606:4700::1111]"])
def test_other_addresses_may_be_called(host: str) -> None:
    assert WebhookRules().refusal(f"http://{host}/hook?token=s") is None


@pytest.mark.parametrize("url", ["ftp://a.example", "//a.example", "https://", "http://a:99999/"])
def test_what_is_no_http_url_is_refused(url: str) -> None:
    assert WebhookRules().refusal(url) is not None


def test_the_project_may_narrow_and_widen_what_is_called() -> None:
    url = {
        "allowed_domains": ["example.com", "127.0.0.1"],
        "allowed_ports": [443, 8443],
        "disable_loopback": False,
    }
    rules, faults = read({"url": url, "allowed_fields": ["run_id"]})
    assert faults == []
    assert (rules.require_https, rules.max_url_length) == (True, 2048)
    assert rules.allowed_fields == ("run_id",)
    for good in ("https://example.com", "https://a.EXAMPLE.com:8443/x", "https://127.0.0.1"):
        assert rules.refusal(good) is None
    for bad in ("http://example.com", "https://badexample.com", "https://example.com:444"):
        assert rules.refusal(bad) is not None
    assert rules.refusal("https://example.com/" + "x" * 2048) is not None


def test_headers_take_variables_of_the_prefix_alone() -> None:
    rules, faults = read({"headers": {"x-key": "Bearer ${{ env.LG_WEBHOOK_KEY }}"}})
    assert faults == []
    assert rules.filled({"LG_WEBHOOK_KEY": "k"}).headers == {"x-key": "Bearer k"}
    with pytest.raises(StartupError, match="LG_WEBHOOK_KEY is not set"):
        rules.filled({})
    rules, _ = read({"headers": {"x": "${{ env.HOME }}"}})
    with pytest.raises(StartupError, match="HOME does not begin with"):
        rules.filled({"HOME": "/"})


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ([], "webhooks"),
        ({"urls": {}}, "webhooks.urls"),
        ({"url": 1}, "webhooks.url"),
        ({"url": {"require_https": "yes"}}, "webhooks.url.require_https"),
        ({"url": {"allowed_ports": ["443"]}}, "webhooks.url.allowed_ports"),
        ({"headers": {"x": 1}}, "webhooks.headers"),
        ({"allowed_fields": "run_id"}, "webhooks.allowed_fields"),
    ],
)
def test_a_faulty_webhooks_key_is_told_by_its_name(given: Any, key: str) -> None:
    _, faults = read(given)
    assert len(faults) == 1
    assert faults[0].startswith(f"{key}: ")
