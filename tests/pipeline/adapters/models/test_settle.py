"""Calls that ended, as attempts with their cost."""

import pytest

from pipeline.adapters.models.settle import failed, succeeded
from pipeline.contracts import Usage
from pipeline.errors import Cancelled, TargetRejected, TargetTimeout
from pipeline.policy.models import Price
from pipeline.ports import Completion

CALL = {"number": 1, "stage": "draft", "tier": 0, "variant": "v", "target": "t", "model": "m"}
PRICE = Price(input=2.0, output=8.0, source="a list", as_of="2026-01-31")
FREE = Price(input=0.0, output=0.0, source="ours", as_of="2026-01-31")
SENT = Usage(input_tokens=1000, output_tokens=100)
ESTIMATE = pytest.approx((1000 * 2.0 + 100 * 8.0) / 1e6)


def completion(*, reported: bool) -> Completion:
    usage = Usage(input_tokens=10, output_tokens=5) if reported else Usage()
    return Completion(model="m-2", text="yes", finish_reason="stop", usage=usage, usage_reported=reported)


def timeout(*, charged: bool) -> TargetTimeout:
    error = TargetTimeout("target t took longer than the deadline")
    error.calls, error.charged = 2, charged
    return error


def test_what_was_reported_counts_and_no_estimate() -> None:
    made = succeeded(CALL, completion(reported=True), PRICE, SENT)
    assert (made.usage, made.estimated, made.model) == (Usage(input_tokens=10, output_tokens=5), False, "m-2")
    assert made.cost_usd == pytest.approx(60 / 1e6)


def test_an_answer_whose_usage_nobody_reported_is_estimated_and_says_so() -> None:
    made = succeeded(CALL, completion(reported=False), PRICE, SENT)
    assert (made.usage, made.cost_usd, made.estimated) == (SENT, ESTIMATE, True)


def test_without_a_price_an_estimate_of_the_usage_makes_no_cost() -> None:
    assert succeeded(CALL, completion(reported=False), None, SENT).cost_usd is None
    assert failed(CALL, timeout(charged=True), 1.0, None, SENT).cost_usd is None


def test_without_a_report_and_an_estimate_the_cost_is_unknown_except_where_nothing_costs_anything() -> None:
    assert succeeded(CALL, completion(reported=False), PRICE).cost_usd is None
    assert succeeded(CALL, completion(reported=False), FREE).cost_usd == 0.0
    assert failed(CALL, timeout(charged=True), 1.0, PRICE).cost_usd is None
    assert failed(CALL, timeout(charged=True), 1.0, FREE).cost_usd == 0.0


def test_earlier_tries_that_may_be_charged_are_added_to_the_answer() -> None:
    made = succeeded(CALL, completion(reported=True), PRICE, lost=SENT)
    assert made.usage == Usage(input_tokens=1010, output_tokens=105)
    assert made.cost_usd == pytest.approx((1010 * 2.0 + 105 * 8.0) / 1e6)
    assert made.estimated


def test_a_call_that_broke_off_costs_what_was_sent_and_had_arrived() -> None:
    made = failed(CALL, timeout(charged=True), 12.3456, PRICE, SENT)
    assert (made.usage, made.cost_usd, made.estimated) == (SENT, ESTIMATE, True)
    assert (made.calls, made.latency_ms) == (2, 12.346)
    assert made.error is not None


def test_a_caller_who_went_away_is_billed_for_what_was_made_for_him() -> None:
    made = failed(CALL, Cancelled("gone"), 1.0, PRICE, SENT)
    assert (made.cost_usd, made.estimated, made.calls) == (ESTIMATE, True, 1)


def test_a_call_that_no_endpoint_charges_for_costs_nothing_and_is_no_estimate() -> None:
    refused = TargetRejected("target t refused the call (HTTP 400)")
    for error in (refused, timeout(charged=False)):
        made = failed(CALL, error, 1.0, PRICE, SENT)
        assert (made.usage, made.cost_usd, made.estimated) == (Usage(), 0.0, False)
