"""Metrics of a worker. Labels are words of closed sets: stage, outcome, lane, action, code, status, tier, kind."""

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from pipeline.contracts import Envelope, Lane, Reply, StageName
from pipeline.errors import StepwellError
from pipeline.telemetry.exits import EarlyExits
from pipeline.telemetry.tallies import Count, Counts, Durations, Spread

__all__ = ["PrometheusObserver"]

STEP_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
REQUEST_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


def _codes(root: type[StepwellError]) -> Iterator[str]:
    yield root.code
    for child in root.__subclasses__():
        yield from _codes(child)


_CODES: Final = frozenset(_codes(StepwellError))


class PrometheusObserver:
    """Counts what happens."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._steps = Durations(
            "stepwell_stage_seconds",
            "Time of a stage, by what it decided",
            ("stage", "outcome", "lane"),
            STEP_S,
            registry=registry,
        )
        self._requests = Counts(
            "stepwell_requests", "Requests that ended", ("lane", "status", "code"), registry=registry
        )
        self._seconds = Durations(
            "stepwell_request_seconds",
            "Time from admission to reply",
            ("lane", "status"),
            REQUEST_S,
            registry=registry,
        )
        self._served = Counts(
            "stepwell_answers", "Answers, by the tier that gave them (or cache)", ("tier",), registry=registry
        )
        tokens = Counts(
            "stepwell_tokens", "Tokens of all attempts; cached ones are among the input", ("kind",), registry=registry
        )
        self._troubles = Counter(
            "stepwell_troubles", "Errors that stages raised", ("stage", "action", "code"), registry=registry
        )
        self._escalated = Counts("stepwell_escalated", "Requests that were escalated", registry=registry).of()
        self._degraded = Counter("stepwell_degraded", "Answers below the asked quality", registry=registry)
        cost = "Cost of all attempts in US dollars, where known"
        self._cost = Counts("stepwell_cost_usd", cost, registry=registry).of()
        self._unpriced = Counter("stepwell_cost_unknown", "Requests whose cost is not known", registry=registry)
        self._estimated = Counter(
            "stepwell_usage_estimated", "Calls whose usage was not reported, or not believed", registry=registry
        )
        self._input, self._output, self._cached = tokens.of("input"), tokens.of("output"), tokens.of("cached")
        self._exits = EarlyExits(registry)
        self._ends: dict[tuple[str, str, str], tuple[Count, Spread]] = {}

    def step(self, stage: StageName, outcome: str, lane: Lane, seconds: float) -> None:
        """A stage ended."""
        self._steps.of(stage, outcome, lane).observe(seconds)

    def finished(self, envelope: Envelope, reply: Reply) -> None:
        """A request ended."""
        count, seconds = self._of_end(envelope.lane, reply.status, reply.error.code if reply.error else "")
        count.value += 1.0
        seconds.observe(reply.duration_ms / 1000)
        if reply.status == "answered" and reply.served is not None:
            self._served.of("cache" if reply.cache == "hit" else str(reply.served.tier)).value += 1.0
        if reply.escalated:
            self._escalated.value += 1.0
        if reply.degraded is not None:
            self._degraded.inc()
        self._spend(reply)
        self._exits.noted(envelope, reply)
        for attempt in envelope.attempts:
            if attempt.estimated:
                self._estimated.inc()

    def trouble(self, stage: StageName, action: str, code: str) -> None:
        """A stage raised."""
        self._troubles.labels(stage, action, _known(code)).inc()

    def _spend(self, reply: Reply) -> None:
        if reply.cost_usd is None:
            self._unpriced.inc()
        elif reply.cost_usd > 0:
            self._cost.value += reply.cost_usd
        if reply.attempts:
            self._input.value += reply.usage.input_tokens
            self._output.value += reply.usage.output_tokens
            self._cached.value += reply.usage.cached_tokens

    def _of_end(self, lane: str, status: str, code: str) -> tuple[Count, Spread]:
        key = (lane, status, code)
        found = self._ends.get(key)
        if found is None:
            known = _known(code) if code else ""
            found = self._requests.of(lane, status, known), self._seconds.of(lane, status)
            if known == code:
                self._ends[key] = found
        return found


def _known(code: str) -> str:
    """The code, when it is one of ours; a worker of another version may send others."""
    return code if code in _CODES else "other"
