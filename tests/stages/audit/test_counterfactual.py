"""What a request would have cost without the stairs."""

from dataclasses import replace

import pytest
from decisions import attempt, envelope
from fakes_models import policy, target
from fakes_money import ALWAYS

from pipeline.contracts import CacheHit, ErrorBody, Plan, Rung, Tier, Usage
from pipeline.policy import Policy
from pipeline.policy.compiled_parts import CompiledRoute
from pipeline.policy.models import Price, Route, TenantSpec, TierSpec
from stages.audit.counterfactual import always_large, counterfactual_usd
from stages.audit.decide import decide, record_fields

USED = Usage(input_tokens=1000, output_tokens=100, cached_tokens=600)
LARGE = pytest.approx((1000 * 2.0 + 100 * 8.0) / 1e6)


def price(scale: float) -> Price:
    return Price(input=scale, output=4 * scale, cached_input=0.0, source="a list", as_of="2026-10-01")


DEAR = price(2.0)


def known(*, charged: Price | None = DEAR, **tenant: str) -> Policy:
    """A route of a small and a large tier, of which the large one has a rival of less weight."""
    spec = Route(
        name="chat", tiers=(TierSpec(variants={"small": 1.0}), TierSpec(variants={"large": 0.9, "rival": 0.1}))
    )
    targets = {name: target(name, price=price(0.1)) for name in ("small", "rival")}
    targets |= {"large": target("large", price=charged), "theirs": target("theirs", price=price(10.0))}
    return replace(
        policy(targets), routes=(CompiledRoute(spec, ALWAYS),), tenants={"acme": TenantSpec(variants=tenant)}
    )


def test_an_answer_by_the_draft_is_compared_with_one_of_its_size_by_the_large_one_at_list_price() -> None:
    drafted = attempt(usage=USED)
    assert counterfactual_usd(envelope(attempts=(drafted,)), known(), drafted) == LARGE


def test_an_answer_by_the_large_one_would_have_cost_what_it_cost() -> None:
    made = (attempt(1, usage=USED), attempt(2, usage=USED, cost_usd=0.5))
    assert counterfactual_usd(envelope(attempts=made), known(), made[1]) == 0.5


def test_a_large_one_that_failed_answered_nothing() -> None:
    broken = attempt(2, cost_usd=0.7, error=ErrorBody(code="target_timeout", message="too slow"))
    drafted = attempt(usage=USED)
    assert counterfactual_usd(envelope(attempts=(drafted, broken)), known(), drafted) == LARGE


def test_what_calls_used_whose_answers_do_not_count_is_no_part_of_the_answer() -> None:
    lost = Usage(input_tokens=1000, output_tokens=7)
    retried = attempt(usage=USED + lost, cost_usd=0.9).model_copy(update={"lost_usage": lost, "lost_usd": 0.4})
    assert counterfactual_usd(envelope(attempts=(retried,)), known(), retried) == LARGE
    large = retried.model_copy(update={"variant": "large"})
    assert counterfactual_usd(envelope(attempts=(large,)), known(), large) == pytest.approx(0.5)


def test_a_remembered_answer_saved_a_large_one_of_its_size_if_that_is_known() -> None:
    hit = CacheHit(content="x", variant="small", target="small", model="m", request_id="r0", stored_at=5.0, usage=USED)
    assert counterfactual_usd(envelope(hit=hit, attempts=()), known(), None) == LARGE
    unknown = hit.model_copy(update={"usage": None})
    assert counterfactual_usd(envelope(hit=unknown, attempts=()), known(), None) is None


def test_what_is_not_known_is_null() -> None:
    drafted = attempt(usage=USED)
    ended = envelope(attempts=(drafted,))
    assert counterfactual_usd(ended, None, drafted) is None
    assert counterfactual_usd(ended, known(charged=None), drafted) is None
    assert counterfactual_usd(ended, known(), None) is None
    assert counterfactual_usd(envelope(plan=None, attempts=(drafted,)), known(), drafted) is None


def tiers(*names: str) -> Plan:
    return Plan(route="chat", tiers=tuple(Tier(variant=name, target=name, propensity=1.0) for name in names))


@pytest.mark.parametrize(
    ("planned", "expected"),
    [(("small", "rival"), "rival"), (("small", "large"), "large"), (("small",), "large"), ((), "large")],
)
def test_the_best_variant_is_the_one_planned_of_the_deepest_tier_else_that_of_most_weight(
    planned: tuple[str, ...], expected: str
) -> None:
    assert always_large(envelope(plan=tiers(*planned)), known()) == expected


def test_a_tenant_s_own_variant_stands_in_the_place_of_the_usual_one() -> None:
    assert always_large(envelope(plan=tiers("small")), known(large="theirs")) == "theirs"


def test_the_record_holds_it_for_what_was_answered_and_nothing_else() -> None:
    answered = envelope(attempts=(attempt(usage=USED),))
    assert record_fields(answered, decide(answered, 1.0), known())["counterfactual_usd"] == LARGE
    refused = answered.model_copy(update={"status": "refused", "error": ErrorBody(code="refused", message="no")})
    assert record_fields(refused, decide(refused, 1.0), known())["counterfactual_usd"] is None


def test_the_record_tells_how_each_attempt_came_about_and_what_planning_saw() -> None:
    made = attempt(usage=USED, fallback=1, estimated=True, hedged=True)
    plan = tiers("small", "large").model_copy(update={"chose": ("weights", "cost"), "skipped": "budget", "rates": ()})
    told = record_fields(envelope(attempts=(made,), plan=plan), decide(envelope(attempts=(made,)), 1.0))
    (only,) = told["attempts"]  # type: ignore[misc]
    assert (only.tier, only.fallback, only.estimated, only.hedged) == (0, 1, True, True)
    assert (told["chose"], told["skipped"]) == (("weights", "cost"), "budget")


def test_fallbacks_are_no_tiers() -> None:
    plan = tiers("small").model_copy(
        update={
            "tiers": (
                Tier(
                    variant="small", target="small", propensity=1.0, fallbacks=(Rung(variant="rival", target="rival"),)
                ),
            )
        }
    )
    assert always_large(envelope(plan=plan), known()) == "large"
