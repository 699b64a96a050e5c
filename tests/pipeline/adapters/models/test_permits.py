"""What a call needs is asked of the guard right before it, under the policy that the request goes on under."""

import pytest
from fakes_models import classified, policy, target

from pipeline.adapters.models.permits import Permits
from pipeline.adapters.models.shields import Shields
from pipeline.contracts import Classification, Envelope, Request, Rung
from pipeline.disclosure.guard import Added
from pipeline.errors import ResidencyRefused, UnknownModel
from pipeline.policy.models import Variant
from pipeline.policy.source import FixedPolicy

POLICY = policy(
    {"small": target("small-m"), "far": target("far-m", external=True)},
    variants={"small": Variant(target="small", system="Be brief."), "far": Variant(target="far")},
)
SMALL = Rung(variant="small", target="small")


def envelope(found: Classification | None) -> Envelope:
    return Envelope(
        id="r1",
        request=Request(input="How deep is it?", tenant="acme"),
        fingerprint="f",
        lane="interactive",
        received_at=1_000_000.0,
        deadline_at=1_000_010.0,
        policy_revision=POLICY.revision,
        classification=found,
    )


@pytest.fixture
def permits() -> Permits:
    return Permits(FixedPolicy(POLICY), Shields())


async def test_a_call_is_permitted_as_its_variant_says(permits: Permits) -> None:
    ready = await permits.ready(envelope(classified("small")), SMALL, "acme.r1.draft-1")
    assert (ready.permit.target, ready.permit.view.idempotency_key) == ("small", "acme.r1.draft-1")
    assert [message.content for message in ready.permit.view.messages] == ["Be brief.", "How deep is it?"]
    assert (ready.variant, ready.policy) == (POLICY.variants["small"], POLICY)


async def test_where_nothing_is_hidden_nor_looked_for_the_answer_comes_back_as_it_is(permits: Permits) -> None:
    ready = await permits.ready(envelope(classified("small")), SMALL, "k")
    assert (ready.back, ready.found) == (None, ())


async def test_nobody_classified_it_so_nobody_sees_it(permits: Permits) -> None:
    with pytest.raises(ResidencyRefused):
        await permits.ready(envelope(None), SMALL, "k")


async def test_a_target_that_may_not_see_it_is_not_called(permits: Permits) -> None:
    with pytest.raises(ResidencyRefused):
        await permits.ready(envelope(classified(far="local_only")), Rung(variant="far", target="far"), "k")


@pytest.mark.parametrize("rung", [Rung(variant="gone", target="small"), Rung(variant="far", target="small")])
async def test_a_variant_is_called_at_its_own_target_alone(permits: Permits, rung: Rung) -> None:
    with pytest.raises(UnknownModel, match=rung.variant):
        await permits.ready(envelope(classified("small")), rung, "k")


async def test_what_is_added_is_fenced_by_the_request_it_belongs_to(permits: Permits) -> None:
    """Two requests have two fences, so that no answer can close the one it stands in."""
    added, asked = Added(kind="judge", answer="Seven.", source="small"), envelope(classified("small"))
    one = await permits.ready(asked, SMALL, "k", added)
    other = await permits.ready(asked.model_copy(update={"id": "r2"}), SMALL, "k", added)
    again = await permits.ready(asked, SMALL, "another", added)
    assert one.permit.view.messages == again.permit.view.messages != other.permit.view.messages
