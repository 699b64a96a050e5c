"""The outer half of recall: a store in trouble never stops a request."""

from types import SimpleNamespace

import pytest
from clocks import FakeClock

from pipeline.adapters.answer_cache import AnswerCache
from pipeline.adapters.cache_memory import MemoryAnswers
from pipeline.adapters.likeness import Alike, Candidate
from pipeline.contracts import Attempt, CacheHit, Envelope, Plan, Request, Tier, Verdict
from pipeline.errors import StoreUnavailable
from pipeline.likeness import ENCODER, Weights
from pipeline.likeness.weights import LEARNED_CHECKS
from pipeline.policy.guards import Guard
from pipeline.policy.models import CachePolicy, ResidencyFile, Route, SemanticCache, TierSpec
from pipeline.ports import Run
from stages.recall import Recall


class Untouchable(MemoryAnswers):
    """A store that nobody may ask."""

    def __init__(self) -> None:
        super().__init__(FakeClock())

    async def get(self, key: str) -> bytes | None:
        raise AssertionError("the store was asked")

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        raise AssertionError("the store was written")


class Away(Untouchable):
    """A store that is away."""

    async def get(self, key: str) -> bytes | None:
        raise StoreUnavailable("away")


def envelope(**request: object) -> Envelope:
    return Envelope(
        id="r1",
        request=Request.model_validate({"input": "hi", **request}),
        fingerprint="f",
        lane="interactive",
        received_at=0,
        deadline_at=60,
        policy_revision="rev",
        plan=Plan(route="chat", tiers=(Tier(variant="small", target="small", propensity=1.0),)),
        attempts=(
            Attempt(
                number=1,
                stage="draft",
                tier=0,
                variant="small",
                target="small",
                model="m",
                text="ho",
                finish_reason="stop",
            ),
        ),
        verdict=Verdict(accepted=True, attempt=1),
    )


async def test_what_was_remembered_is_recalled() -> None:
    answers = AnswerCache(MemoryAnswers(FakeClock()), b"secret", FakeClock())
    await answers.remember(envelope(), 60)
    stage = Recall(answers, FakeClock())

    outcome = await stage.handle(envelope(), Run())

    assert outcome.kind == "hit"
    remembered = outcome.changes["hit"]
    assert isinstance(remembered, CacheHit)
    assert remembered.content == "ho"
    assert stage.name == "recall"


async def test_an_empty_memory_is_a_miss() -> None:
    stage = Recall(AnswerCache(MemoryAnswers(FakeClock()), b"secret", FakeClock()), FakeClock())

    assert (await stage.handle(envelope(), Run())).facts == {"reason": "absent"}


@pytest.mark.parametrize("mode", ["off", "refresh"])
async def test_a_caller_that_wants_no_remembered_answer_costs_the_store_nothing(mode: str) -> None:
    stage = Recall(AnswerCache(Untouchable(), b"secret", FakeClock()), FakeClock())

    outcome = await stage.handle(envelope(cache=mode), Run())

    assert (outcome.kind, outcome.reasons) == ("miss", (f"cache_{mode}",))


async def test_a_store_that_is_away_is_a_miss() -> None:
    stage = Recall(AnswerCache(Away(), b"secret", FakeClock()), FakeClock())

    outcome = await stage.handle(envelope(), Run())

    assert (outcome.kind, outcome.reasons) == ("miss", ("store_away",))


async def test_without_a_store_every_request_is_a_miss() -> None:
    outcome = await Recall(None, FakeClock()).handle(envelope(), Run())

    assert (outcome.kind, outcome.reasons) == ("miss", ("no_store",))


# ---------------------------------------------------------------- what the route says


class Policies:
    """One policy, rev, whose route chat says this of memory, up to this class of data."""

    def __init__(self, cache: CachePolicy, up_to: str = "restricted", guard: Guard | None = None) -> None:
        visibility = {"sinks": {"cache": {"up_to": up_to}}}
        residency = {"apiVersion": "stepwell/v1", "kind": "Residency", "classes": {}, "visibility": visibility}
        self.residency = ResidencyFile.model_validate(residency)
        self._guard = guard
        self._route = Route(name="chat", tiers=(TierSpec(variants={"small": 1.0}),), cache=cache)

    def revision(self, digest: str) -> "Policies | None":
        return self if digest == "rev" else None

    def class_of(self, entity: str) -> str:
        return "public"

    def route(self, name: str) -> object:
        return SimpleNamespace(spec=self._route, guard=self._guard)


