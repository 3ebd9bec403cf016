"""Calls of webhooks to a real receiver: signed, repeated, given up, kept from refused places."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import time
from collections.abc import Iterator

import pytest
from engine.resting import NOON_MS, StoppedClock
from receivers import Receiver, receiving
from servers import until_true

from graphstead.engine import webhooks
from graphstead.engine.webhooks import ATTEMPTS, LEASE_MS, Call, Failed, Refused, Sender, pause_ms
from graphstead.graphs.webhooks import WebhookRules
from graphstead.storage.base import Storage
from graphstead.storage.rows import DeliveryRow

HERE = WebhookRules(disable_loopback=False, headers={"x-key": "k"})
RUN_ID = "019ab3d0-12c4-7e5a-b0a1-3c4d5e6f7a8b"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def delivery(url: str, attempts: int = 1) -> DeliveryRow:
    return DeliveryRow(RUN_ID, url, b'{"a":1,"b":2}', NOON_MS, NOON_MS, attempts)


def make(url: str, rules: WebhookRules = HERE, secret: str | None = None) -> None:
    call = Call(rules, secret)
    try:
        call.make(delivery(url), 1_700_000_000)
    finally:
        call.close()


def test_a_receiver_can_check_who_called(receiver: Receiver) -> None:
    key = b"0123456789abcdef"
    make(f"{receiver.url}/x?token=s", secret="whsec_" + base64.b64encode(key).decode())
    ((path, headers, body),) = receiver.calls
    message = f"{RUN_ID}.1700000000.".encode() + body
    expected = base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (RUN_ID, "1700000000")
    assert (path, headers["x-key"]) == ("/x?token=s", "k")
    assert headers["host"] == receiver.url.removeprefix("http://")
    assert receiver.bodies[0].keys() == {"a", "b", "webhook_sent_at"}


def test_a_secret_may_be_plain_text_or_absent(receiver: Receiver) -> None:
    make(receiver.url, secret="plain")
    make(receiver.url)
    first, second = (headers for _, headers, _ in receiver.calls)
    signed = webhooks.signature(b"plain", RUN_ID, 1_700_000_000, receiver.calls[0][2])
    assert first["webhook-signature"] == signed
    assert "webhook-signature" not in second


def test_only_allowed_fields_are_sent(receiver: Receiver) -> None:
    make(receiver.url, WebhookRules(disable_loopback=False, allowed_fields=("b",)))
    assert receiver.bodies == [{"b": 2}]


def test_a_name_is_judged_by_what_it_resolves_to() -> None:
    call = Call(WebhookRules(disable_private_ips=False), None)
    name = socket.gethostname()
    addresses = {str(one[4][0]) for one in socket.getaddrinfo(name, 9)}
    loopback = any(one.startswith("127.") or one == "::1" for one in addresses)
    try:
        with pytest.raises(Refused if loopback else Failed):
            call.make(delivery(f"http://{name}:9/"), 0)
    finally:
        call.close()
    strict = Call(WebhookRules(), None)
    try:
        with pytest.raises(Refused, match="Webhook host blocked"):
            strict.make(delivery(f"http://{name}:9/"), 0)
    finally:
        strict.close()


def test_a_redirect_to_a_refused_address_is_not_followed(receiver: Receiver) -> None:
    receiver.answers = [(307, "http://10.0.0.1/inside")]
    with pytest.raises(Refused, match="private"):
        make(receiver.url)
    assert len(receiver.calls) == 1


def test_a_redirect_that_keeps_the_method_is_followed_without_the_projects_headers(
    receiver: Receiver,
) -> None:
    with receiving() as other:
        receiver.answers = [(308, f"{other.url}/moved")]
        make(receiver.url)
        ((path, headers, _),) = other.calls
        assert (path, "x-key" in headers) == ("/moved", False)
        other.answers = [(307, "/again")]
        with pytest.raises(Refused, match="more than 5 redirects"):
            make(other.url)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(500, Failed), (503, Failed), (429, Failed), (400, Refused), (302, Refused)],
)
def test_the_status_says_whether_to_call_again(
    receiver: Receiver, status: int, kind: type[Exception]
) -> None:
    receiver.answers = [(status, "")]
    with pytest.raises(kind, match=str(status)):
        make(receiver.url)


def test_nobody_there_is_a_failure_that_may_pass() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        with pytest.raises(Failed, match="no connection"):
            make(f"http://127.0.0.1:{deaf.getsockname()[1]}")


def test_pauses_grow() -> None:
    for attempt in (1, 2, 5):
        assert 1000 * 2 ** (attempt - 1) <= pause_ms(delivery("", attempt)) <= 1000 * 2**attempt


def test_a_receiver_that_fails_is_called_again_and_then_given_up(
    receiver: Receiver, storage: Storage
) -> None:
    receiver.answers = [(500, "")]
    clock = StoppedClock(NOON_MS)
    storage.write_blocking(lambda tx: tx.deliveries.add(delivery(receiver.url, attempts=0)))
    sender = Sender(storage, clock, HERE, None)
    for attempt in range(1, ATTEMPTS + 1):
        row = storage.write_blocking(lambda tx: tx.deliveries.take(clock.at_ms, clock.at_ms + 1, 1))
        assert row[0].attempts == attempt
        sender._try(row[0])
        clock.at_ms += LEASE_MS * 10
    sender._call.close()
    (dead,) = storage.read_blocking(lambda tx: tx.deliveries.dead(9))
    assert (dead.attempts, dead.last_error) == (ATTEMPTS, "the receiver answered 500")
    assert len(receiver.calls) == ATTEMPTS


def test_a_sender_takes_what_is_due_and_forgets_what_arrived(
    receiver: Receiver, storage: Storage
) -> None:
    storage.write_blocking(lambda tx: tx.deliveries.add(delivery(receiver.url, attempts=0)))
    sender = Sender(storage, StoppedClock(NOON_MS), HERE, None)
    sender.start()
    until_true(lambda: storage.read_blocking(lambda tx: tx.deliveries.next_ms()) is None)
    sender.stop()
    assert len(receiver.calls) == 1
    assert storage.read_blocking(lambda tx: tx.deliveries.dead(9)) == []


def test_a_receiver_that_hangs_does_not_hold_up_the_end(storage: Storage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        storage.write_blocking(lambda tx: tx.deliveries.add(delivery(url, attempts=0)))
        sender = Sender(storage, StoppedClock(NOON_MS), HERE, None)
        sender.start()
        connection, _ = silent.accept()
        begun_s = time.monotonic()
        sender.stop()
        assert time.monotonic() - begun_s < 15, "a call may take 20 s"
        connection.close()
    assert storage.read_blocking(lambda tx: tx.deliveries.next_ms()) is not None
