"""Metrics as Prometheus reads them."""

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

__all__ = ["exposition", "process_registry"]


def process_registry() -> CollectorRegistry:
    """A registry that already has the metrics of this process: memory, CPU, open files, garbage collection."""
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def exposition(registry: CollectorRegistry) -> tuple[bytes, str]:
    """All metrics as text, and the content type of it."""
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4
