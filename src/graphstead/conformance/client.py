"""Call a server, keep every exchange, and remember what was made, to remove it afterwards."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from graphstead.conformance.exchange import Event, Exchange, events_in

__all__ = ["Client", "Target"]

JSON = "application/json"
# Less than servers let a connection be idle: one that they close must not meet a request.
IDLE_S = 1.0
MAKERS = {"/assistants": "assistant_id", "/threads": "thread_id", "/runs/crons": "cron_id"}


@dataclass(frozen=True, slots=True)
class Target:
    """The server under test."""

    base_url: str
    http: httpx.Client
    timeout_s: float

    @classmethod
    def of(cls, base_url: str, headers: Mapping[str, str], timeout_s: float) -> Target:
        """Open connections to a server; `headers` go with every request."""
        base_url = base_url.rstrip("/")
        limits = httpx.Limits(keepalive_expiry=IDLE_S)
        http = httpx.Client(
            base_url=base_url, headers=dict(headers), timeout=timeout_s, limits=limits
        )
        return cls(base_url, http, timeout_s)


@dataclass
class Client:
    """One caller of the server, with all that it asked and was answered."""

    target: Target
    exchanges: list[Exchange] = field(default_factory=list)
    made: list[tuple[str, Any]] = field(default_factory=list)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Exchange:
        """Send one request and return the exchange; `content` is sent as it is.

        Raises httpx.HTTPError when there was no answer.
        """
        request = self._request(method, path, body, query, headers, content)
        answer = self.target.http.send(request)
        return self._keep(request, answer, answer.content)

    def stream(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        until: Callable[[list[Event]], bool] | None = None,
        timeout_s: float | None = None,
    ) -> Exchange:
        """Read a stream until it ends, `until` holds of the events so far, or the time is up.

        `timeout_s` is how long to listen once the answer has begun.
        """
        limit_s = self.target.timeout_s if timeout_s is None else timeout_s
        request = self._request(method, path, body, query, headers, content)
        patience = httpx.Timeout(self.target.timeout_s).as_dict()
        request.extensions["timeout"] = patience
        answer = self.target.http.send(request, stream=True)
        # Asked for anew with each piece that is read.
        patience["read"] = limit_s
        deadline_s = time.monotonic() + limit_s
        read = bytearray()
        try:
            for chunk in answer.iter_bytes():
                read += chunk
                if time.monotonic() > deadline_s or (until and until(list(events_in(bytes(read))))):
                    break
        except httpx.ReadTimeout:
            pass
        finally:
            answer.close()
        return self._keep(request, answer, bytes(read))

    def clean_up(self) -> None:
        """Remove what was made, as far as it is still there."""
        for path, body in reversed(self.made):
            with contextlib.suppress(httpx.HTTPError):
                self.target.http.request("DELETE", path, json=body)

    def _request(
        self,
        method: str,
        path: str,
        body: Any,
        query: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        content: bytes | None,
    ) -> httpx.Request:
        sent = content if content is not None or body is None else orjson.dumps(body)
        typed = {} if sent is None else {"content-type": JSON}
        given = {**typed, **(headers or {})}
        return self.target.http.build_request(
            method, path, params=query, headers=given, content=sent
        )

    def _keep(self, request: httpx.Request, answer: httpx.Response, body: bytes) -> Exchange:
        kept = Exchange(
            method=request.method,
            url=str(request.url),
            request_headers=dict(request.headers),
            request_body=request.content,
            status=answer.status_code,
            headers=dict(answer.headers),
            body=body,
        )
        self.exchanges.append(kept)
        with contextlib.suppress(ValueError):
            self._remember(str(request.url).removeprefix(self.target.base_url), kept)
        return kept

    def _remember(self, path: str, kept: Exchange) -> None:
        """Note what a success has made: resources by the id in the answer, items by the request."""
        if not kept.accepted or kept.method not in ("POST", "PUT") or kept.is_stream:
            return
        if path == "/store/items":
            item = orjson.loads(kept.request_body)
            self.made.append((path, {name: item[name] for name in ("namespace", "key")}))
            return
        answer = kept.json()
        for one in answer if isinstance(answer, list) else [answer]:
            if isinstance(one, dict):
                self._remember_resource(path, one)

    def _remember_resource(self, path: str, one: dict[str, Any]) -> None:
        for place, name in MAKERS.items():
            if (path == place or path.endswith(("/copy", place))) and one.get(name):
                self.made.append((f"{place}/{one[name]}", None))
        if path.endswith("/runs") and one.get("thread_id"):
            self.made.append((f"/threads/{one['thread_id']}", None))
