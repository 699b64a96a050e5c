"""The measure of early exits: what is given up, how much of it was right, and what it spares."""

import asyncio

from bench.early_exit import Stream, exit_of, simulated, told_of
from pipeline.contracts import TokenLogprob
from pipeline.policy.models import EarlyExit


def stream(score: float, length: int = 40, *, right: bool = False) -> Stream:
    return Stream(tuple(TokenLogprob(token=f" w{place}", logprob=score) for place in range(length)), right)


def test_an_unsure_answer_is_left_where_the_gate_leaves_it_and_the_rest_of_it_is_spared() -> None:
    rule = EarlyExit(after=8, below=0.5)
    assert asyncio.run(exit_of(stream(-2.0), rule)) == 8
    assert asyncio.run(exit_of(stream(-0.1), rule)) is None
    told = asyncio.run(told_of([stream(-2.0), stream(-2.0, right=True), stream(-0.1), stream(-0.1)], 0.5, 8))
    assert (told.left, told.wrong_exits, told.saved) == (0.5, 0.25, 2 * 32 / 160)


def test_the_higher_the_threshold_the_more_is_left() -> None:
    streams = list(simulated(150, 3))
    told = [asyncio.run(told_of(streams, below, 16)) for below in (0.3, 0.6, 0.9)]
    assert [one.left for one in told] == sorted(one.left for one in told)
    assert told[0].left < told[-1].left
