"""Metrics of watching kept answers, by route."""

from functools import cache

from prometheus_client import CollectorRegistry, Gauge

from pipeline.telemetry.exposition import process_registry

__all__ = ["Watching", "watched"]


class Watching:
    """How much speaks against the promise of a route, and how far the scores of its drafts have moved."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._evidence = Gauge(
            "stepwell_watch_evidence",
            "How many times better the labels of kept answers fit a broken promise than a kept one",
            ("route",),
            registry=registry,
        )
        self._drift = Gauge(
            "stepwell_watch_drift", "Population stability index of the scores of drafts", ("route",), registry=registry
        )
        self._fallen = Gauge(
            "stepwell_watch_fallen", "1 where everything escalates since the promise was broken", ("route",),
            registry=registry,
        )  # fmt: skip

    def watched(self, route: str, evidence: float, drift: float | None, *, down: bool) -> None:
        """What is known of a route now."""
        self._evidence.labels(route).set(evidence)
        self._fallen.labels(route).set(float(down))
        if drift is not None:
            self._drift.labels(route).set(drift)


@cache
def _of_process() -> Watching:
    return Watching(process_registry())


def watched(route: str, evidence: float, drift: float | None, *, down: bool) -> None:
    """Set the gauges in the registry of this process."""
    _of_process().watched(route, evidence, drift, down=down)
