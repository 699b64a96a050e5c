"""One set of spans for each request, made at its end."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest
from ended_requests import SECRET, START, escalated, failed
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from pipeline.contracts import Embed, Envelope, Reply, Request
from pipeline.ports import Observer
from pipeline.settings import Settings
from pipeline.telemetry.observer import CombinedObserver, observer_for
from pipeline.telemetry.prometheus import PrometheusObserver
from pipeline.telemetry.spans import OtelObserver, tracer_provider

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def spans_of(
    envelope: Envelope, reply: Reply, ratio: float = 1.0, shows: Collection[str] | None = None
) -> Sequence[ReadableSpan]:
    exporter = InMemorySpanExporter()
    provider = tracer_provider(ratio)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    told = None if shows is None else lambda: shows
    OtelObserver(provider, {"large": "local"}.get, told).finished(envelope, reply)
    return exporter.get_finished_spans()


def named(spans: Sequence[ReadableSpan], name: str) -> list[ReadableSpan]:
    return sorted((span for span in spans if span.name == name), key=lambda span: span.start_time or 0)


def seconds(span: ReadableSpan) -> tuple[float, float]:
    assert span.start_time is not None
    assert span.end_time is not None
    return span.start_time / 1e9 - START, span.end_time / 1e9 - START


def test_a_request_is_a_root_with_a_child_for_each_step_and_one_below_for_each_model_call() -> None:
    spans = spans_of(*escalated())
    (root,) = named(spans, "cascade")
    assert root.context is not None
    assert root.parent is None
    steps = [span for span in spans if span.parent is not None and span.parent.span_id == root.context.span_id]
    assert sorted(span.name for span in steps) == ["check", "check", "classify", "draft", "escalate", "plan", "recall"]
    for call, stage in (("chat qwen-small", "draft"), ("chat qwen-large", "escalate")):
        (span,), (step,) = named(spans, call), named(spans, stage)
        assert span.parent is not None
        assert step.context is not None
        assert span.parent.span_id == step.context.span_id
    assert len({span.context.trace_id for span in spans if span.context}) == 1
    assert len(spans) == 10


def test_calls_for_vectors_are_called_so() -> None:
    envelope, reply = escalated()
    (small, *rest) = envelope.attempts
    asked = envelope.model_copy(update={"request": Request(embed=Embed(texts=("hello",)))})
    (span,) = named(spans_of(asked, reply), f"embeddings {small.model}")
    assert span.attributes is not None
    assert span.attributes["gen_ai.operation.name"] == "embeddings"
    assert not named(spans_of(asked, reply), f"chat {small.model}")
    assert all(named(spans_of(asked, reply), f"embeddings {made.model}") for made in rest)


def test_times_are_those_of_the_trail() -> None:
    spans = spans_of(*escalated())
    assert seconds(named(spans, "cascade")[0]) == pytest.approx((0.0, 0.408), abs=1e-5)
    assert seconds(named(spans, "draft")[0]) == pytest.approx((0.005, 0.105), abs=1e-5)
    assert seconds(named(spans, "chat qwen-small")[0]) == pytest.approx((0.010, 0.105), abs=1e-5)
    assert seconds(named(spans, "check")[1]) == pytest.approx((0.406, 0.407), abs=1e-5)


def test_calls_of_one_step_stand_one_after_the_other_below_it_and_none_below_a_wait() -> None:
    envelope, reply = escalated()
    draft = next(step for step in envelope.trail if step.stage == "draft")
    wait = draft.model_copy(update={"outcome": "postponed", "at": draft.at - 0.002, "duration_ms": 2.0})
    first = envelope.attempts[0].model_copy(update={"model": "qwen-away", "latency_ms": 30.0})
    second = envelope.attempts[0].model_copy(update={"latency_ms": 40.0})
    place = envelope.trail.index(draft)
    trail = (*envelope.trail[:place], wait, *envelope.trail[place:])
    changes = {"trail": trail, "attempts": (first, second, *envelope.attempts[1:])}
    spans = spans_of(envelope.model_copy(update=changes), reply)
    waited, drafted = named(spans, "draft")
    (away,), (small,) = named(spans, "chat qwen-away"), named(spans, "chat qwen-small")
    assert drafted.context is not None
    for call in (away, small):
        assert call.parent is not None
        assert call.parent.span_id == drafted.context.span_id
    assert seconds(small) == pytest.approx((0.065, 0.105), abs=1e-5)
    assert seconds(away) == pytest.approx((0.035, 0.065), abs=1e-5)
    assert seconds(waited)[1] == pytest.approx(seconds(drafted)[0], abs=1e-5)


def test_a_model_call_follows_the_conventions_for_generative_ai() -> None:
    (span,) = named(spans_of(*escalated()), "chat qwen-large")
    assert span.kind == SpanKind.CLIENT
    assert span.attributes is not None
    assert {name: value for name, value in span.attributes.items() if name.startswith("gen_ai.")} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": "qwen-large",
        "gen_ai.response.model": "qwen-large",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 20,
        "gen_ai.usage.output_tokens": 2,
        "gen_ai.usage.cache_read.input_tokens": 2,
    }


def test_an_unknown_provider_is_said_to_be_unknown() -> None:
    (span,) = named(spans_of(*escalated()), "chat qwen-small")
    assert span.attributes is not None
    assert span.attributes["gen_ai.provider.name"] == "_OTHER"


def test_the_root_continues_the_trace_of_the_caller() -> None:
    (root,) = named(spans_of(*escalated(f"00-{TRACE}-{PARENT}-01"), ratio=0.0), "cascade")
    assert root.context is not None
    assert root.parent is not None
    assert (format_trace_id(root.context.trace_id), format_span_id(root.parent.span_id)) == (TRACE, PARENT)


def test_a_caller_who_does_not_sample_is_obeyed_whatever_the_ratio() -> None:
    assert not spans_of(*escalated(f"00-{TRACE}-{PARENT}-00"), ratio=1.0)


def test_without_a_caller_the_ratio_decides() -> None:
    assert not spans_of(*escalated(), ratio=0.0)
    assert spans_of(*escalated(), ratio=1.0)


def test_a_failure_is_an_error_and_a_refusal_is_none() -> None:
    (root,) = named(spans_of(*failed()), "cascade")
    assert root.attributes is not None
    assert (root.status.status_code, root.attributes["error.type"]) == (StatusCode.ERROR, "target_timeout")
    (root,) = named(spans_of(*failed("residency_refused", "refused")), "cascade")
    assert root.attributes is not None
    assert (root.status.status_code, root.attributes["stepwell.status"]) == (StatusCode.UNSET, "refused")


def test_no_span_holds_text_of_a_request_or_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        spans = [*spans_of(*escalated(session=SECRET)), *spans_of(*failed())]
    assert spans
    written = "".join(span.to_json() for span in spans) + caplog.text
    assert "qwen-large" in written
    assert "canary-4711" not in written


def test_a_session_that_is_a_name_is_the_conversation() -> None:
    (root,) = named(spans_of(*escalated()), "cascade")
    assert root.attributes is not None
    assert root.attributes["gen_ai.conversation.id"] == "s-1"


def test_a_span_says_of_who_asked_what_the_policy_lets_it_say() -> None:
    asker = {"stepwell.tenant", "gen_ai.conversation.id", "stepwell.request.id"}
    for shows, left in [((), set()), (("tenant",), {"stepwell.tenant"}), (("session", "request_id", "tenant"), asker)]:
        (root,) = named(spans_of(*escalated(), shows=shows), "cascade")
        assert root.attributes is not None
        assert set(root.attributes) & asker == left


class Broken:
    """An observer with a defect."""

    def __init__(self) -> None:
        self.told = 0

    def step(self, *_: object) -> None:
        self.told += 1
        raise ZeroDivisionError(SECRET)

    finished = trouble = step


class Counting(Broken):
    """An observer that works."""

    def step(self, *_: object) -> None:
        self.told += 1

    finished = trouble = step


@pytest.mark.parametrize("call", ["step", "finished", "trouble"])
def test_an_observer_that_breaks_harms_neither_the_request_nor_the_others(
    call: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken, working = Broken(), Counting()
    both: Observer = CombinedObserver(broken, working)
    arguments = {
        "step": ("draft", "drafted", "batch", 0.1),
        "finished": escalated(),
        "trouble": ("draft", "retry", "x"),
    }
    for _ in range(3):
        getattr(both, call)(*arguments[call])
    assert (broken.told, working.told) == (1, 3)
    assert "Broken" in caplog.text
    assert "canary" not in caplog.text


def test_spans_are_made_only_where_an_endpoint_is_configured() -> None:
    plain = Settings.from_environment({})
    assert isinstance(observer_for(plain), PrometheusObserver)
    assert isinstance(observer_for(replace(plain, otlp_endpoint="http://127.0.0.1:9")), CombinedObserver)
