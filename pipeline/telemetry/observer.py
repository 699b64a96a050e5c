"""Which observers a process has, told as one."""

import logging
from collections.abc import Callable, Collection
from functools import cache

from pipeline.contracts import Envelope, Lane, Reply, StageName
from pipeline.ports import Observer
from pipeline.settings import Settings
from pipeline.telemetry.exposition import process_registry
from pipeline.telemetry.prometheus import PrometheusObserver

__all__ = ["CombinedObserver", "observer_for"]

_log = logging.getLogger("stepwell.telemetry")


class CombinedObserver:
    """Tells several observers. One that breaks is logged once and told no more: telemetry never harms a request."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def step(self, stage: StageName, outcome: str, lane: Lane, seconds: float) -> None:
        """A stage ended."""
        for observer in self._observers:
            try:
                observer.step(stage, outcome, lane, seconds)
            except Exception as error:  # noqa: BLE001 - the observer is put away, the request goes on
                self._put_away(observer, error)

    def finished(self, envelope: Envelope, reply: Reply) -> None:
        """A request ended."""
        for observer in self._observers:
            try:
                observer.finished(envelope, reply)
            except Exception as error:  # noqa: BLE001 - the observer is put away, the request goes on
                self._put_away(observer, error)

    def trouble(self, stage: StageName, action: str, code: str) -> None:
        """A stage raised."""
        for observer in self._observers:
            try:
                observer.trouble(stage, action, code)
            except Exception as error:  # noqa: BLE001 - the observer is put away, the request goes on
                self._put_away(observer, error)

    def _put_away(self, broken: Observer, error: Exception) -> None:
        _log.error("%s broke with %s and is told no more", type(broken).__name__, type(error).__name__)
        self._observers = tuple(observer for observer in self._observers if observer is not broken)


@cache
def _process_metrics() -> PrometheusObserver:
    """The metrics of this process, however many workers it holds."""
    return PrometheusObserver(process_registry())


def observer_for(
    settings: Settings,
    provider_of: Callable[[str], str | None] | None = None,
    shows: Callable[[], Collection[str]] | None = None,
) -> Observer:
    """The observer of a worker: metrics in the registry of the process, and spans where an endpoint is configured.

    Args:
        settings: says where spans go, and which share of the requests.
        provider_of: the provider of a target, for spans.
        shows: what spans may say of who asked, of `tenant`, `session` and `request_id`; not given, all of it.
    """
    metrics = _process_metrics()
    if settings.otlp_endpoint is None:
        return metrics
    from pipeline.telemetry.spans import spans_to

    return CombinedObserver(metrics, spans_to(settings.otlp_endpoint, settings.otlp_ratio, provider_of, shows))
