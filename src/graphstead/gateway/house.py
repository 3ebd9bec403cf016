"""What all requests of one gateway share, and one request on its way through it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send

from graphstead.contract.auth import Authenticate
from graphstead.contract.compile import Operation
from graphstead.contract.exchange import Exchange
from graphstead.gateway.contract import GatewayContract
from graphstead.gateway.findings import Findings, Side, without_ids
from graphstead.gateway.limits import Limits
from graphstead.gateway.metrics import GatewayMetrics
from graphstead.gateway.settings import GatewaySettings
from graphstead.gateway.upstream import Upstream
from graphstead.listening import Drain

__all__ = ["Call", "House"]


@dataclass(slots=True)
class House:
    """The parts of one gateway. `authenticate` and `limits` are None where nobody asked."""

    settings: GatewaySettings
    contract: GatewayContract
    upstream: Upstream
    authenticate: Authenticate | None = None
    limits: Limits | None = None
    findings: Findings = field(default_factory=Findings)
    metrics: GatewayMetrics = field(default_factory=GatewayMetrics)
    drain: Drain = field(default_factory=Drain)
    closing: Callable[[], None] = lambda: None

    @property
    def enforces(self) -> bool:
        """Tell whether what breaks the contract is stopped here."""
        return self.settings.mode == "enforce"

    async def close(self) -> None:
        """Close connections, and what callers are recognised with."""
        await self.upstream.close()
        self.closing()


@dataclass(slots=True)
class Call:
    """One request: what was found out about it, and how often the contract was broken."""

    house: House
    scope: Scope
    receive: Receive
    send: Send
    exchange: Exchange
    added: list[tuple[bytes, bytes]] = field(default_factory=list)
    faults: int = 0

    @property
    def operation(self) -> Operation | None:
        """Return the operation, None for a path that is passed on unjudged."""
        return self.exchange.operation

    @property
    def path(self) -> str:
        """Return the template of the path, empty where the contract has none."""
        return "" if self.operation is None else self.operation.path

    @property
    def label(self) -> str:
        """Name the operation, or the path where there is none."""
        if self.operation is None:
            return f"{self.scope.get('method', 'GET')} {without_ids(self.scope['path'])[:80]}"
        return f"{self.operation.method} {self.operation.path}"

    def note(self, side: Side, faults: Iterable[str], sample: bytes = b"") -> None:
        """Put faults on record."""
        found = list(faults)
        if found:
            self.faults += len(found)
            self.house.findings.note(side, self.label, found, sample)
            self.house.metrics.faults.labels(side, self.path).inc(len(found))
