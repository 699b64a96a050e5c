"""What the door counts: requests by path and status. No label comes from a stranger."""

from typing import Final

from prometheus_client import CollectorRegistry, Histogram

__all__ = ["Meter"]

BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class Meter:
    """Counts and times requests; a stream's time ends with its last event."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._seconds = Histogram(
            "stepwell_http_request_seconds",
            "Requests at the HTTP door, by path and status",
            ("path", "status"),
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self._children: dict[tuple[str, int], Histogram] = {}

    def request(self, path: str, status: int, seconds: float) -> None:
        """A request ended."""
        child = self._children.get((path, status))
        if child is None:
            child = self._children[path, status] = self._seconds.labels(path, str(status))
        child.observe(seconds)