class Finds:
    """Finds what it is told, and counts what was served of it."""

    def __init__(self, *candidates: Candidate) -> None:
        self.candidates = candidates
        self.asked: list[SemanticCache] = []
        self.hits = 0

    async def find(self, envelope: Envelope, spec: SemanticCache, known: object = None) -> Alike:
        self.asked.append(spec)
        return Alike(str(envelope.request.conversation()[-1].content), self.candidates)

    async def answer(self, candidate: Candidate) -> CacheHit:
        made = {"variant": "small", "target": "small", "model": "m", "request_id": "r0", "stored_at": 990.0}
        return CacheHit.model_validate(
            {"content": "ho", "kind": "semantic", "similarity": candidate.similarity, **made}
        )

    def served(self, envelope: Envelope) -> None:
        self.hits += 1


COMPARES = CachePolicy(semantic=SemanticCache())


def recall(
    finds: Finds, cache: CachePolicy = COMPARES, up_to: str = "restricted", guard: Guard | None = None
) -> Recall:
    answers = AnswerCache(MemoryAnswers(FakeClock()), b"secret", FakeClock())
    return Recall(answers, FakeClock(), Policies(cache, up_to, guard), None, finds)  # type: ignore[arg-type]  # as much as is used


SAME, OTHER = Candidate("How deep is the well", 0.98, "k"), Candidate("How deep is the lake?", 0.97, "k")


async def test_a_question_that_means_the_same_is_served_and_counted() -> None:
    finds = Finds(OTHER, SAME)

    outcome = await recall(finds).handle(envelope(input="How deep is the well?"), Run())

    assert (outcome.kind, outcome.facts["kind"], outcome.facts["candidates"]) == ("hit", "semantic", 2)
    assert finds.hits == 1


async def test_a_question_that_only_looks_the_same_is_a_miss_and_not_counted() -> None:
    finds = Finds(OTHER)

    outcome = await recall(finds).handle(envelope(input="How deep is the well?"), Run())

    assert outcome.kind == "miss"
    assert outcome.facts["objections"]
    assert finds.hits == 0


async def test_a_route_with_a_learned_guard_is_judged_by_it_and_it_is_named() -> None:
    """What the guard that comes along refuses, one that learned that `now` asks nothing lets through."""
    learned = Weights(-3.0, 0.9, {"similarity": 8.0}, LEARNED_CHECKS, {"now": 1.0, "lake": -9.0})
    guard = Guard("guards/wells.json@0123456789abcdef", ENCODER, 0.7, learned)
    asked = envelope(input="How deep is the well now?")

    refused = await recall(Finds(OTHER, SAME)).handle(asked, Run())
    served = await recall(Finds(OTHER, SAME), guard=guard).handle(asked, Run())
    unlike = await recall(Finds(OTHER), guard=guard).handle(asked, Run())

    assert (refused.kind, served.kind, unlike.kind) == ("miss", "hit", "miss")
    assert "guard" not in refused.facts
    assert served.facts["guard"] == unlike.facts["guard"] == guard.name
    hit = served.changes["hit"]
    assert isinstance(hit, CacheHit)
    assert hit.guard == guard.name


async def test_where_the_route_does_not_compare_questions_none_is_compared() -> None:
    finds = Finds(SAME)
    outcome = await recall(finds, CachePolicy()).handle(envelope(input="How deep is the well?"), Run())
    assert (outcome.kind, finds.asked) == ("miss", [])


async def test_the_very_same_question_comes_first() -> None:
    finds = Finds(SAME)
    stage = recall(finds)
    assert stage._answers is not None
    await stage._answers.remember(envelope(), 60)

    outcome = await stage.handle(envelope(), Run())

    assert outcome.facts["kind"] == "exact"
    assert finds.asked == []


async def test_data_above_the_ceiling_is_neither_compared_nor_looked_up() -> None:
    """What nobody classified counts as restricted."""
    finds = Finds(SAME)
    outcome = await recall(finds, up_to="internal").handle(envelope(input="How deep is the well?"), Run())
    assert (outcome.reasons, finds.asked) == (("not_kept",), [])
