"""Counters and histograms that are told of several times for each request.

They show what those of prometheus_client show. Theirs take a lock and look at their labels each time, for the sake of
threads; observers of a worker run in its loop, and so does whoever reads them.
"""

import os
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

__all__ = ["Count", "Counts", "Durations", "Spread"]

_SILENT: Final = frozenset({"true", "1", "t"})


class Count:
    """One counter. Add to `value`, and never take from it."""

    __slots__ = ("created", "value")

    def __init__(self) -> None:
        self.value = 0.0
        self.created = time.time()


class Counts(Collector):
    """The counters of one name, by their labels."""

    def __init__(self, name: str, text: str, labels: Sequence[str] = (), *, registry: CollectorRegistry) -> None:
        self._name, self._text, self._labels = name, text, tuple(labels)
        self._found: dict[tuple[str, ...], Count] = {}
        registry.register(self)

    def of(self, *labels: str) -> Count:
        """The counter with these labels."""
        found = self._found.get(labels)
        if found is None:
            found = self._found[labels] = Count()
        return found

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for labels, one in self._found.items():
            family.add_metric(labels, one.value, created=one.created if _tells_age() else None)
        yield family


class Spread:
    """How often something took how long."""

    __slots__ = ("_bounds", "counts", "created", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0.0] * (len(bounds) + 1)
        self.total = 0.0
        self.created = time.time()

    def observe(self, seconds: float) -> None:
        """It took so long once more."""
        self.counts[bisect_left(self._bounds, seconds)] += 1.0
        self.total += seconds


class Durations(Collector):
    """The histograms of one name, by their labels; `bounds`: what the buckets hold at most, ascending."""

    def __init__(
        self, name: str, text: str, labels: Sequence[str], bounds: Sequence[float], *, registry: CollectorRegistry
    ) -> None:
        self._name, self._text, self._labels = name, text, tuple(labels)
        self._bounds = tuple(bounds)
        self._found: dict[tuple[str, ...], Spread] = {}
        registry.register(self)

    def of(self, *labels: str) -> Spread:
        """The histogram with these labels."""
        found = self._found.get(labels)
        if found is None:
            found = self._found[labels] = Spread(self._bounds)
        return found

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        names = [*map(repr, self._bounds), "+Inf"]
        for labels, one in self._found.items():
            family.add_metric(labels, list(zip(names, accumulate(one.counts), strict=True)), one.total)
            if _tells_age():
                family.add_sample(f"{self._name}_created", dict(zip(self._labels, labels, strict=True)), one.created)
        yield family


def _tells_age() -> bool:
    """Whether metrics say since when they count, as prometheus_client decides it."""
    return os.environ.get("PROMETHEUS_DISABLE_CREATED_SERIES", "").lower() not in _SILENT
