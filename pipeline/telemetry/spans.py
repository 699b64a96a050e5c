"""One set of spans for each request, made at its end from its trail.

The trail already holds what happened, when and for how long, so nothing is recorded on the way: a request that is not
sampled costs one decision. Attributes follow the semantic conventions for generative AI where those have a name, and
start with `stepwell.` elsewhere. They are ids, names, numbers and codes, never text of a request or an answer.
"""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from pipeline.contracts import Attempt, Envelope, Lane, Reply, StageName, Step, is_name
from pipeline.topology import calls_of

__all__ = ["OtelObserver", "spans_to", "tracer_provider"]

_PROPAGATOR: Final = TraceContextTextMapPropagator()
NO_PROVIDER: Final = "_OTHER"
ASKER: Final[Mapping[str, str]] = {
    "tenant": "stepwell.tenant",
    "session": "gen_ai.conversation.id",
    "request_id": "stepwell.request.id",
}
"""What the policy calls what a span says of who asked, and the attributes that say it."""

Attributes = dict[str, AttributeValue]


def tracer_provider(ratio: float) -> TracerProvider:
    """A provider that samples at the head: as the caller's trace says, else `ratio` of the requests."""
    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "stepwell")})
    return TracerProvider(sampler=ParentBased(TraceIdRatioBased(ratio)), resource=resource)


