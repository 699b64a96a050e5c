"""Metrics of a worker. Labels are words of closed sets: stage, outcome, lane, action, code, status, tier, kind."""

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from pipeline.contracts import Envelope, Lane, Reply, StageName
from pipeline.errors import StepwellError
from pipeline.telemetry.exits import EarlyExits

__all__ = ["PrometheusObserver"]

STEP_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
REQUEST_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


def _codes(root: type[StepwellError]) -> Iterator[str]:
    yield root.code
    for child in root.__subclasses__():
        yield from _codes(child)


_CODES: Final = frozenset(_codes(StepwellError))


class PrometheusObserver:
    """Counts what happens. The metric of each combination of labels is looked up once and then kept."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._steps = Histogram(
            "stepwell_stage_seconds",
            "Time of a stage, by what it decided",
            ("stage", "outcome", "lane"),
            buckets=STEP_S,
            registry=registry,
        )
        self._requests = Counter(
            "stepwell_requests", "Requests that ended", ("lane", "status", "code"), registry=registry
        )
        self._seconds = Histogram(
            "stepwell_request_seconds",
            "Time from admission to reply",
            ("lane", "status"),
            buckets=REQUEST_S,
            registry=registry,
        )
        self._served = Counter(
            "stepwell_answers", "Answers, by the tier that gave them (or cache)", ("tier",), registry=registry
        )
        self._tokens = Counter(
            "stepwell_tokens", "Tokens of all attempts; cached ones are among the input", ("kind",), registry=registry
        )
        self._troubles = Counter(
            "stepwell_troubles", "Errors that stages raised", ("stage", "action", "code"), registry=registry
        )
        self._escalated = Counter("stepwell_escalated", "Requests that were escalated", registry=registry)
        self._degraded = Counter("stepwell_degraded", "Answers below the asked quality", registry=registry)
        self._cost = Counter("stepwell_cost_usd", "Cost of all attempts in US dollars, where known", registry=registry)
        self._unpriced = Counter("stepwell_cost_unknown", "Requests whose cost is not known", registry=registry)
        self._estimated = Counter(
            "stepwell_usage_estimated", "Calls whose usage was not reported, or not believed", registry=registry
        )
        self._input, self._output, self._cached = (self._tokens.labels(kind) for kind in ("input", "output", "cached"))
        self._exits = EarlyExits(registry)
        self._step_children: dict[tuple[str, str, str], Histogram] = {}
        self._end_children: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
        self._tier_children: dict[str, Counter] = {}

    def step(self, stage: StageName, outcome: str, lane: Lane, seconds: float) -> None:
        """A stage ended."""
        key = (stage, outcome, lane)
        child = self._step_children.get(key)
        if child is None:
            child = self._step_children[key] = self._steps.labels(*key)
        child.observe(seconds)

    def finished(self, envelope: Envelope, reply: Reply) -> None:
        """A request ended."""
        count, seconds = self._of_end(envelope.lane, reply.status, reply.error.code if reply.error else "")
        count.inc()
        seconds.observe(reply.duration_ms / 1000)
        if reply.status == "answered" and reply.served is not None:
            self._of_tier("cache" if reply.cache == "hit" else str(reply.served.tier)).inc()
        if reply.escalated:
            self._escalated.inc()
        if reply.degraded is not None:
            self._degraded.inc()
        self._spend(reply)
        self._exits.noted(envelope, reply)
        estimated = sum(attempt.estimated for attempt in envelope.attempts)
        if estimated:
            self._estimated.inc(estimated)

    def trouble(self, stage: StageName, action: str, code: str) -> None:
        """A stage raised."""
        self._troubles.labels(stage, action, _known(code)).inc()

    def _spend(self, reply: Reply) -> None:
        if reply.cost_usd is None:
            self._unpriced.inc()
        elif reply.cost_usd > 0:
            self._cost.inc(reply.cost_usd)
        if reply.attempts:
            self._input.inc(reply.usage.input_tokens)
            self._output.inc(reply.usage.output_tokens)
            self._cached.inc(reply.usage.cached_tokens)

    def _of_end(self, lane: str, status: str, code: str) -> tuple[Counter, Histogram]:
        key = (lane, status, code)
        children = self._end_children.get(key)
        if children is None:
            known = _known(code) if code else ""
            children = (self._requests.labels(lane, status, known), self._seconds.labels(lane, status))
            if known == code:
                self._end_children[key] = children
        return children

    def _of_tier(self, tier: str) -> Counter:
        child = self._tier_children.get(tier)
        if child is None:
            child = self._tier_children[tier] = self._served.labels(tier)
        return child


def _known(code: str) -> str:
    """The code, when it is one of ours; a worker of another version may send others."""
    return code if code in _CODES else "other"
