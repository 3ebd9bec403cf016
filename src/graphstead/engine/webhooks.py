"""Calling webhooks: each delivery at least once, with growing pauses, then kept as a dead letter.

Any number of processes may send: whoever takes a delivery puts its next try off, so that it is made
by another if this process dies. Calls are signed as Standard Webhooks are.
"""

from __future__ import annotations

import base64
import hmac
import random
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from urllib.parse import urljoin, urlsplit

import httpx
import orjson
import structlog

from graphstead import tracing
from graphstead.engine.clock import Clock, wire_time
from graphstead.engine.merging import TRACEPARENT
from graphstead.engine.outages import Outage
from graphstead.engine.prompts import Prompt
from graphstead.figures import FIGURES
from graphstead.graphs.webhooks import DEFAULT_PORTS, WebhookRules
from graphstead.storage.base import Storage, Tx
from graphstead.storage.rows import DeliveryRow

log = structlog.get_logger("graphstead.webhooks")
LONGEST_S = 0.5
AT_ONCE = 8
STOP_S = 2.0
LEASE_MS = 90_000
ATTEMPTS = 8
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_MS = max(LEASE_MS, int(1000 * FIRST_PAUSE_S * 2**ATTEMPTS))
MAX_REDIRECTS = 5
TIMEOUT = httpx.Timeout(20, connect=5)
AGAIN = frozenset({408, 429})
REDIRECTS = frozenset({307, 308})


class Refused(Exception):
    """The receiver, or the project's rules, refuse the call: it is not made again."""


class Failed(Exception):
    """The call failed, and may succeed another time."""


