"""Rates of requests and tokens, in memory and in a real Valkey."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fakes_money import rate, with_money
from valkey_server import ValkeyServer

from pipeline.adapters.money.rates import LimitsMeter
from pipeline.policy.models import Rate
from pipeline.policy.source import FixedPolicy
from pipeline.ports import RateCheck

TWO = rate("two", requests=2, per="hour")
BOTH = rate("both", requests=10, tokens=1000, per="hour")


@pytest.fixture(params=["memory", "valkey"])
async def url(request: pytest.FixtureRequest) -> AsyncIterator[str | None]:
    if request.param == "memory":
        yield None
        return
    server: ValkeyServer = request.getfixturevalue("valkey")
    yield server.url
    meter = LimitsMeter(FixedPolicy(with_money()), server.url)
    await meter._windows.reset()
    await meter.close()


def meter(url: str | None, *rates: Rate) -> LimitsMeter:
    return LimitsMeter(FixedPolicy(with_money(*rates)), url)


def check(spec: Rate, tokens: int = 10, scope: str = "tenant=acme") -> RateCheck:
    return RateCheck(spec.name, scope, tokens)


async def test_requests_pass_until_the_rate_is_reached(url: str | None) -> None:
    made = meter(url, TWO)
    verdicts = [await made.hit(f"acme.r{n}", [check(TWO)]) for n in range(3)]
    assert [one.exceeded for one in verdicts] == [None, None, "two"]
    assert [one.states[0].remaining for one in verdicts] == [1, 0, 0]
    refused = verdicts[2]
    assert refused.retry_after_s is not None
    assert 0 < refused.retry_after_s <= 3601
    assert (refused.states[0].limit, refused.states[0].counts) == (2, "requests")
    assert 0 < refused.states[0].reset_s <= 7200
    await made.close()


async def test_each_scope_has_a_window_of_its_own(url: str | None) -> None:
    made = meter(url, TWO)
    for scope in ("tenant=acme", "tenant=other"):
        for n in range(2):
            assert (await made.hit(f"{scope}.{n}", [check(TWO, scope=scope)])).exceeded is None
    await made.close()


async def test_a_request_that_comes_again_is_not_counted_again(url: str | None) -> None:
    made = meter(url, TWO)
    for _ in range(5):
        assert (await made.hit("acme.r1", [check(TWO)])).exceeded is None
    assert (await made.hit("acme.r2", [check(TWO)])).states[0].remaining == 0
    assert (await made.hit("acme.r1", [check(TWO)])).exceeded is None, "it was let pass, whatever came since"
    await made.close()


async def test_tokens_count_by_their_number(url: str | None) -> None:
    made = meter(url, BOTH)
    first = await made.hit("acme.r1", [check(BOTH, 600)])
    assert [(state.counts, state.remaining) for state in first.states] == [("requests", 9), ("tokens", 400)]
    assert (await made.hit("acme.r2", [check(BOTH, 600)])).exceeded == "both"
    third = await made.hit("acme.r3", [check(BOTH, 400)])
    assert third.exceeded is None, "what was refused took nothing"
    assert [state.remaining for state in third.states] == [8, 0]
    await made.close()


async def test_of_several_rates_all_or_none_are_counted(url: str | None) -> None:
    made = meter(url, TWO, BOTH)
    both = [check(TWO), check(BOTH)]
    for n in range(5):
        verdict = await made.hit(f"acme.r{n}", both)
    assert verdict.exceeded == "two"
    assert [state.remaining for state in verdict.states] == [0, 8, 980]
    await made.close()


async def test_at_once_no_more_pass_than_the_rate_allows(url: str | None) -> None:
    made = meter(url, rate("ten", requests=10, per="hour"))
    asked = [made.hit(f"acme.r{n}", [RateCheck("ten", "all", 1)]) for n in range(30)]
    verdicts = await asyncio.gather(*asked)
    assert sum(one.exceeded is None for one in verdicts) == 10
    await made.close()


async def test_at_once_each_request_is_told_what_is_left_after_itself(url: str | None) -> None:
    six = rate("six", requests=6, per="hour")
    made = meter(url, six)
    verdicts = await asyncio.gather(*(made.hit(f"acme.r{n}", [check(six)]) for n in range(10)))
    passed = [one.states[0].remaining for one in verdicts if one.exceeded is None]
    assert sorted(passed) == [0, 1, 2, 3, 4, 5]
    assert [one.states[0].remaining for one in verdicts if one.exceeded is not None] == [0] * 4
    assert all(0 < one.states[0].reset_s <= 7200 for one in verdicts)
    await made.close()


async def test_who_was_refused_in_the_rush_gives_back_what_it_took_elsewhere(url: str | None) -> None:
    made = meter(url, TWO, BOTH)
    verdicts = await asyncio.gather(*(made.hit(f"acme.r{n}", [check(BOTH), check(TWO)]) for n in range(6)))
    assert sum(one.exceeded is None for one in verdicts) == 2
    later = await made.hit("acme.later", [check(BOTH)])
    assert [state.remaining for state in later.states] == [7, 970]
    assert (await made.hit("acme.r9", [check(TWO)])).exceeded == "two"
    await made.close()


async def test_a_first_request_is_told_when_the_window_is_full_again(url: str | None) -> None:
    six = rate("six", requests=6, per="hour")
    made = meter(url, six)
    state = (await made.hit("acme.r1", [check(six)])).states[0]
    assert state.remaining == 5
    assert 0 < state.reset_s <= 3600.1
    await made.close()


async def test_a_rate_that_is_no_longer_in_the_policy_counts_nothing(url: str | None) -> None:
    made = meter(url, TWO)
    assert await made.hit("acme.r1", [RateCheck("gone", "all", 1)]) == await made.hit("acme.r2", [])
    await made.close()


@pytest.mark.parametrize(("when_away", "exceeded"), [("allow", None), ("refuse", "two")])
async def test_while_nobody_can_count_the_rate_says_what_that_means(when_away: str, exceeded: str | None) -> None:
    made = meter("redis://127.0.0.1:1/0", rate("two", requests=2, when_away=when_away))
    verdict = await made.hit("acme.r1", [check(TWO)])
    assert (verdict.exceeded, verdict.states) == (exceeded, ())
    await made.close()


async def test_a_store_that_hangs_holds_nobody_up(valkey: ValkeyServer) -> None:
    made = meter(valkey.url, TWO)
    await made.hit("acme.h1", [check(TWO, scope="hung")])
    valkey.pause()
    try:
        async with asyncio.timeout(5):
            assert (await made.hit("acme.h2", [check(TWO, scope="hung")])).exceeded is None
    finally:
        valkey.resume()
    await made.close()


async def test_tokens_that_were_used_beyond_those_counted_count_in_the_end_once_and_above_the_limit(
    url: str | None,
) -> None:
    made = meter(url, BOTH)
    first = await made.hit("acme.r1", [check(BOTH, 100)])
    assert first.exceeded is None
    for _ in range(2):
        await made.settle("acme.r1", [check(BOTH, 700)])
    second = await made.hit("acme.r2", [check(BOTH, 100)])
    assert (second.exceeded, [state.remaining for state in second.states]) == (None, [8, 100])
    await made.settle("acme.r2", [check(BOTH, 5000)])
    third = await made.hit("acme.r3", [check(BOTH, 1)])
    assert third.exceeded == "both"
    await made.close()


async def test_a_rate_of_requests_alone_has_nothing_to_settle(url: str | None) -> None:
    made = meter(url, TWO)
    await made.settle("acme.r1", [check(TWO, 700)])
    assert (await made.hit("acme.r1", [check(TWO)])).states[0].remaining == 1
    await made.close()
