"""What follows from asking a model whether two questions have the same answer, and who is asked."""

from types import SimpleNamespace
from typing import Any

import pytest
from clocks import FakeClock

from pipeline.adapters.answer_cache import AnswerCache
from pipeline.adapters.cache_memory import MemoryAnswers
from pipeline.adapters.likeness import Alike, Candidate
from pipeline.contracts import Attempt, CacheHit, Envelope, ErrorBody, Plan, Request, Rung, Tier, TokenLogprob
from pipeline.policy.models import CachePolicy, ResidencyFile, Route, SemanticCache, TenantSpec, TierSpec, Verifier
from pipeline.ports import Denial, Made, Run
from stages.recall import Recall
from stages.recall.decide import decide, verified

JUDGE = Verifier(variant="judge", above=0.9)
ANSWER = {"content": "ho", "variant": "small", "target": "small", "model": "m", "request_id": "r0", "stored_at": 990.0}


def said(text: str | None, logprob: float | None = None, **others: object) -> Attempt:
    tokens = None if logprob is None else (TokenLogprob(token=text or "", logprob=logprob),)
    made = {"number": 1, "stage": "recall", "tier": 0, "variant": "judge", "target": "judge", "model": "m"}
    return Attempt.model_validate({**made, "made_for": "judge", "text": text, "tokens": tokens, **others})


@pytest.mark.parametrize(
    ("text", "logprob", "passes"),
    [
        ("YES", None, True),
        ("yes.", -0.01, True),
        ("YES", -0.2, False),
        ("NO", -0.01, False),
        ("NO", -5.0, False),
        ("Perhaps", None, False),
        ("", None, False),
        (None, None, False),
    ],
)
def test_only_a_sure_yes_lets_an_answer_through(text: str | None, logprob: float | None, passes: bool) -> None:
    assert verified(JUDGE, Made((said(text, logprob),))).passes is passes


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (Made(), "not_permitted"),
        (Made(out_of_time=True), "no_time"),
        (Made(denial=Denial("day", "refuse", "used up")), "not_paid"),
        (Made((said("YES", error=ErrorBody(code="target_timeout", message="late")),)), "failed:target_timeout"),
    ],
)
def test_why_nothing_was_heard_is_told(made: Made, why: str) -> None:
    """A call that failed lets nothing through, whatever came of it."""
    found = verified(JUDGE, made)
    assert (found.passes, found.facts["not_verified"]) == (False, why)


def envelope(**others: Any) -> Envelope:
    lookers = (Rung(variant="judge", target="judge"), Rung(variant="acmes", target="judge"))
    plan = Plan(
        route="chat",
        tiers=(Tier(variant="small", target="small", propensity=1.0),),
        lookers=others.pop("lookers", lookers),
    )
    fields = {
        "fingerprint": "f",
        "lane": "interactive",
        "received_at": 0,
        "deadline_at": 2000,
        "policy_revision": "rev",
    }
    request = Request.model_validate({"input": "How deep is the well?", **others})
    return Envelope.model_validate({"id": "r1", "request": request, "plan": plan, **fields})


def test_a_request_that_was_taken_back_meanwhile_ends() -> None:
    """What was asked for it is paid and recorded all the same."""
    attempt = said(None, error=ErrorBody(code="cancelled", message="taken back"))
    outcome = decide(envelope(), None, None, 1000.0, made=(attempt,))
    assert (outcome.kind, outcome.changes["attempts"], outcome.changes["status"]) == ("cancelled", (attempt,), "failed")


class Policies:
    """One policy, whose route chat compares; acme has a variant of its own in place of the verifier."""

    residency = ResidencyFile(apiVersion="stepwell/v1", kind="Residency", classes={})

    def __init__(self) -> None:
        self.tenants = {"acme": TenantSpec(variants={"judge": "acmes"})}

    def revision(self, digest: str) -> "Policies":
        return self

    def class_of(self, entity: str) -> str:
        return "public"

    def route(self, name: str) -> object:
        cache = CachePolicy(semantic=SemanticCache(verifier=JUDGE))
        return SimpleNamespace(
            spec=Route(name="chat", tiers=(TierSpec(variants={"small": 1.0}),), cache=cache), guard=None
        )


class Finds:
    """Finds the same question in other words."""

    def __init__(self, stored_at: float = 990.0) -> None:
        self.stored_at = stored_at
        self.hits = 0

    async def find(self, envelope: Envelope, spec: SemanticCache, known: object = None) -> Alike:
        return Alike("How deep is the well?", (Candidate("How deep is the well", 0.98, "k", ("judge",), "0123"),))

    async def answer(self, candidate: Candidate) -> CacheHit:
        return CacheHit.model_validate({**ANSWER, "stored_at": self.stored_at, "kind": "semantic", "similarity": 0.98})

    def served(self, envelope: Envelope) -> None:
        self.hits += 1


class Asks:
    """Says yes, and keeps who was asked what."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    async def compare(self, envelope: Envelope, run: Run, rung: Rung, added: Any, within_s: float) -> Made:
        self.asked.append((rung.variant, added))
        return Made((said("YES"),))

    async def __call__(self) -> "Asks":
        return self


async def recalled(request: Envelope, asks: Asks | None, finds: Finds | None = None) -> Any:
    answers = AnswerCache(MemoryAnswers(FakeClock()), b"secret", FakeClock())
    stage = Recall(answers, FakeClock(), Policies(), None, finds or Finds(), attempts=asks)  # type: ignore[arg-type]
    return await stage.handle(request, Run())


async def test_the_one_who_is_named_is_asked_about_both_questions() -> None:
    asks, finds = Asks(), Finds()
    outcome = await recalled(envelope(), asks, finds)
    ((variant, added),) = asks.asked
    assert (outcome.kind, variant, added.remembered) == ("hit", "judge", "How deep is the well")
    assert (added.kind, added.known, added.seen_by) == ("judge", "0123", ("judge",))
    assert outcome.changes["attempts"] == (said("YES"),)
    assert finds.hits == 1


async def test_for_a_tenant_with_another_one_in_its_place_that_one_is_asked() -> None:
    asks = Asks()
    await recalled(envelope(tenant="acme"), asks)
    assert [variant for variant, _ in asks.asked] == ["acmes"]


@pytest.mark.parametrize("asks", [None, Asks()], ids=["nobody makes calls", "planning let nobody"])
async def test_where_nobody_may_be_asked_there_is_no_hit(asks: Asks | None) -> None:
    outcome = await recalled(envelope(lookers=()), asks)
    assert (outcome.kind, outcome.facts["not_verified"]) == ("miss", "not_eligible")
    assert asks is None or asks.asked == []


async def test_nobody_is_asked_about_an_answer_that_is_none_to_this_request() -> None:
    """Too old, or not sure enough: what is refused anyway is not paid for."""
    asks = Asks()
    old = await recalled(envelope(cache_max_age_s=5), asks)
    unsure = await recalled(envelope(quality_floor=0.5), asks)
    assert (old.reasons, unsure.reasons, asks.asked) == (("too_old",), ("below_threshold",), [])