class Sender:
    """A thread that looks for due deliveries, and a few that make them."""

    def __init__(
        self, storage: Storage, clock: Clock, rules: WebhookRules, secret: str | None
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._call = Call(rules, secret)
        self._prompt = Prompt(storage.doorbells, "deliveries", LONGEST_S)
        self._free = threading.Semaphore(AT_ONCE)
        self._thread = threading.Thread(target=self._main, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._prompt.listen()
        self._thread.start()

    def stop(self) -> None:
        """Take no further delivery; those that take longer than 2 s are made again elsewhere."""
        self._prompt.stop()
        if self._thread.is_alive():
            self._thread.join(10)
        until_s = time.monotonic() + STOP_S
        for _ in range(AT_ONCE):
            self._free.acquire(timeout=max(0.0, until_s - time.monotonic()))
        self._call.close()

    def _main(self) -> None:
        outage = Outage("sending webhooks")
        while not self._prompt.is_stopped:
            try:
                with outage.told():
                    self._turn()
            except Exception:  # the thread's edge: a database that is away comes back
                log.exception("webhooks failed")
            self._prompt.wait(self._prompt.poll_s)

    def _turn(self) -> None:
        while not self._prompt.is_stopped and self._is_due() and self._free.acquire(blocking=False):
            now_ms = self._clock.now_ms()
            taken = self._storage.write_blocking(partial(_take_one, now_ms))
            if not taken:
                self._free.release()
                return
            threading.Thread(target=self._deliver, args=taken, daemon=True).start()

    def _is_due(self) -> bool:
        next_ms = self._storage.read_blocking(lambda tx: tx.deliveries.next_ms())
        return next_ms is not None and next_ms <= self._clock.now_ms()

    def _deliver(self, row: DeliveryRow) -> None:
        try:
            self._try(row)
        except Exception:  # the thread's edge; the delivery is due again later
            if not self._prompt.is_stopped:
                log.exception("a webhook failed", run_id=row.run_id)
        finally:
            self._free.release()
            self._prompt.wake()  # what was due when all were busy

    def _try(self, row: DeliveryRow) -> None:
        try:
            with tracing.span("webhook", parent=_place(row), kind="CLIENT"):
                tracing.mark(graphstead__run_id=row.run_id, graphstead__attempt=row.attempts)
                self._make(row)
        except Refused as why:
            self._put_off(row, None, str(why))
        except Failed as why:
            again_ms = None if row.attempts >= ATTEMPTS else self._clock.now_ms() + pause_ms(row)
            self._put_off(row, again_ms, str(why))
        else:
            self._storage.write_blocking(lambda tx: tx.deliveries.done(row.run_id))
            FIGURES.count("graphstead_webhook_calls_total", ("delivered",))

    def _make(self, row: DeliveryRow) -> None:
        try:
            self._call.make(row, self._clock.now_ms() // 1000)
        except (Refused, Failed) as why:
            tracing.record(why)
            raise

    def _put_off(self, row: DeliveryRow, again_ms: int | None, why: str) -> None:
        self._storage.write_blocking(lambda tx: tx.deliveries.put_off(row.run_id, again_ms, why))
        outcome = "dead" if again_ms is None else "failed"
        FIGURES.count("graphstead_webhook_calls_total", (outcome,))
        fate = "given up" if again_ms is None else "tried again"
        log.warning("a webhook was not delivered", run_id=row.run_id, reason=why, then=fate)


def _take_one(now_ms: int, tx: Tx) -> list[DeliveryRow]:
    return tx.deliveries.take(now_ms, now_ms + LEASE_MS, 1)


def _place(row: DeliveryRow) -> str | None:
    """Return the place of the run in its trace."""
    if not tracing.is_on():
        return None
    config = (orjson.loads(row.payload).get("kwargs") or {}).get("config") or {}
    place: str | None = (config.get("configurable") or {}).get(TRACEPARENT)
    return place


def pause_ms(row: DeliveryRow) -> int:
    """Return how long to wait after so many attempts: 1 to 2 s, then twice as long each time."""
    return int(1000 * FIRST_PAUSE_S * 2 ** (row.attempts - 1) * random.uniform(1, 2))


class Call:
    """One HTTP call of a webhook, under the project's rules."""

    def __init__(self, rules: WebhookRules, secret: str | None) -> None:
        self._rules = rules
        self._key = key_of(secret) if secret else None
        # No connection is kept: its certificate was checked for one name of the address alone.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(timeout=TIMEOUT, trust_env=False, limits=limits)

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def make(self, row: DeliveryRow, now_s: int) -> None:
        """Make the call, following redirects that keep the method. Raises Refused, Failed."""
        body, url = self._body(row), row.url
        for _ in range(MAX_REDIRECTS + 1):
            own = urlsplit(url).netloc == urlsplit(row.url).netloc
            headers = self._rules.headers if own else {}
            answer = self._post(url, body, {**headers, **self._signed(row, body, now_s)})
            if answer.status_code not in REDIRECTS:
                _judge(answer)
                return
            url = urljoin(url, answer.headers.get("location", ""))
        raise Refused(f"more than {MAX_REDIRECTS} redirects")

    def _body(self, row: DeliveryRow) -> bytes:
        payload = {**orjson.loads(row.payload), "webhook_sent_at": wire_time()}
        allowed = self._rules.allowed_fields
        if allowed is not None:
            payload = {key: value for key, value in payload.items() if key in allowed}
        return orjson.dumps(payload)

    def _signed(self, row: DeliveryRow, body: bytes, now_s: int) -> dict[str, str]:
        headers = {
            "content-type": "application/json",
            "user-agent": "graphstead",
            "webhook-id": row.run_id,
            "webhook-timestamp": str(now_s),
        }
        if here := tracing.traceparent():
            headers["traceparent"] = here
        if self._key:
            headers["webhook-signature"] = signature(self._key, row.run_id, now_s, body)
        return headers

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        why: Exception | None = None
        for address in self._addresses(url):
            try:
                return self._post_to(address, url, body, headers)
            except httpx.ConnectError as fault:
                why = fault
            except (httpx.HTTPError, httpx.InvalidURL) as fault:
                raise Failed(f"{type(fault).__name__}: {fault}") from fault
        raise Failed(f"no connection: {why}")

    def _post_to(
        self, address: str, url: str, body: bytes, headers: dict[str, str]
    ) -> httpx.Response:
        """Connect to the address that was judged, not to what the name means a moment later."""
        parts = httpx.URL(url)
        named = {**headers, "host": parts.netloc.decode("ascii")}
        request = self._client.build_request(
            "POST",
            parts.copy_with(host=address),
            content=body,
            headers=named,
            extensions={"sni_hostname": parts.raw_host.decode("ascii")},
        )
        answer = self._client.send(request, stream=True)
        answer.close()
        return answer

    def _addresses(self, url: str) -> Iterator[str]:
        why = self._rules.refusal(url)
        if why is not None:
            raise Refused(f"Webhook host blocked: {why}")
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS[parts.scheme]
        try:
            found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as fault:
            raise Failed(f"{parts.hostname} cannot be resolved: {fault}") from fault
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        for address in addresses:
            why = self._rules.refusal_of_address(address)
            if why is not None:
                raise Refused(f"Webhook host blocked: {why}")
        yield from addresses


def _judge(answer: httpx.Response) -> None:
    status = answer.status_code
    if status >= 500 or status in AGAIN:
        raise Failed(f"the receiver answered {status}")
    if status >= 300:
        raise Refused(f"the receiver answered {status}")


def key_of(secret: str) -> bytes:
    """Return the bytes of a secret: base64 behind `whsec_`, or the text itself."""
    if secret.startswith("whsec_"):
        return base64.b64decode(secret.removeprefix("whsec_"))
    return secret.encode()


def signature(key: bytes, webhook_id: str, at_s: int, body: bytes) -> str:
    """Return ``v1,<base64>``: HMAC-SHA256 of ``<id>.<timestamp>.<body>``."""
    message = f"{webhook_id}.{at_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, message, "sha256")).decode()
