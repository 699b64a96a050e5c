"""When memory is asked, and when what it says is an answer."""

import pytest

from pipeline.contracts import CacheHit, Envelope, Plan, Request, Tier
from pipeline.policy.models import CachePolicy
from stages.recall.decide import choose, decide, why_not, with_vector

PLAN = Plan(route="chat", tiers=(Tier(variant="small", target="small", propensity=1.0),))


def envelope(plan: Plan | None = PLAN, **request: object) -> Envelope:
    return Envelope(
        id="r1",
        request=Request.model_validate({"input": "hi", **request}),
        fingerprint="f",
        lane="interactive",
        received_at=0,
        deadline_at=60,
        policy_revision="rev",
        plan=plan,
    )


def hit(confidence: float | None = 0.7) -> CacheHit:
    return CacheHit(
        content="ho", variant="small", target="small", model="m", request_id="r0", stored_at=90.0, confidence=confidence
    )


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (envelope(), None),
        (envelope(cache="off"), "cache_off"),
        (envelope(cache="refresh"), "cache_refresh"),
        (envelope(plan=None), "not_cacheable"),
        (envelope(plan=PLAN.model_copy(update={"cacheable": False})), "not_cacheable"),
    ],
)
def test_memory_is_asked_only_where_plan_and_caller_let_it(asked: Envelope, reason: str | None) -> None:
    assert why_not(asked) == reason


def test_a_hit_ends_the_request_with_the_remembered_answer() -> None:
    outcome = decide(envelope(), hit(), None, now=100.0)

    assert outcome.kind == "hit"
    assert outcome.changes == {"hit": hit(), "status": "answered"}
    assert outcome.facts == {"age_s": 10.0, "variant": "small", "from": "r0", "kind": "exact"}


def test_an_answer_from_the_future_of_another_clock_has_no_negative_age() -> None:
    assert decide(envelope(), hit(), None, now=80.0).facts["age_s"] == 0.0


def test_a_miss_changes_nothing_and_says_why() -> None:
    outcome = decide(envelope(), None, "store_away", now=100.0)

    assert (outcome.kind, outcome.reasons, outcome.changes) == ("miss", ("store_away",), {})
    assert outcome.facts == {"reason": "store_away"}


@pytest.mark.parametrize(("confidence", "kind"), [(0.7, "hit"), (0.69, "miss"), (None, "miss")])
def test_an_answer_below_the_quality_floor_is_no_answer(confidence: float | None, kind: str) -> None:
    assert decide(envelope(quality_floor=0.7), hit(confidence), None, now=100.0).kind == kind


# ---------------------------------------------------------------- wishes and what the route grants


@pytest.mark.parametrize(("cache", "grants"), [("refresh", "no-store"), ("off", "no-cache")])
def test_a_wish_that_the_route_does_not_grant_is_passed_over(cache: str, grants: str) -> None:
    rules = CachePolicy.model_validate({"callers_may": (grants,)})
    assert why_not(envelope(cache=cache), rules) is None


@pytest.mark.parametrize(("age", "kind"), [(10.0, "hit"), (9.9, "miss"), (0.0, "miss")])
def test_an_answer_that_is_older_than_the_caller_wants_is_none(age: float, kind: str) -> None:
    assert decide(envelope(cache_max_age_s=age), hit(), None, now=100.0).kind == kind


def test_where_the_route_does_not_grant_an_age_any_age_will_do() -> None:
    rules = CachePolicy(callers_may=("no-cache",))
    assert decide(envelope(cache_max_age_s=1.0), hit(), None, now=100.0, rules=rules).kind == "hit"


@pytest.mark.parametrize(("asked", "kind"), [(0.9, "hit"), (0.95, "miss"), (None, "hit"), (0.0, "hit")])
def test_an_answer_to_a_question_less_alike_than_the_caller_wants_is_none(asked: float | None, kind: str) -> None:
    found = hit().model_copy(update={"kind": "semantic", "similarity": 0.94})
    assert decide(envelope(cache_similarity=asked), found, None, now=100.0).kind == kind


# ---------------------------------------------------------------- likeness


def test_a_question_that_means_the_same_is_chosen_and_the_trail_holds_numbers() -> None:
    chosen = choose("What is the capital of France?", [("what is the capital of france", 0.97)])
    assert chosen.place == 0
    assert chosen.facts["candidates"] == 1
    assert chosen.facts["similarity"] == 0.97


@pytest.mark.parametrize(
    ("asked", "remembered"),
    [
        ("Rate this book 4 out of 6", "Rate this book 2 out of 6"),
        ("Is it allowed to park here?", "Is it not allowed to park here?"),
        ("Convert 5 euros to dollars", "Convert 5 dollars to euros"),
    ],
)
def test_a_question_that_only_looks_the_same_is_not(asked: str, remembered: str) -> None:
    chosen = choose(asked, [(remembered, 0.99)])
    assert chosen.place is None
    assert chosen.facts["objections"]
    words = " ".join(str(value) for value in chosen.facts.values())
    assert not any(word in words for word in ("book", "park", "euros"))


def test_without_candidates_nothing_is_chosen() -> None:
    assert choose("anything", []).place is None


def test_what_was_compared_stands_in_the_trail_of_a_hit_and_of_a_miss() -> None:
    seen = {"candidates": 2, "flight": "leads"}
    assert decide(envelope(), None, None, 100.0, seen=seen).facts == {"reason": "absent", **seen}
    assert seen.items() <= decide(envelope(), hit(), None, 100.0, seen=seen).facts.items()


def test_a_vector_and_a_comparison_are_told_with_the_calls_and_costs_of_both() -> None:
    vector = {"made_for": "embedding", "made": 1, "cost_usd": 0.25, "embedder": "e"}
    judged = {"candidates": 2, "made_for": "judge", "made": 1, "cost_usd": 0.5}
    assert with_vector(vector, {"candidates": 0}) == {**vector, "candidates": 0}
    assert with_vector(vector, judged) == {**vector, **judged, "made": 2, "cost_usd": 0.75}
    assert with_vector(vector, {**judged, "cost_usd": None})["cost_usd"] is None
