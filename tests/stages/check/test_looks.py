"""What check asks for before it decides: never more than the route allows, and never without end."""

from collections.abc import Sequence

import pytest
from fakes_stages import attempt, envelope, plan, scored, verdict
from hypothesis import given
from hypothesis import strategies as st

from pipeline.confidence.explore import explores
from pipeline.contracts import Envelope, Plan, Rung, Signals, ToolCall, Verdict
from pipeline.policy.models import Accept
from stages.check.decide import Findings, Rules, decide

DRAFT = attempt(1, text="seven", latency_ms=5.0)
LOOKERS = (Rung(variant="other", target="other"),)
SIGNALS = Signals(tenant="default", draw=0.25)


def rules(looks: Sequence[dict[str, object]] = (), **accept: object) -> Rules:
    fields = {"confidence": 0.6, "looks": tuple(looks), **accept}
    return Rules(accept=Accept.model_validate(fields))


def stairs(**others: object) -> Plan:
    return plan(2, **{"threshold": 0.6, "lookers": LOOKERS, "signals": SIGNALS, **others})


def looked(confidence: float | None = 0.6, **others: object) -> Findings:
    return Findings(confidence=confidence, **others)  # type: ignore[arg-type]


ALL = [{"kind": "samples"}, {"kind": "opinion", "variant": "other"}, {"kind": "verify"}]


@given(
    st.lists(st.sampled_from([*ALL, {"kind": "judge", "variant": "unknown"}]), max_size=4),
    st.integers(0, 3),
    st.lists(
        st.tuples(st.sampled_from(["valid", "invalid"]), st.none() | st.floats(0, 1), st.booleans()),
        min_size=8,
        max_size=8,
    ),
)
def test_however_answers_turn_out_it_asks_a_bounded_number_of_times(
    looks: list[dict[str, object]], turns: int, story: list[tuple[str, float | None, bool]]
) -> None:
    """As often as there are corrective turns and looks, whether the calls were made or not."""
    known = rules(looks=looks, corrective_turns=turns, grey=1.0)
    before = envelope(DRAFT, tiers=stairs())
    asked = 0
    for state, confidence, made in story:
        found = looked(confidence, schema_state=state)
        outcome = decide(before, stairs(), found, known)
        if outcome.kind != "unsure":
            break
        asked += 1
        update = dict(outcome.changes)
        wants = outcome.changes["verdict"].wants  # type: ignore[attr-defined]
        if made:
            number = len(before.attempts) + 1
            extra = DRAFT.model_copy(update={"number": number, "made_for": wants.kind})
            update["attempts"] = (*before.attempts, extra)
        before = before.model_copy(update=update)
    assert asked <= turns + len(looks)
    assert asked < len(story)


def wanted(found: Findings, known: Rules, before: Envelope | None = None, tiers: Plan | None = None) -> object:
    """What is asked for, in a word; None: it decides."""
    tiers = tiers or stairs()
    outcome = decide(before or envelope(DRAFT, tiers=tiers), tiers, found, known)
    made = outcome.changes["verdict"]
    assert isinstance(made, Verdict)
    assert (outcome.kind == "unsure") is (made.wants is not None)
    return made.wants.kind if made.wants is not None else None


@pytest.mark.parametrize(
    ("confidence", "asks"), [(0.44, None), (0.46, "samples"), (0.6, "samples"), (0.74, "samples"), (0.76, None)]
)
def test_only_in_the_grey_zone_it_looks_further(confidence: float, asks: str | None) -> None:
    assert wanted(looked(confidence), rules(looks=ALL, grey=0.15)) == asks


def test_without_log_probabilities_it_goes_by_looks() -> None:
    assert wanted(looked(None), rules(looks=ALL)) == "samples"
    assert wanted(looked(None), rules()) is None


def test_nobody_looks_at_a_tool_call_an_empty_answer_a_streamed_one_or_the_last_tier() -> None:
    known = rules(looks=ALL)
    call = ToolCall(id="c", function={"name": "f", "arguments": "{}"})
    for part in (attempt(1, tool_calls=(call,)), attempt(1, text="seven", streamed=True)):
        assert wanted(looked(), known, envelope(part, tiers=stairs())) is None
    assert wanted(looked(empty=True), known) is None
    assert wanted(looked(ended="cut_off"), known) is None
    deep = envelope(DRAFT, attempt(2, text="eight"), tiers=stairs(), verdict=verdict(1))
    assert wanted(looked(), known, deep) is None


def test_a_cut_off_answer_is_not_told_its_errors() -> None:
    for reason in ("length", "content_filter"):
        cut = envelope(attempt(1, text="{", finish_reason=reason), tiers=stairs())
        assert wanted(looked(schema_state="invalid"), rules(), cut) is None
    assert wanted(looked(schema_state="invalid"), rules()) == "repair"


