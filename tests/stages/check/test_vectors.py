"""Vectors are what was asked for, or are served to nobody."""

import pytest
from cascade import envelope

from pipeline.contracts import Attempt, Embed, Envelope, Plan, Request, Tier
from pipeline.contracts.vectors import packed
from stages.check.vectors import decide_vectors, fault_of

GOOD = (packed([1.0, 0.0]), packed([0.0, 1.0]))


def made(rows: tuple[str, ...], tier: int = 0) -> Attempt:
    return Attempt(number=1, stage="draft", tier=tier, variant="a", target="a", model="m", embeddings=rows)


def asked(attempt: Attempt, tiers: int = 1, **embed: object) -> Envelope:
    names = [Tier(variant=name, target=name, propensity=1.0) for name in "ab"[:tiers]]
    plan = Plan(route="vectors", tiers=tuple(names), max_escalations=tiers - 1)
    request = Request(embed=Embed.model_validate({"texts": ("one", "two"), **embed}))
    return envelope(request=request, plan=plan, attempts=(attempt,))


def decided(rows: tuple[str, ...], tiers: int = 1, usual: int | None = None, **embed: object) -> object:
    attempt = made(rows)
    before = asked(attempt, tiers, **embed)
    assert before.request.embed is not None
    return decide_vectors(before, before.request.embed, attempt, usual)


def test_one_for_each_text_is_accepted() -> None:
    outcome = decided(GOOD, usual=2)
    assert outcome.kind == "accepted"  # type: ignore[attr-defined]
    assert outcome.facts == {"inputs": 2, "dimensions": 2}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ((), "0 vectors for 2 texts"),
        (GOOD[:1], "1 vectors for 2 texts"),
        ((*GOOD, GOOD[0]), "3 vectors for 2 texts"),
        ((GOOD[0], packed([1.0, 0.0, 0.0])), "a vector of 3 numbers where it should have 2"),
        ((GOOD[0], packed([1.0, float("nan")])), "not finite"),
        ((packed([]), packed([])), "a vector that is none"),
        (("!" * 11, "!" * 11), "a vector that is none"),
    ],
)
def test_anything_else_is_a_fault(rows: tuple[str, ...], fault: str) -> None:
    assert fault in (fault_of(rows, Embed(texts=("one", "two")), None) or "")


def test_the_length_that_was_asked_for_counts_before_that_of_the_target() -> None:
    asked_for = Embed(texts=("one", "two"), dimensions=2)
    assert fault_of(GOOD, asked_for, 1536) is None
    assert "should have 1536" in (fault_of(GOOD, Embed(texts=("one", "two")), 1536) or "")


def test_broken_ones_are_a_failed_call_and_the_next_tier_is_asked() -> None:
    outcome = decided(GOOD[:1], tiers=2)
    assert outcome.kind == "rejected"  # type: ignore[attr-defined]
    (attempt,) = outcome.changes["attempts"]  # type: ignore[attr-defined]
    assert (attempt.embeddings, attempt.error.code) == (None, "target_unavailable")


def test_where_there_is_no_next_tier_the_request_fails_and_says_why() -> None:
    outcome = decided(GOOD[:1])
    assert (outcome.kind, outcome.changes["status"]) == ("exhausted", "failed")  # type: ignore[attr-defined]
    assert "target a sent 1 vectors for 2 texts" in outcome.changes["error"].message  # type: ignore[attr-defined]
