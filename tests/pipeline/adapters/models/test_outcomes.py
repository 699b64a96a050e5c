"""Attempts that took more than one call: what answered, and what was lost on the way."""

import pytest

from pipeline.adapters.models.estimates import Size
from pipeline.adapters.models.outcomes import Answered, Calls, attempt_of
from pipeline.contracts import Usage
from pipeline.errors import Cancelled, TargetUnavailable
from pipeline.policy.models import Price
from pipeline.ports import Completion, Progress

CALL = {"number": 1, "stage": "draft", "tier": 0, "variant": "v", "target": "t", "model": "m"}
PRICE = Price(input=10.0, output=20.0, source="a list", as_of="2026-01-31")
SIZE = Size(asked=9, answered=100)
USED = Usage(input_tokens=3, output_tokens=20)
COST = pytest.approx((3 * 10 + 20 * 20) / 1e6)
SENT = pytest.approx(9 * 10 / 1e6)


def after(tries: int, *, running: bool = False) -> Progress:
    """A call of which so many tries were lost; `running`: another one is under way."""
    progress = Progress()
    for _ in range(tries):
        progress.goes_out()
        progress.give_up()
    progress.goes_out()
    if not running:
        progress.running = None
    return progress


def answer(calls: int) -> Completion:
    return Completion(model="m", text="yes", finish_reason="stop", usage=USED, calls=calls)


def test_tries_that_were_lost_are_told_apart_from_the_one_that_answered() -> None:
    made = attempt_of(CALL, Answered(answer(3)), Calls(after(2)), SIZE, PRICE, 1.0)
    assert made.calls == 3
    assert (made.usage, made.answer_usage) == (Usage(input_tokens=21, output_tokens=20), USED)
    assert (made.lost_usd, made.cost_usd - made.lost_usd) == (pytest.approx(18e-5), COST)


def test_an_answer_at_once_lost_nothing() -> None:
    made = attempt_of(CALL, Answered(answer(1)), Calls(after(0)), SIZE, PRICE, 1.0)
    assert (made.calls, made.lost_usage, made.lost_usd, made.answer_usage) == (1, None, None, USED)


def test_where_the_second_call_wins_the_first_one_is_lost() -> None:
    calls = Calls(after(0, running=True), after(0))
    made = attempt_of(CALL, Answered(answer(1), second=True), calls, SIZE, PRICE, 1.0)
    assert (made.calls, made.answer_usage, made.lost_usd) == (2, USED, SENT)


def test_where_the_first_call_wins_the_second_one_is_lost() -> None:
    calls = Calls(after(0), after(1, running=True))
    made = attempt_of(CALL, Answered(answer(1)), calls, SIZE, PRICE, 1.0)
    assert (made.calls, made.answer_usage, made.lost_usage) == (3, USED, made.hedge_usage)


def test_of_an_unknown_price_what_was_lost_is_not_known_either() -> None:
    made = attempt_of(CALL, Answered(answer(2)), Calls(after(1)), SIZE, None, 1.0)
    assert (made.cost_usd, made.lost_usd) == (None, None)


def test_only_calls_that_went_out_are_counted_where_none_answers() -> None:
    alone = TargetUnavailable("target t failed too often and is left alone for another 9.0 s")
    assert attempt_of(CALL, alone, Calls(), SIZE, PRICE, 1.0).calls == 0
    assert attempt_of(CALL, Cancelled("gone"), Calls(), SIZE, PRICE, 1.0).calls == 0
    both = Calls(after(1, running=True), after(0, running=True))
    assert attempt_of(CALL, Cancelled("gone"), both, SIZE, PRICE, 1.0).calls == 3
