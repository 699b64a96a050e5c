"""Which tier is next: by expected gain for its cost, or none; and none that would come too late."""

from fakes_stages import attempt, envelope, plan
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import Snapshot, TargetStanding
from stages.escalate.choose import Option, by_gain, candidates, in_time

SHARE = st.floats(0, 1)
MONEY = st.floats(0, 1)
OPTIONS = st.lists(st.tuples(st.none() | SHARE, st.none() | MONEY), max_size=6).map(
    lambda found: [Option(tier, right, usd) for tier, (right, usd) in enumerate(found, start=1)]
)


def test_the_one_that_gains_most_for_its_cost_is_next_also_where_others_come_before_it() -> None:
    options = [Option(1, 0.6, 0.001), Option(2, 0.95, 0.002), Option(3, 0.97, 0.09)]
    assert by_gain(0.5, options, 0.1).tier == 2


def test_where_none_gains_more_than_it_costs_what_there_is_stays() -> None:
    options = [Option(1, 0.6, 0.02), Option(2, 0.9, 0.05)]
    assert by_gain(0.5, options, 0.1).tier is None
    assert by_gain(0.5, options, 10.0).tier == 2, "a right answer that is worth more"


def test_without_an_answer_the_best_is_called_whatever_it_costs() -> None:
    assert by_gain(None, [Option(1, 0.6, 5.0), Option(2, 0.9, 9.0)], 0.1).tier == 1


def test_what_is_not_known_is_not_guessed() -> None:
    assert by_gain(0.5, [Option(1), Option(2)], 1.0).tier == 1, "the tiers in their order"
    assert by_gain(0.5, [Option(1), Option(2, 0.9, 0.01)], 1.0).tier == 2
    assert by_gain(0.5, [Option(1, 0.9, None), Option(2, 0.9, 0.5)], 1.0).tier is None


def test_the_facts_are_those_that_it_followed_from() -> None:
    choice = by_gain(0.5, [Option(1, 0.9, 0.01)], 1.0)
    assert choice.facts == {"p_now": 0.5, "value_usd": 1.0, "p_1": 0.9, "usd_1": 0.01}


@given(SHARE, OPTIONS, st.floats(0.001, 10))
def test_the_choice_is_worth_its_call_and_no_other_is_worth_more(
    now: float, options: list[Option], value: float
) -> None:
    choice = by_gain(now, options, value)
    known = {
        one.tier: value * (one.right - now) - one.usd
        for one in options
        if one.right is not None and one.usd is not None
    }
    if known and choice.tier is None:
        assert max(known.values()) <= 0
    elif known:
        assert choice.tier is not None
        assert known[choice.tier] == max(known.values())
    else:
        assert choice.tier == (options[0].tier if options else None)


@given(SHARE, OPTIONS, st.floats(0.001, 10))
def test_it_is_made_again_from_its_facts(now: float, options: list[Option], value: float) -> None:
    choice = by_gain(now, options, value)
    facts = choice.facts
    again = [Option(one.tier, facts[f"p_{one.tier}"], facts[f"usd_{one.tier}"]) for one in options]  # type: ignore[arg-type]
    assert by_gain(facts["p_now"], again, facts["value_usd"]) == choice  # type: ignore[arg-type]


# ---------------------------------------------------------------- who may be next


def test_with_leave_to_skip_all_deeper_tiers_may_be_next_while_an_escalation_is_left() -> None:
    draft = attempt(1, text="x")
    assert candidates(envelope(draft, tiers=plan(3, max_escalations=1)), skips=True) == (1, 2)
    assert candidates(envelope(draft, tiers=plan(3, max_escalations=1)), skips=False) == (1,)
    assert candidates(envelope(draft, attempt(2, text="y"), tiers=plan(3, max_escalations=1)), skips=True) == ()
    assert candidates(envelope(draft, attempt(2, text="y"), tiers=plan(3)), skips=True) == (2,)


def test_a_target_that_usually_takes_longer_than_is_left_is_not_called() -> None:
    snapshot = Snapshot(targets={"large": TargetStanding(latency_ms=3_000.0), "huge": TargetStanding(latency_ms=900.0)})
    stairs = plan(3, snapshot=snapshot)
    assert in_time((1, 2), stairs, 5.0) == (1, 2)
    assert in_time((1, 2), stairs, 2.0) == (2,)
    assert in_time((1, 2), stairs, 0.5) == ()
    assert in_time((1, 2), plan(3), 0.5) == (1, 2), "of an unmeasured one nothing is known"
