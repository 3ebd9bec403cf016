"""What one gateway process counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

__all__ = ["GatewayMetrics"]

SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 1800)


class GatewayMetrics:
    """Counters by operation: its path's template, empty where the contract has none."""

    def __init__(self) -> None:
        # Without a second series for each counter, which only says when counting began.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        registry = self._registry
        self.requests = Counter(
            "graphstead_gateway_requests",
            "Requests answered, by the gateway or by the server behind it.",
            ("method", "path", "status"),
            registry=registry,
        )
        self.refused = Counter(
            "graphstead_gateway_refused",
            "Requests that the gateway answered itself, by the code of the problem.",
            ("code",),
            registry=registry,
        )
        self.faults = Counter(
            "graphstead_gateway_faults",
            "Breaches of the contract: of a client, of the server, or what was not judged.",
            ("side", "path"),
            registry=registry,
        )
        self.latency = Histogram(
            "graphstead_gateway_request_seconds",
            "From a request to the end of its answer, streams included.",
            ("path",),
            buckets=SECONDS,
            registry=registry,
        )
        self.upstream = Histogram(
            "graphstead_gateway_upstream_seconds",
            "From sending a request on to the first byte of its answer.",
            ("path",),
            buckets=SECONDS,
            registry=registry,
        )
        self.frames = Counter(
            "graphstead_gateway_frames",
            "Frames of event streams and WebSockets passed on.",
            registry=registry,
        )
        self.open = Gauge(
            "graphstead_gateway_open",
            "What is open: requests, streams and WebSockets.",
            ("kind",),
            registry=registry,
        )
        self.limits_down = Counter(
            "graphstead_gateway_limits_unavailable",
            "Requests let through because the storage of limits did not answer.",
            registry=registry,
        )

    def expose(self) -> bytes:
        """Return everything as text."""
        return generate_latest(self._registry)
