"""The stage draft with a model in memory."""

import pytest
from cascade import FakeClock
from fakes_ledger import FakeLedger
from fakes_models import FakeJournal, FakeModels, classified, policy, target
from fakes_stages import envelope, plan

from pipeline.adapters.models import Attempts
from pipeline.contracts import Cover, Request, Step
from pipeline.errors import InvalidRequest, Postponed, ResidencyRefused
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Denial, Run
from stages.draft import Draft

SEEN = classified("small", "large")


def draft(models: FakeModels, small: str = "small-m") -> Draft:
    policies = FixedPolicy(policy({"small": target(small), "large": target("large-m")}))
    return Draft(Attempts(models, FakeJournal(), policies, FakeClock()))


async def test_it_calls_the_first_tier_alone() -> None:
    models = FakeModels()
    outcome = await draft(models).handle(envelope(classification=SEEN), Run())
    assert outcome.kind == "drafted"
    assert [call.permit.target for call in models.calls] == ["small"]


async def test_a_model_that_is_down_is_not_the_end() -> None:
    outcome = await draft(FakeModels(), "error").handle(envelope(classification=SEEN), Run())
    assert (outcome.kind, outcome.reasons) == ("unavailable", ("target_unavailable",))


TWICE: dict = {f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(60)}


@pytest.mark.parametrize(
    "schema",
    [{"type": "no such type"}, {"$ref": "#"}, {"$defs": {**TWICE, "d60": {"type": "string"}}, "$ref": "#/$defs/d0"}],
    ids=["no schema", "a circle", "2^60 ways"],
)
async def test_a_schema_that_cannot_be_used_is_found_before_anything_is_paid(schema: dict) -> None:
    models = FakeModels()
    request = Request(input="x", response_schema=schema)
    with pytest.raises(InvalidRequest) as caught:
        await draft(models).handle(envelope(request=request, classification=SEEN), Run())
    assert caught.value.param == "response_schema"
    assert models.calls == []


async def test_a_target_that_may_not_see_the_request_is_not_called() -> None:
    models = FakeModels()
    with pytest.raises(ResidencyRefused):
        await draft(models).handle(envelope(tiers=plan(1), classification=classified("large")), Run())
    assert models.calls == []


async def test_a_budget_that_lets_requests_wait_postpones_the_draft() -> None:
    policies = FixedPolicy(policy({"small": target("small-m")}))
    ledger = FakeLedger(denies=lambda charge: Denial("team", "queue", "it is used up", 60.0))
    stage = Draft(Attempts(FakeModels(), FakeJournal(), policies, FakeClock(), ledger=ledger))
    covered = plan(1, covers=(Cover(budget="team", scope="all"),))
    with pytest.raises(Postponed) as caught:
        await stage.handle(envelope(tiers=covered, classification=SEEN), Run())
    assert (caught.value.rule, caught.value.retry_after_s) == ("team", 60.0)


@pytest.mark.parametrize(("waited", "wait_s"), [(0, 1.0), (1, 1.5), (2, 2.25), (9, 5.0)])
async def test_what_others_hold_is_asked_for_again_soon_and_less_often_the_longer_it_lasts(
    waited: int, wait_s: float
) -> None:
    policies = FixedPolicy(policy({"small": target("small-m")}))
    ledger = FakeLedger(denies=lambda charge: Denial("team", "queue", "it is held", 1.0, held=True))
    stage = Draft(Attempts(FakeModels(), FakeJournal(), policies, FakeClock(), ledger=ledger))
    covered = plan(1, covers=(Cover(budget="team", scope="all"),))
    step = Step(stage="draft", outcome="postponed", facts={"times": waited}, at=0, duration_ms=1, worker="w")
    before = envelope(tiers=covered, classification=SEEN).model_copy(update={"trail": (step,) if waited else ()})
    with pytest.raises(Postponed) as caught:
        await stage.handle(before, Run())
    assert caught.value.retry_after_s == wait_s
