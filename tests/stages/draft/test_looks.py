"""Further calls about an answer, with models in memory: who is asked what, once, and never for what may not be."""

import pytest
from cascade import FakeClock
from fakes_ledger import FakeLedger
from fakes_models import FakeJournal, FakeModels, classified, policy, shown, target
from fakes_stages import attempt, envelope, plan, verdict

from pipeline.adapters.models import Attempts
from pipeline.contracts import Cover, Envelope, MadeFor, Request, Rung, Wanted
from pipeline.disclosure.prompts import VERDICT_TOKENS
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Denial, Run
from stages.draft import Draft
from stages.draft.decide import may_look, settled

SEEN = classified("small", "large")
POLICIES = FixedPolicy(policy({"small": target("small-m"), "large": target("large-m")}))
OTHER = Rung(variant="large", target="large")
HEARD = attempt(1, text="It is seven fathoms deep.", latency_ms=100.0)


def asked(kind: MadeFor, rung: Rung | None = None, count: int = 1, **others: object) -> Envelope:
    wants = Wanted(kind=kind, rung=rung, count=count, temperature=0.7 if kind == "samples" else None)
    fields: dict[str, object] = {"classification": SEEN, "verdict": verdict(wants=wants, asked=(kind,)), **others}
    return envelope(HEARD, **fields)  # type: ignore[arg-type]


def draft(models: FakeModels, ledger: FakeLedger | None = None, journal: FakeJournal | None = None) -> Draft:
    return Draft(Attempts(models, journal or FakeJournal(), POLICIES, FakeClock(), ledger=ledger))


async def test_the_one_who_broke_the_schema_is_told_its_errors() -> None:
    """It sees its own answer as its own, and then what is wrong with it; the schema still holds."""
    models = FakeModels()
    before = asked("repair", request=Request(input="How deep?", response_schema={"type": "object"}))
    before = before.model_copy(
        update={"verdict": before.verdict.model_copy(update={"problems": ("properties/depth",)})}
    )  # type: ignore[union-attr]
    outcome = await draft(models).handle(before, Run())
    view = shown(models.calls[0])
    assert [message.role for message in view.messages] == ["user", "assistant", "user"]
    assert view.messages[1].content == HEARD.text
    assert "- properties/depth" in str(view.messages[2].content)
    assert view.response_schema == {"type": "object"}
    made = outcome.changes["attempts"][-1]  # type: ignore[index]
    assert (made.number, made.made_for, made.tier, made.variant, made.stage) == (2, "repair", 0, "small", "draft")
    assert (outcome.kind, outcome.facts["made_for"], outcome.facts["made"]) == ("drafted", "repair", 1)


@pytest.mark.parametrize(("kind", "rung", "who"), [("verify", None, "small"), ("judge", OTHER, "large")])
async def test_a_judge_sees_question_and_answer_as_data_and_says_one_word(
    kind: MadeFor, rung: Rung | None, who: str
) -> None:
    models = FakeModels()
    await draft(models).handle(asked(kind, rung), Run())
    (call,) = models.calls
    view = shown(call)
    assert call.permit.target == who
    assert (view.parameters.max_tokens, view.parameters.temperature) == (VERDICT_TOKENS, 0.0)
    assert (view.tools, view.response_schema) == (None, None)
    told, case = (str(message.content) for message in view.messages)
    fence = told.split("the mark ")[1].split(".")[0]
    assert len(fence) == 24
    assert case.count(f"[{fence}\n") == case.count(f"\n{fence}]") == 2
    assert f"[{fence}\n{HEARD.text}\n{fence}]" in case


async def test_the_mark_of_a_fence_is_another_for_every_request_and_cannot_be_foreseen() -> None:
    marks = set()
    for name, models in (("r1", FakeModels()), ("r2", FakeModels()), ("r1", FakeModels())):
        await draft(models).handle(asked("judge", OTHER, id=name), Run())
        marks.add(str(shown(models.calls[0]).messages[0].content).split("the mark ")[1][:24])
    assert len(marks) == 3, "without a secret that is shared, every worker has its own"


async def test_samples_are_warmer_and_end_with_the_majority() -> None:
    models = FakeModels()
    outcome = await draft(models).handle(asked("samples", count=5), Run())
    assert [shown(call).parameters.temperature for call in models.calls] == [0.7] * len(models.calls)
    assert len(models.calls) == 3, "three of five that say otherwise are the majority"
    assert outcome.facts["made"] == 3


def test_what_settles_a_majority() -> None:
    assert settled("7", ["7", "7"], 3)
    assert settled("7", ["8", "8"], 3)
    assert not settled("7", ["7", "8"], 3)
    assert settled("7", ["7", "8", "8"], 3)
    assert not settled("7", ["7"], 2)


async def test_a_redelivery_makes_no_call_again_and_charges_nothing_twice() -> None:
    """The worker died after its calls and before the request went on: the journal has them."""
    journal, ledger, models = FakeJournal(), FakeLedger(), FakeModels()
    stage = draft(models, ledger, journal)
    paid = plan(2, covers=(Cover(budget="team", scope="all"),))
    before = asked("samples", count=3, tiers=paid)
    first = await stage.handle(before, Run())
    calls = len(models.calls)
    again = await draft(models, ledger, journal).handle(before, Run(delivered=2))
    assert len(models.calls) == calls
    texts = [[made.text for made in outcome.changes["attempts"]] for outcome in (first, again)]  # type: ignore[attr-defined]
    assert texts[0] == texts[1]
    assert all(made.replayed for made in again.changes["attempts"][1:])  # type: ignore[index]


async def test_what_forbids_a_call_is_told_and_ends_nothing() -> None:
    """No permit, no money or no time: check goes on with what there is."""
    hidden = asked("judge", OTHER, classification=classified("small"))
    outcome = await draft(FakeModels()).handle(hidden, Run())
    assert (outcome.kind, outcome.reasons) == ("drafted", ("not permitted: large:residency_refused",))
    poor = FakeLedger(denies=lambda charge: Denial("team", "queue", "it is used up", 60.0))
    covered = asked("judge", OTHER, tiers=plan(2, covers=(Cover(budget="team", scope="all"),)))
    outcome = await draft(FakeModels(), poor).handle(covered, Run())
    assert (outcome.kind, outcome.reasons) == ("drafted", ("not paid for: team",))
    late = asked("judge", OTHER, deadline_at=1_000_000.1)
    outcome = await draft(FakeModels()).handle(late, Run())
    assert (outcome.kind, outcome.reasons) == ("drafted", ("no time for a further call",))


def test_there_must_be_time_for_the_call_and_for_an_escalation_after_it() -> None:
    known = plan(2, snapshot={"last_ms": 400.0})
    assert may_look(0.6, HEARD, known)
    assert not may_look(0.4, HEARD, known)
    assert may_look(0.2, HEARD, plan(2))


async def test_a_purpose_of_its_own_stands_in_the_ledger() -> None:
    for kind, purpose in (("repair", "repair"), ("opinion", "opinion"), ("verify", "verify"), ("judge", "judge")):
        ledger = FakeLedger()
        paid = plan(2, covers=(Cover(budget="team", scope="all"),))
        await draft(FakeModels(), ledger).handle(asked(kind, OTHER, tiers=paid), Run())  # type: ignore[arg-type]
        assert {charge.purpose for charge in ledger.charges.values()} == {purpose}
