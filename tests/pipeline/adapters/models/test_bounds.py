"""Reports of usage that a call cannot have had."""

import pytest

from pipeline.adapters.models.bounds import believable, within
from pipeline.adapters.models.estimates import Size
from pipeline.adapters.models.outcomes import Answered, Calls, attempt_of
from pipeline.contracts import MAX_WHOLE, Usage
from pipeline.policy.models import Price
from pipeline.ports import Completion, Progress

CALL = {"number": 1, "stage": "draft", "tier": 0, "variant": "v", "target": "t", "model": "m"}
PRICE = Price(input=2.0, output=20.0, source="a list", as_of="2026-01-31")
SIZE = Size(asked=50, answered=100)


def answered(asked: int, answered: int, **others: int) -> Answered:
    usage = Usage(input_tokens=asked, output_tokens=answered, **others)
    return Answered(Completion(model="m", text="yes", finish_reason="stop", usage=usage))


def test_a_report_that_a_call_can_have_had_counts_as_it_is() -> None:
    made = attempt_of(CALL, answered(60, 101), Calls(), SIZE, PRICE, 1.0)
    assert (made.usage.input_tokens, made.usage.output_tokens, made.estimated) == (60, 101, False)


def test_a_thousand_billion_tokens_for_an_answer_of_a_hundred_cost_what_a_hundred_cost() -> None:
    made = attempt_of(CALL, answered(40, 10**15), Calls(), SIZE, PRICE, 1.0)
    assert made.usage == Usage(input_tokens=40, output_tokens=100)
    assert made.cost_usd == pytest.approx((40 * 2 + 100 * 20) / 1e6)
    assert made.estimated, "nobody knows what it really was"


def test_a_question_of_more_tokens_than_were_sent_costs_what_was_sent() -> None:
    made = attempt_of(CALL, answered(10**9, 7, cached_tokens=10**9), Calls(), SIZE, PRICE, 1.0)
    assert made.usage == Usage(input_tokens=50, output_tokens=7, cached_tokens=50)
    assert made.estimated


def test_of_a_call_beside_it_nothing_absurd_is_believed_either() -> None:
    outcome = answered(40, 10**15)._replace(second=True)
    made = attempt_of(CALL, outcome, Calls(beside=Progress()), SIZE, PRICE, 1.0)
    assert made.hedge_usage == Usage(input_tokens=40, output_tokens=100)


@pytest.mark.parametrize(
    ("usage", "size", "so"),
    [
        (Usage(input_tokens=200 + 4096, output_tokens=456), SIZE, True),
        (Usage(output_tokens=457), SIZE, False),
        (Usage(input_tokens=4297), SIZE, False),
        (Usage(input_tokens=60_000, output_tokens=1), Size(1_100, 100), False),
        (Usage(input_tokens=60_000, output_tokens=1), Size(1_100, 100, images=True), True),
        (Usage(output_tokens=20_000, reasoning_tokens=19_900), SIZE, True),
        (Usage(output_tokens=MAX_WHOLE, reasoning_tokens=MAX_WHOLE), SIZE, False),
        (Usage(input_tokens=10**9, output_tokens=10**9), Size(0, 0), True),
    ],
)
def test_what_is_believed(usage: Usage, size: Size, so: bool) -> None:
    assert believable(usage, size) is so


def test_parts_are_no_larger_than_the_whole() -> None:
    absurd = Usage(input_tokens=10, output_tokens=10**15, reasoning_tokens=10**15)
    assert within(absurd, SIZE) == Usage(input_tokens=10, output_tokens=100, reasoning_tokens=100)
