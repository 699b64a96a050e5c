"""Metrics: what is counted, and what never becomes a label."""

import aiohttp
import pytest
from ended_requests import SECRET, escalated, failed, reply_to
from prometheus_client import CollectorRegistry

from pipeline.telemetry.exposition import exposition, process_registry, serve_metrics
from pipeline.telemetry.prometheus import PrometheusObserver


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def observer(registry: CollectorRegistry) -> PrometheusObserver:
    return PrometheusObserver(registry)


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def test_a_step_is_counted_and_timed_by_what_it_decided(
    observer: PrometheusObserver, registry: CollectorRegistry
) -> None:
    for seconds in (0.002, 0.003):
        observer.step("check", "accepted", "batch", seconds)
    labels = {"stage": "check", "outcome": "accepted", "lane": "batch"}
    assert value(registry, "stepwell_stage_seconds_count", **labels) == 2
    assert value(registry, "stepwell_stage_seconds_sum", **labels) == pytest.approx(0.005)


def test_an_answer_is_counted_with_its_tier_tokens_and_cost(
    observer: PrometheusObserver, registry: CollectorRegistry
) -> None:
    observer.finished(*escalated())
    assert value(registry, "stepwell_requests_total", lane="interactive", status="answered", code="") == 1
    assert value(registry, "stepwell_request_seconds_sum", lane="interactive", status="answered") == pytest.approx(
        0.408
    )
    assert value(registry, "stepwell_answers_total", tier="1") == 1
    assert value(registry, "stepwell_escalated_total") == 1
    assert [value(registry, "stepwell_tokens_total", kind=kind) for kind in ("input", "output", "cached")] == [30, 3, 4]
    assert value(registry, "stepwell_cost_usd_total") == pytest.approx(0.002)


def test_an_answer_from_the_cache_is_no_answer_of_a_tier_and_uses_no_tokens(
    observer: PrometheusObserver, registry: CollectorRegistry
) -> None:
    envelope, reply = escalated()
    observer.finished(envelope, reply_to(envelope, served=reply.served, cache="hit", attempts=0, cost_usd=0.0))
    assert value(registry, "stepwell_answers_total", tier="cache") == 1
    assert value(registry, "stepwell_answers_total", tier="1") is None
    assert value(registry, "stepwell_tokens_total", kind="input") == 0


def test_calls_whose_usage_is_our_own_estimate_are_counted(
    observer: PrometheusObserver, registry: CollectorRegistry
) -> None:
    envelope, reply = escalated()
    attempts = (envelope.attempts[0].model_copy(update={"estimated": True}), *envelope.attempts[1:])
    observer.finished(envelope.model_copy(update={"attempts": attempts}), reply)
    assert value(registry, "stepwell_usage_estimated_total") == 1


def test_an_unknown_cost_is_counted_as_unknown_and_not_as_nothing(
    observer: PrometheusObserver, registry: CollectorRegistry
) -> None:
    envelope, _ = escalated()
    observer.finished(envelope, reply_to(envelope, cost_usd=None, degraded="capped"))
    assert value(registry, "stepwell_cost_unknown_total") == 1
    assert value(registry, "stepwell_cost_usd_total") == 0
    assert value(registry, "stepwell_degraded_total") == 1


def test_refused_and_failed_are_different_words(observer: PrometheusObserver, registry: CollectorRegistry) -> None:
    observer.finished(*failed())
    observer.finished(*failed("residency_refused", "refused"))
    assert value(registry, "stepwell_requests_total", lane="interactive", status="failed", code="target_timeout") == 1
    assert (
        value(registry, "stepwell_requests_total", lane="interactive", status="refused", code="residency_refused") == 1
    )


def test_a_code_that_nobody_knows_makes_no_series_of_its_own(
    observer: PrometheusObserver, registry: CollectorRegistry
) -> None:
    for number in range(50):
        observer.trouble("draft", "retry", f"made_up_{number}")
        observer.finished(*failed(f"made_up_{number}"))
    assert value(registry, "stepwell_troubles_total", stage="draft", action="retry", code="other") == 50
    assert value(registry, "stepwell_requests_total", lane="interactive", status="failed", code="other") == 50


def test_no_metric_holds_a_tenant_a_user_an_id_or_a_text(
    observer: PrometheusObserver, registry: CollectorRegistry
) -> None:
    observer.finished(*escalated())
    observer.finished(*failed())
    text = exposition(registry)[0].decode()
    assert "stepwell_requests_total" in text
    for hidden in ("acme", "r-1", "s-1", "canary", SECRET):
        assert hidden not in text


async def test_a_worker_offers_its_metrics_and_says_whether_it_is_ready() -> None:
    ready = True
    server = await serve_metrics(0, ready=lambda: ready)
    base = f"http://127.0.0.1:{server._runner.addresses[0][1]}"
    async with aiohttp.ClientSession(base) as session:
        text = await (await session.get("/metrics")).text()
        assert "process_resident_memory_bytes" in text
        assert (await session.get("/livez")).status == 200
        assert (await session.get("/readyz")).status == 200
        ready = False
        assert (await session.get("/readyz")).status == 503
        assert (await session.get("/livez")).status == 200
    await server.stop()


def test_a_process_has_one_registry() -> None:
    assert process_registry() is process_registry()
