"""The outer half of recall: a store in trouble never stops a request."""

import pytest

from pipeline.adapters.answer_cache import AnswerCache
from pipeline.adapters.cache_memory import MemoryAnswers
from pipeline.contracts import Attempt, CacheHit, Envelope, Plan, Request, Tier, Verdict
from pipeline.errors import StoreUnavailable
from pipeline.ports import Run
from stages.recall import Recall


class Hand:
    """A clock that stands still."""

    def now(self) -> float:
        return 1000.0

    def monotonic(self) -> float:
        return 1000.0


class Untouchable(MemoryAnswers):
    """A store that nobody may ask."""

    def __init__(self) -> None:
        super().__init__(Hand())

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
    answers = AnswerCache(MemoryAnswers(Hand()), b"secret", Hand())
    await answers.remember(envelope(), 60)
    stage = Recall(answers, Hand())

    outcome = await stage.handle(envelope(), Run())

    assert outcome.kind == "hit"
    remembered = outcome.changes["hit"]
    assert isinstance(remembered, CacheHit)
    assert remembered.content == "ho"
    assert stage.name == "recall"


async def test_an_empty_memory_is_a_miss() -> None:
    stage = Recall(AnswerCache(MemoryAnswers(Hand()), b"secret", Hand()), Hand())

    assert (await stage.handle(envelope(), Run())).facts == {"reason": "absent"}


@pytest.mark.parametrize("mode", ["off", "refresh"])
async def test_a_caller_that_wants_no_remembered_answer_costs_the_store_nothing(mode: str) -> None:
    stage = Recall(AnswerCache(Untouchable(), b"secret", Hand()), Hand())

    outcome = await stage.handle(envelope(cache=mode), Run())

    assert (outcome.kind, outcome.reasons) == ("miss", (f"cache_{mode}",))


async def test_a_store_that_is_away_is_a_miss() -> None:
    stage = Recall(AnswerCache(Away(), b"secret", Hand()), Hand())

    outcome = await stage.handle(envelope(), Run())

    assert (outcome.kind, outcome.reasons) == ("miss", ("store_away",))


async def test_without_a_store_every_request_is_a_miss() -> None:
    outcome = await Recall(None, Hand()).handle(envelope(), Run())

    assert (outcome.kind, outcome.reasons) == ("miss", ("no_store",))