def test_one_who_may_not_be_asked_is_passed_over() -> None:
    known = rules(looks=[{"kind": "opinion", "variant": "other"}, {"kind": "verify"}])
    assert wanted(looked(), known, tiers=stairs(lookers=())) == "verify"
    assert wanted(looked(), known) == "opinion"


def test_under_a_promise_a_look_that_nobody_learned_from_only_takes_away() -> None:
    """What is promised was promised without it."""
    known = rules(looks=ALL, confidence="promised")
    assert wanted(looked(0.55), known) is None
    assert wanted(looked(0.65), known) == "samples"
    lifted = decide(envelope(DRAFT, tiers=stairs()), stairs(), looked(0.5, signals={"judged": 1.0}), known)
    assert lifted.kind == "rejected"
    lowered = decide(envelope(DRAFT, tiers=stairs()), stairs(), looked(0.65, signals={"judged": 0.0}), known)
    assert lowered.kind == "rejected"
    free = decide(envelope(DRAFT, tiers=stairs()), stairs(), looked(0.5, signals={"judged": 1.0}), rules())
    assert free.kind == "accepted"


def test_tokens_stay_until_it_is_decided() -> None:
    """The second time the answer is judged, its scores are needed once more."""
    with_tokens = envelope(attempt(1, text="seven", tokens=scored(("seven", -0.5))), tiers=stairs())
    unsure = decide(with_tokens, stairs(), looked(), rules(looks=ALL))
    assert "attempts" not in unsure.changes
    sure = decide(with_tokens, stairs(), looked(0.99), rules(looks=ALL))
    assert sure.changes["attempts"][0].tokens is None  # type: ignore[index]


def test_a_verdict_about_an_earlier_tier_is_not_lost_while_more_is_asked_for() -> None:
    """The draft satisfied its schema and was not sure enough; the large answer is broken, also after its turn."""
    before = envelope(DRAFT, attempt(2, text="no"), tiers=stairs(), verdict=verdict(1, schema_state="valid"))
    broken = looked(schema_state="invalid")
    first = decide(before, stairs(), broken, rules())
    assert first.kind == "unsure"
    mended = attempt(2, text="no").model_copy(update={"number": 3, "made_for": "repair", "stage": "draft"})
    after = before.model_copy(update={**first.changes, "attempts": (*before.attempts, mended)})
    last = decide(after, stairs(), broken, rules())
    assert (last.kind, last.changes["status"]) == ("exhausted", "answered")
    assert last.changes["verdict"].attempt == 1  # type: ignore[attr-defined]
    assert last.changes["earlier"] is None


# ---------------------------------------------------------------- exploration


@given(st.floats(0, 1), st.text(max_size=20), st.floats(0, 1))
def test_what_is_explored_follows_from_the_request_alone(draw: float, key: str, share: float) -> None:
    assert explores(key, draw, share) == explores(key, draw, share)
    assert not explores(key, draw, 0.0)
    assert explores(key, draw, 1.0)


def test_the_share_that_is_explored_is_the_share_that_was_asked_for() -> None:
    counted = sum(explores(f"default.r{n}", n / 20_000, 0.05) for n in range(20_000))
    assert 850 < counted < 1150


def test_only_a_draft_that_would_stay_is_explored() -> None:
    known, before = rules(explore=1.0), envelope(DRAFT, tiers=stairs())
    outcome = decide(before, stairs(), looked(0.9), known)
    made = outcome.changes["verdict"]
    assert isinstance(made, Verdict)
    assert (outcome.kind, outcome.reasons, made.explored, made.stays, made.accepted) == (
        "rejected", ("explored",), 1.0, True, False,
    )  # fmt: skip
    below = decide(before, stairs(), looked(0.1), known).changes["verdict"]
    assert isinstance(below, Verdict)
    assert (below.explored, below.stays) == (None, False)
    streamed = envelope(attempt(1, text="seven", streamed=True), tiers=stairs())
    assert decide(streamed, stairs(), looked(0.9), known).kind == "accepted"


def test_the_answer_after_it_tells_of_the_first_one() -> None:
    earlier = verdict(1, explored=0.1, stays=True, signals={"token_mean": 0.9})
    before = envelope(DRAFT, attempt(2, text="seven"), tiers=stairs(), verdict=earlier)
    made = decide(before, stairs(), looked(0.9, agrees=1.0), rules()).changes["verdict"]
    assert isinstance(made, Verdict)
    assert (made.explored, made.stays) == (0.1, True)
    assert made.drafted == {"token_mean": 0.9, "agrees_with_next": 1.0}