def spans_to(
    endpoint: str,
    ratio: float,
    provider_of: Callable[[str], str | None] | None,
    shows: Callable[[], Collection[str]] | None = None,
) -> "OtelObserver":
    """An observer whose spans go to an OTLP collector over HTTP, in batches and from a thread of their own.

    Args:
        endpoint: base address of the collector; `/v1/traces` is appended.
        ratio: share of the requests without a trace of their caller that are sampled.
        provider_of: the provider of a target.
        shows: what spans may say of who asked.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    provider = tracer_provider(ratio)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")))
    return OtelObserver(provider, provider_of, shows)


class OtelObserver:
    """Turns the trail of each finished request into spans.

    Of who asked (`tenant`, `session`, `request_id`) they say what `shows` names at the time.
    """

    def __init__(
        self,
        provider: TracerProvider,
        provider_of: Callable[[str], str | None] | None = None,
        shows: Callable[[], Collection[str]] | None = None,
    ) -> None:
        self._tracer: Tracer = provider.get_tracer("stepwell")
        self._provider_of = provider_of
        self._shows = shows or (lambda: ASKER)

    def step(self, stage: StageName, outcome: str, lane: Lane, seconds: float) -> None:
        """Nothing: the trail tells it at the end."""

    def trouble(self, stage: StageName, action: str, code: str) -> None:
        """Nothing: troubles that are retried are metrics, those that end a request are in its reply."""

    def finished(self, envelope: Envelope, reply: Reply) -> None:
        """Make the spans, unless the request is not sampled."""
        parent = _PROPAGATOR.extract({"traceparent": envelope.traceparent}) if envelope.traceparent else Context()
        root = self._tracer.start_span(
            "cascade", context=parent, kind=SpanKind.SERVER, start_time=_ns(envelope.received_at)
        )
        if not root.is_recording():
            return
        root.set_attributes(_permitted(_of_request(envelope, reply), self._shows()))
        if reply.status == "failed" and reply.error is not None:
            root.set_status(Status(StatusCode.ERROR, reply.error.code))
        inside = set_span_in_context(root, parent)
        for step, made in zip(envelope.trail, calls_of(envelope.trail, envelope.attempts), strict=True):
            self._step(step, inside, made, envelope.request.embed is not None)
        root.end(_ns(max([reply.completed_at, *(_end(step) for step in envelope.trail), envelope.received_at])))

    def _step(self, step: Step, inside: Context, made: Sequence[Attempt], embeds: bool) -> None:
        span = self._tracer.start_span(step.stage, context=inside, start_time=_ns(step.at))
        span.set_attributes(_of_step(step))
        end = _end(step)
        for attempt in reversed(made):
            operation = "embeddings" if embeds or attempt.made_for == "embedding" else "chat"
            end = self._attempt(attempt, operation, step.at, end, set_span_in_context(span, inside))
        span.end(_ns(_end(step)))

    def _attempt(self, attempt: Attempt, operation: str, since: float, end: float, inside: Context) -> float:
        """One model call of a step that ended at `end`; returns when it began.

        What comes between the calls, and after the last until the step ends, takes microseconds.
        """
        start = max(since, end - attempt.latency_ms / 1000)
        provider = self._provider_of(attempt.target) if self._provider_of else None
        span = self._tracer.start_span(
            f"{operation} {attempt.model}", context=inside, kind=SpanKind.CLIENT, start_time=_ns(start)
        )
        span.set_attributes(_of_attempt(attempt, operation, provider or NO_PROVIDER))
        if attempt.error is not None:
            span.set_status(Status(StatusCode.ERROR, attempt.error.code))
        span.end(_ns(end))
        return start


def _permitted(attributes: Attributes, shows: Collection[str]) -> Attributes:
    hidden = {attribute for name, attribute in ASKER.items() if name not in shows}
    return {name: value for name, value in attributes.items() if name not in hidden}


def _of_request(envelope: Envelope, reply: Reply) -> Attributes:
    session = envelope.request.session
    return _present(
        {
            "messaging.system": "nats",
            "messaging.operation.type": "process",
            "messaging.destination.template": "request.{verb}.{tenant}",
            "gen_ai.conversation.id": session if session is not None and is_name(session) else None,
            "gen_ai.response.model": reply.served.model if reply.served else None,
            "error.type": reply.error.code if reply.error else None,
            "stepwell.request.id": envelope.id,
            "stepwell.tenant": envelope.tenant,
            "stepwell.lane": envelope.lane,
            "stepwell.status": reply.status,
            "stepwell.route": envelope.plan.route if envelope.plan else None,
            "stepwell.variant": reply.served.variant if reply.served else None,
            "stepwell.tier": reply.served.tier if reply.served else None,
            "stepwell.attempts": reply.attempts,
            "stepwell.escalated": reply.escalated,
            "stepwell.degraded": reply.degraded is not None,
            "stepwell.cache": reply.cache,
            "stepwell.confidence": reply.confidence,
            "stepwell.cost_usd": reply.cost_usd,
            "stepwell.policy_revision": reply.policy_revision,
            "stepwell.audit_id": reply.audit_id,
        }
    )


def _of_step(step: Step) -> Attributes:
    """Outcome, worker and facts. A fact that is a text counts only where it is a name: no sentence slips through."""
    facts = {
        f"stepwell.{step.stage}.{name}": value
        for name, value in step.facts.items()
        if not isinstance(value, str) or is_name(value)
    }
    return _present({"stepwell.outcome": step.outcome, "stepwell.worker": step.worker, **facts})


def _of_attempt(attempt: Attempt, operation: str, provider: str) -> Attributes:
    usage = attempt.usage
    return _present(
        {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": attempt.model,
            "gen_ai.response.model": attempt.model,
            "gen_ai.response.finish_reasons": (attempt.finish_reason,) if attempt.finish_reason else None,
            "gen_ai.usage.input_tokens": usage.input_tokens,
            "gen_ai.usage.output_tokens": usage.output_tokens,
            "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
            "error.type": attempt.error.code if attempt.error else None,
            "stepwell.variant": attempt.variant,
            "stepwell.target": attempt.target,
            "stepwell.tier": attempt.tier,
            "stepwell.attempt": attempt.number,
            "stepwell.calls": attempt.calls,
            "stepwell.first_token_ms": attempt.first_token_ms,
            "stepwell.cost_usd": attempt.cost_usd,
            "stepwell.replayed": attempt.replayed,
        }
    )


def _present(values: Mapping[str, AttributeValue | None]) -> Attributes:
    return {name: value for name, value in values.items() if value is not None}


def _end(step: Step) -> float:
    return step.at + step.duration_ms / 1000


def _ns(seconds: float) -> int:
    return int(seconds * 1_000_000_000)
