"""Which policy a process runs, as metrics: its revision, where it is from, and whether a newer one cannot be loaded."""

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

__all__ = ["IN_FORCE", "TROUBLE", "PolicyCollector"]

IN_FORCE: Final = "stepwell_policy_in_force"
TROUBLE: Final = "stepwell_policy_trouble"


class _Standing(Protocol):
    @property
    def revision(self) -> str: ...
    @property
    def origin(self) -> str: ...
    @property
    def trouble(self) -> str | None: ...


class PolicyCollector(Collector):
    """Asked at each scrape, so that there is one revision at a time."""

    def __init__(self, standing: Callable[[], _Standing]) -> None:
        self._standing = standing

    def collect(self) -> Iterator[Metric]:
        """Two metrics."""
        now = self._standing()
        in_force = GaugeMetricFamily(IN_FORCE, "The policy revision in force here.", labels=["revision", "origin"])
        in_force.add_metric([now.revision, now.origin], 1)
        yield in_force
        text = "1 while a newer policy cannot be loaded here, which the log explains."
        yield GaugeMetricFamily(TROUBLE, text, value=float(now.trouble is not None))
