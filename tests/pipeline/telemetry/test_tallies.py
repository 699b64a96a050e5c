"""Our counters and histograms beside those of prometheus_client: whoever reads them sees no difference."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from pipeline.telemetry.prometheus import STEP_S
from pipeline.telemetry.tallies import Counts, Durations

LABELS = st.tuples(st.sampled_from(["plan", "draft", 'a "quoted" one\n']), st.sampled_from(["batch", ""]))
SECONDS = st.one_of(st.sampled_from(STEP_S), st.floats(0, 100))


def shown(registry: CollectorRegistry) -> str:
    return re.sub(r"(_created(?:\{.*\})?) \S+", r"\1 then", generate_latest(registry).decode())


@given(st.lists(st.tuples(LABELS, SECONDS), max_size=8))
def test_they_are_shown_as_those_of_the_library(told: list[tuple[tuple[str, str], float]]) -> None:
    ours, theirs = CollectorRegistry(auto_describe=True), CollectorRegistry(auto_describe=True)
    spreads = Durations("took", "How long", ("stage", "lane"), STEP_S, registry=ours)
    counts = Counts("asked", "How often", ("stage", "lane"), registry=ours)
    alone = Counts("all", "Of all", registry=ours).of()
    histogram = Histogram("took", "How long", ("stage", "lane"), buckets=STEP_S, registry=theirs)
    counter = Counter("asked", "How often", ("stage", "lane"), registry=theirs)
    lone = Counter("all", "Of all", registry=theirs)
    for labels, seconds in told:
        spreads.of(*labels).observe(seconds)
        counts.of(*labels).value += seconds
        alone.value += 1.0
        histogram.labels(*labels).observe(seconds)
        counter.labels(*labels).inc(seconds)
        lone.inc()

    assert shown(ours) == shown(theirs)


def test_a_name_is_taken_once() -> None:
    registry = CollectorRegistry(auto_describe=True)
    Counts("asked", "How often", registry=registry)
    with pytest.raises(ValueError, match="asked"):
        Durations("asked", "How long", (), STEP_S, registry=registry)


def test_since_when_they_count_is_left_out_where_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = CollectorRegistry()
    Counts("asked", "How often", registry=registry).of()
    Durations("took", "How long", (), STEP_S, registry=registry).of()
    assert {b"asked_created", b"took_created"} <= set(generate_latest(registry).split())
    monkeypatch.setenv("PROMETHEUS_DISABLE_CREATED_SERIES", "true")
    assert b"_created" not in generate_latest(registry)
