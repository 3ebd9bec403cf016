"""Figures as Prometheus text, by Prometheus's own library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphstead.figures import FAMILIES, Family, Key, Labels, Tally

__all__ = ["expose", "of"]


def of(family: Family, known: Mapping[Key, Any]) -> list[tuple[Labels, Any]]:
    """Return the labels and values of one metric, in order."""
    return sorted((labels, value) for (name, labels), value in known.items() if name == family.name)


def expose(tally: Tally) -> bytes:
    """Return every metric as text."""
    # Imported at the first scrape: a server that is not scraped starts 50 ms sooner.
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(tally))
    return generate_latest(registry)


class _Collected:
    """What the library asks for its metrics."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> Iterator[Any]:
        for family in FAMILIES.values():
            yield _histogram(family, self._tally) if family.bounds else _plain(family, self._tally)


def _plain(family: Family, tally: Tally) -> Any:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    counts = family.kind == "counter"
    kind = CounterMetricFamily if counts else GaugeMetricFamily
    metric = kind(family.name, family.help, labels=family.labels)
    for labels, number in of(family, tally.counts if counts else tally.levels) or _unseen(family):
        metric.add_metric(labels, max(0, number))
    return metric


def _histogram(family: Family, tally: Tally) -> Any:
    from prometheus_client.core import HistogramMetricFamily

    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    for labels, spread in of(family, tally.spreads) or _unseen(family):
        metric.add_metric(labels, _buckets(family, spread), spread[-1])
    return metric


def _unseen(family: Family) -> list[tuple[Labels, Any]]:
    """Return zero for what has no labels: a figure that is there from the start can be watched."""
    if family.labels:
        return []
    return [((), [0] * (len(family.bounds) + 2) if family.bounds else 0)]


def _buckets(family: Family, spread: list[float]) -> list[tuple[str, float]]:
    """Return (bound, values up to it), as Prometheus wants them."""
    up_to, found = 0.0, []
    for bound, number in zip((*family.bounds, None), spread[:-1], strict=True):
        up_to += number
        found.append(("+Inf" if bound is None else str(float(bound)), up_to))
    return found
