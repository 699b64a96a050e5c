"""Thresholds in a plan: the number of the route, or what the calibrator promises for the segment of the request."""

from pathlib import Path

import orjson
import pytest
from planning import outcome, plan, policy_of

from pipeline.policy import Policy

PROMISE = {"rule": "joint", "alpha": 0.03, "delta": 0.05, "n": 400}
CURVE = {"kind": "platt", "slope": 1.0, "intercept": 0.0}
GATE = {
    "kind": "gate",
    "score": {"kind": "signal", "name": "confidence"},
    "curve": CURVE,
    "labels": 400,
    "source": "judges",
    "fitted": "2026-11-21",
    "segments": {
        "faq": {
            "curve": CURVE, "threshold": 0.8, "promise": PROMISE, "labels": 400,
            "tenants": {"big": {"curve": CURVE, "threshold": 0.9, "promise": PROMISE, "labels": 300}},
        }
    },
}  # fmt: skip
ROUTES = """\
  - name: chat
    match: "true"
    tiers: [{variants: {tiny: 1}}, {variants: {near: 1}}]
    accept: {confidence: promised, calibrator_file: gate.json}
  - name: alone
    match: "false"
    tiers: [{variants: {near: 1}}]
    accept: {confidence: promised, calibrator_file: gate.json}
  - name: number
    match: "false"
    tiers: [{variants: {tiny: 1}}, {variants: {near: 1}}]
    accept: {confidence: 0.6}
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    folder = Path(tmp_path_factory.mktemp("promise"))
    (folder / "gate.json").write_bytes(orjson.dumps(GATE))
    return policy_of(folder, ROUTES)


def test_the_threshold_is_that_of_the_segment_and_the_promise_is_told(policy: Policy) -> None:
    decided = outcome(policy, metadata={"task": "faq"})
    assert plan(policy, metadata={"task": "faq"}).threshold == 0.8
    assert plan(policy, metadata={"task": "faq"}, tenant="big").threshold == 0.9
    assert decided.reasons[-1].startswith("for the task faq at most 3 of 100 answers are wrong and kept")


def test_where_nothing_is_promised_no_probability_reaches_the_threshold_and_that_is_told(policy: Policy) -> None:
    decided = outcome(policy, metadata={"task": "new"})
    assert plan(policy, metadata={"task": "new"}).threshold == 1.0
    assert decided.reasons[-1].startswith("everything escalates: there are no labels of the task new")
    calibrator = policy.routes[0].calibrator
    assert calibrator is not None
    assert (calibrator.probability({}, 1.0) or 0.0) < 1.0


def test_the_caller_may_ask_for_more_and_never_for_less(policy: Policy) -> None:
    assert plan(policy, metadata={"task": "faq"}, quality_floor=0.95).threshold == 0.95
    assert plan(policy, metadata={"task": "faq"}, quality_floor=0.2).threshold == 0.8


def test_a_single_tier_has_nothing_to_promise(policy: Policy) -> None:
    assert not any("escalates" in reason or "of 100" in reason for reason in outcome(policy, route="alone").reasons)


def test_a_number_is_taken_as_it_is(policy: Policy) -> None:
    assert plan(policy, route="number").threshold == 0.6
    assert len(outcome(policy, route="number").reasons) == 1
