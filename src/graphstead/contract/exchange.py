"""What one request carries through the layers, kept in the ASGI scope."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from starlette.types import Receive, Scope

from graphstead.contract.auth import ANONYMOUS, Caller

if TYPE_CHECKING:
    from graphstead.contract.compile import Operation

__all__ = ["Disconnected", "Drain", "Exchange", "Headers", "exchange_of"]

KEY = "contract"
Headers: TypeAlias = Sequence[tuple[bytes, bytes]]


class Drain(Protocol):
    """A signal such as asyncio.Event, set by the server when it starts to shut down."""

    async def wait(self) -> Any:
        """Return once the server drains."""

    def is_set(self) -> bool:
        """Tell whether the server is draining."""


class Disconnected:
    """Tells whether the client left. Awaitable; nothing listens before someone asks."""

    __slots__ = ("_gone", "_receive", "_watcher")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._gone = False
        self._watcher: asyncio.Task[None] | None = None

    async def wait(self) -> None:
        """Return once the client has left. Several may wait; cancelling one harms no other."""
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._listen(), name="client-disconnect")
        await asyncio.shield(self._watcher)

    def __await__(self) -> Any:
        return self.wait().__await__()

    def is_set(self) -> bool:
        """Tell whether the client is known to have left."""
        return self._gone

    async def _listen(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._gone = True
                return

    async def stop(self) -> None:
        """Stop listening; called when the answer is complete."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None and not watcher.done():
            watcher.cancel()
            await asyncio.wait([watcher])


class Exchange:
    """The state of one request: its id, its operation, its caller, what was decoded."""

    __slots__ = (
        "_path",
        "_scheme",
        "arguments",
        "caller",
        "disconnected",
        "headers",
        "ignored",
        "operation",
        "request_id",
    )

    def __init__(
        self, request_id: str, headers: Headers = (), *, scheme: str = "http", path: str = "/"
    ) -> None:
        self.request_id = request_id
        self.headers = headers
        self._scheme = scheme
        self._path = path
        self.operation: Operation | None = None
        self.caller: Caller = ANONYMOUS
        self.arguments: dict[str, Any] = {}
        self.ignored: tuple[str, ...] = ()
        self.disconnected: Disconnected | None = None

    @property
    def idempotency_key(self) -> str | None:
        """Return the Idempotency-Key of an operation that declares it."""
        key: str | None = self.arguments.get("idempotency_key")
        return key

    @property
    def base_url(self) -> str:
        """Return this server as the client addressed it: scheme, host, and any prefix of paths."""
        host = next((v.decode("latin-1") for k, v in self.headers if k == b"host"), "localhost")
        segments = self._path.split("/")
        own = len(segments) - 1 if self.operation is None else self.operation.path.count("/")
        return f"{self._scheme}://{host}{'/'.join(segments[: len(segments) - own])}"

    @property
    def asked(self) -> Exchange:
        """Return what a handler names `asked`: the request as the engine's `Asked`."""
        return self


def exchange_of(scope: Scope | MutableMapping[str, Any]) -> Exchange:
    """Return the exchange that the outermost layer put into the scope."""
    exchange: Exchange = scope["extensions"][KEY]
    return exchange
