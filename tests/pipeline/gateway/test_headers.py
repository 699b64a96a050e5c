"""What the headers of a response say of a reply."""

import re
from pathlib import Path

from fakes_door import answered
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import ProviderPreferences, RateState, Remembered, Request
from pipeline.errors import BudgetRefused
from pipeline.gateway.extension import BUDGET, TOP
from pipeline.gateway.headers import about, lossy, rate_limits
from pipeline.gateway.problems import problem_of_error

ROOT = Path(__file__).resolve().parents[3]


def state(counts: str, limit: int, remaining: int, reset_s: float = 1.0) -> RateState:
    return RateState(name="r", counts=counts, limit=limit, remaining=remaining, reset_s=reset_s)


def test_of_several_limits_the_one_that_runs_out_first_is_told_for_requests_and_tokens_apart() -> None:
    told = rate_limits(
        [
            state("requests", 1000, 900, 3600.0),
            state("requests", 60, 2, 12.1),
            state("tokens", 100_000, 50_000, 0.0),
        ]
    )
    assert told == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "2",
        "x-ratelimit-reset-requests": "13s",
        "x-ratelimit-limit-tokens": "100000",
        "x-ratelimit-remaining-tokens": "50000",
        "x-ratelimit-reset-tokens": "0s",
    }


def test_of_two_that_are_used_up_the_one_that_lasts_longer_is_told() -> None:
    told = rate_limits([state("requests", 1, 0, 5.0), state("requests", 100, 0, 50.0), state("requests", 2, 0, 7.0)])
    assert (told["x-ratelimit-limit-requests"], told["x-ratelimit-reset-requests"]) == ("100", "50s")


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(-3, 9), st.floats(0, 1e6)), max_size=5), st.randoms())
def test_the_order_of_the_limits_does_not_matter(limits: list[tuple[int, int, float]], chance: object) -> None:
    states = [state("requests", limit, remaining, reset) for limit, remaining, reset in limits]
    told = rate_limits(states)
    assert ("x-ratelimit-limit-requests" in told) is bool(limits)
    if told:
        assert int(told["x-ratelimit-remaining-requests"]) == max(0, min(each.remaining for each in states))
        again = rate_limits(sorted(states, key=lambda each: each.reset_s))
        assert again["x-ratelimit-remaining-requests"] == told["x-ratelimit-remaining-requests"]
        assert again["x-ratelimit-reset-requests"] == told["x-ratelimit-reset-requests"]


def test_every_header_of_the_convention_is_there() -> None:
    reply = answered(Request(id="r", input="hi"), escalated=True, degraded="budget", rates=(state("requests", 9, 8),))
    names = {"attempts", "escalated", "cache", "cost", "policy-revision", "model", "variant", "confidence", "degraded"}
    told = about(reply)
    assert {f"x-stepwell-{name}" for name in (*names, "audit-id")} <= told.keys()
    assert (told["x-stepwell-degraded"], told["x-stepwell-cost"]) == ("budget", "0.000125")
    assert told["x-ratelimit-remaining-requests"] == "8"
    assert "x-ratelimit-limit-requests" not in about(answered(Request(id="r", input="hi")))


def test_a_hit_says_whose_answer_it_is_and_how_old() -> None:
    origin = Remembered(request_id="r0", kind="semantic", age_s=3.9, similarity=0.93214)
    told = about(answered(Request(id="r", input="hi"), cache="hit", remembered=origin))
    assert told["age"] == "3"
    assert {name: told[f"x-stepwell-cache-{name}"] for name in ("kind", "origin", "similarity")} == {
        "kind": "semantic",
        "origin": "r0",
        "similarity": "0.9321",
    }
    exact = about(answered(Request(id="r", input="hi"), cache="hit", remembered=Remembered(request_id="r0")))
    assert "x-stepwell-cache-similarity" not in exact


def test_the_document_names_every_header_and_every_field_of_ours() -> None:
    """What somebody may send or get is written down, and nothing else is."""
    text = (ROOT / "docs" / "HTTP.md").read_text()
    reply = answered(
        Request(id="r", input="hi"),
        degraded="budget",
        rates=(state("requests", 9, 8), state("tokens", 9, 8)),
        remembered=Remembered(request_id="r0", kind="semantic", age_s=3.9, similarity=0.93),
    )
    refused = problem_of_error(BudgetRefused("no", rule="r", retry_after_s=90.0))
    sent = {*about(reply), *refused.headers, *lossy(["x"]), "x-stepwell-request-id", "x-request-id"}
    read = {"x-stepwell-tenant", "x-stepwell-pin", "x-stepwell-disable-fallbacks", "x-stepwell-meta-<name>"}
    written = {
        name.lower()
        for name in re.findall(r"`([A-Za-z-]+(?:-<name>)?)(?:: [^`]*)?`", text)
        if "-" in name or name == "age"
    }
    assert {name for name in sent | read if name.lower() not in written} == set()
    assert {name for name in written if name.startswith("x-") and name not in sent | read} == {
        "x-session-id",
        "x-conversation-id",
        "x-api-key",
        "x-stepwell-estimated",
    }
    for name in (*TOP, *BUDGET, *ProviderPreferences.model_fields):
        assert f"`{name}`" in text
