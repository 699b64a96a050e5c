"""A tier is its variant and, while targets fail, its fallbacks: each an attempt of its own."""

from dataclasses import dataclass, field

import pytest
from cascade import FakeClock
from fakes_models import FakeJournal, FakeModels, answer, classified, policy, shown, target
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.models.attempts import RESERVE_S, Attempts
from pipeline.adapters.models.chain import chain_of, gives_way_s
from pipeline.contracts import (
    Chunk,
    Classification,
    Envelope,
    Plan,
    ProviderPreferences,
    Reply,
    Request,
    Rung,
    Snapshot,
    Step,
    TargetStanding,
    Tier,
)
from pipeline.errors import (
    Cancelled,
    ResidencyRefused,
    StepwellError,
    TargetOverloaded,
    TargetRejected,
    TargetTimeout,
    TargetUnavailable,
)
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Completion, ModelCall, Run

NAMES = ("first", "second", "third")
POLICY = policy({name: target(f"{name}-m") for name in NAMES})


def envelope(request: Request | None = None, *, seen: Classification | None = None, **others: object) -> Envelope:
    fallbacks = tuple(Rung(variant=name, target=name) for name in NAMES[1:])
    fields: dict[str, object] = {
        "id": "r1",
        "request": request or Request(input="How deep is it?", tenant="acme"),
        "fingerprint": "f",
        "lane": "interactive",
        "received_at": 1_000_000.0,
        "deadline_at": 1_000_010.0,
        "policy_revision": POLICY.revision,
        "classification": seen or classified(*NAMES),
        "plan": Plan(route="chat", tiers=(Tier(variant="first", target="first", propensity=1.0, fallbacks=fallbacks),)),
    }
    return Envelope.model_validate({**fields, **others})


@dataclass
class Caller:
    chunks: list[Chunk] = field(default_factory=list)

    async def chunk(self, chunk: Chunk) -> bool:
        self.chunks.append(chunk)
        return True

    async def reply(self, reply: Reply) -> None: ...


def failing(**errors: StepwellError) -> "Bench":
    def script(call: ModelCall) -> Completion | Exception:
        return errors.get(call.permit.target) or answer(f"from {call.permit.target}")

    return Bench(FakeModels(script))


@dataclass
class Bench:
    models: FakeModels
    journal: FakeJournal = field(default_factory=FakeJournal)
    clock: FakeClock = field(default_factory=FakeClock)

    @property
    def attempts(self) -> Attempts:
        return Attempts(self.models, self.journal, FixedPolicy(POLICY), self.clock)

    @property
    def called(self) -> list[str]:
        return [call.permit.target for call in self.models.calls]


def rejected(*, elsewhere_too: bool) -> TargetRejected:
    error = TargetRejected("target first refused the call")
    error.elsewhere_too = elsewhere_too
    return error


@pytest.mark.parametrize(
    "error",
    [
        TargetUnavailable("down"),
        TargetTimeout("slow"),
        TargetOverloaded("busy"),
        TargetOverloaded("busy", retry_after_s=30.0),
        rejected(elsewhere_too=False),
    ],
    ids=["down", "slow", "429 without Retry-After", "429 with Retry-After", "a key that is refused"],
)
async def test_where_the_target_fails_its_fallback_answers(error: StepwellError) -> None:
    bench = failing(first=error)
    made = await bench.attempts.make(envelope(), Run(), "draft", 0)
    assert bench.called == ["first", "second"]
    assert [(one.number, one.tier, one.fallback, one.variant) for one in made.attempts] == [
        (1, 0, 0, "first"),
        (2, 0, 1, "second"),
    ]
    assert made.last is not None
    assert made.last.text == "from second"
    assert set(bench.journal.written) == {("acme.r1", "draft-1"), ("acme.r1", "draft-2")}
    assert {shown(call).idempotency_key for call in bench.models.calls} == {"acme.r1.draft-1", "acme.r1.draft-2"}


async def test_the_chain_is_walked_to_its_end_and_no_further() -> None:
    down = {name: TargetUnavailable(f"{name} is down") for name in NAMES}
    bench = failing(**down)
    made = await bench.attempts.make(envelope(), Run(), "draft", 0)
    assert bench.called == list(NAMES)
    assert [one.fallback for one in made.attempts] == [0, 1, 2]
    assert all(one.error is not None for one in made.attempts)


@pytest.mark.parametrize("error", [rejected(elsewhere_too=True), Cancelled("the caller is gone")])
async def test_what_another_target_would_do_as_well_is_no_reason_to_ask_it(error: StepwellError) -> None:
    bench = failing(first=error)
    made = await bench.attempts.make(envelope(), Run(), "draft", 0)
    assert bench.called == ["first"]
    assert len(made.attempts) == 1


@pytest.mark.parametrize(
    "forbids",
    [
        {"disable_fallbacks": True},
        {"pin": "first"},
        {"provider": ProviderPreferences(allow_fallbacks=False)},
    ],
    ids=["disable_fallbacks", "pin", "allow_fallbacks"],
)
async def test_a_caller_who_wants_no_other_gets_none_whatever_the_plan_says(forbids: dict[str, object]) -> None:
    bench = failing(first=TargetUnavailable("down"))
    request = Request.model_validate({"input": "x", "tenant": "acme", **forbids})
    made = await bench.attempts.make(envelope(request), Run(), "draft", 0)
    assert bench.called == ["first"]
    assert made.last is not None
    assert made.last.error is not None


async def test_once_text_reached_the_caller_no_other_target_is_called() -> None:
    async def half(call: ModelCall, sink: object = None) -> Completion:
        bench.models.calls.append(call)
        await sink("half of ")  # type: ignore[operator]
        raise TargetUnavailable("broke off")

    bench = failing()
    bench.models.complete = half  # type: ignore[method-assign]
    caller = Caller()
    stream = Request(input="x", tenant="acme", stream=True)
    made = await bench.attempts.make(envelope(stream), Run(1, caller), "draft", 0)
    assert bench.called == ["first"]
    assert [chunk.text for chunk in caller.chunks] == ["half of "]
    assert made.last is not None
    assert made.last.streamed


async def test_before_the_first_text_a_streamed_request_falls_back_and_streams_from_there() -> None:
    bench, caller = failing(first=TargetUnavailable("down")), Caller()
    stream = Request(input="x", tenant="acme", stream=True)
    made = await bench.attempts.make(envelope(stream), Run(1, caller), "draft", 0)
    assert bench.called == ["first", "second"]
    assert "".join(chunk.text for chunk in caller.chunks) == "from second"
    assert [one.streamed for one in made.attempts] == [False, True]


async def test_a_fallback_that_may_not_see_the_request_is_passed_over_and_that_is_told() -> None:
    bench = failing(first=TargetUnavailable("down"))
    made = await bench.attempts.make(envelope(seen=classified("first", "third")), Run(), "draft", 0)
    assert bench.called == ["first", "third"]
    assert made.passed_over == ("second:residency_refused",)
    assert [one.fallback for one in made.attempts] == [0, 2]


async def test_a_chosen_target_that_may_not_see_the_request_refuses_it() -> None:
    bench = failing()
    with pytest.raises(ResidencyRefused):
        await bench.attempts.make(envelope(seen=classified("second")), Run(), "draft", 0)
    assert bench.called == []


async def test_a_fallback_has_only_the_time_that_is_left() -> None:
    bench = failing(first=TargetUnavailable("down"))

    class Late(FakeClock):
        def now(self) -> float:
            return self.time if not bench.models.calls else self.time + 10.0 - RESERVE_S

    bench.clock = Late()
    made = await bench.attempts.make(envelope(), Run(), "draft", 0)
    assert bench.called == ["first"]
    assert made.out_of_time


async def test_a_redelivery_walks_the_same_chain_out_of_the_journal() -> None:
    bench = failing(first=rejected(elsewhere_too=False))
    first = await bench.attempts.make(envelope(), Run(), "draft", 0)
    again = await bench.attempts.make(envelope(), Run(delivered=2), "draft", 0)
    assert bench.called == ["first", "second"]
    assert [one.text for one in again.attempts] == [one.text for one in first.attempts]
    assert all(one.replayed for one in again.attempts)


async def test_a_redelivery_goes_on_where_the_worker_died() -> None:
    bench = failing(first=TargetUnavailable("down"))
    await bench.attempts.make(envelope(), Run(), "draft", 0)
    del bench.journal.written["acme.r1", "draft-2"]
    again = await bench.attempts.make(envelope(), Run(delivered=2), "draft", 0)
    assert bench.called == ["first", "second", "second"]
    assert [one.replayed for one in again.attempts] == [True, False]


async def test_a_request_that_had_to_wait_asks_the_journal_too() -> None:
    bench = failing(first=TargetUnavailable("down"))
    await bench.attempts.make(envelope(), Run(), "draft", 0)
    waited = Step(stage="draft", outcome="postponed", at=1.0, duration_ms=0.0, worker="w")
    await bench.attempts.make(envelope(trail=(waited,)), Run(), "draft", 0)
    assert bench.called == ["first", "second"]


def test_each_target_is_called_once_however_often_it_stands_in_the_chain() -> None:
    twice = tuple(Rung(variant=name, target="second") for name in ("a", "b"))
    tier = Tier(variant="first", target="first", propensity=1.0, fallbacks=twice)
    assert [link.rung.variant for link in chain_of(envelope(plan=Plan(route="chat", tiers=(tier,))), 0)] == [
        "first",
        "a",
    ]


# ---------------------------------------------------------------- time for who takes over


def with_plan(*tiers: Tier, request: Request | None = None, **others: object) -> Envelope:
    return envelope(request, plan=Plan(route="chat", tiers=tiers, max_escalations=len(tiers) - 1, **others))


def tier_of(name: str, *fallbacks: str) -> Tier:
    rungs = tuple(Rung(variant=other, target=other) for other in fallbacks)
    return Tier(variant=name, target=name, propensity=1.0, fallbacks=rungs)


def everybody(_: str) -> bool:
    return True


def usual(**latency_ms: float) -> Snapshot:
    return Snapshot(targets={name: TargetStanding(latency_ms=ms) for name, ms in latency_ms.items()})


def test_who_would_take_over_is_left_twice_its_usual_time() -> None:
    held = with_plan(tier_of("first", "second"), snapshot=usual(second=400.0))
    assert gives_way_s(held, 0, 0, 3.0, everybody) == pytest.approx(2.2)


def test_it_is_left_a_quarter_of_the_time_however_quick_it_usually_is() -> None:
    held = with_plan(tier_of("first", "second"), snapshot=usual(second=5.0))
    assert gives_way_s(held, 0, 0, 3.0, everybody) == pytest.approx(2.25)


def test_it_is_left_half_of_the_time_where_its_own_is_longer_or_not_known() -> None:
    held = with_plan(tier_of("first", "second"), snapshot=usual(second=2000.0))
    assert gives_way_s(held, 0, 0, 3.0, everybody) == 1.5
    assert gives_way_s(with_plan(tier_of("first", "second")), 0, 0, 3.0, everybody) == 1.5


def test_a_call_that_nobody_follows_has_all_the_time() -> None:
    held = with_plan(tier_of("first", "second"))
    assert gives_way_s(held, 0, 1, 3.0, everybody) is None, "the last of the chain"
    assert gives_way_s(with_plan(tier_of("first")), 0, 0, 3.0, everybody) is None
    assert gives_way_s(with_plan(tier_of("first", "first")), 0, 0, 3.0, everybody) is None, "the same target"
    assert gives_way_s(held, 0, 0, 3.0, lambda name: name != "second") is None, "one that is left alone"


def test_the_next_tier_takes_over_too_as_far_as_the_caller_lets_it() -> None:
    tiers = tier_of("first"), tier_of("second")
    assert gives_way_s(with_plan(*tiers, snapshot=usual(second=400.0)), 0, 0, 3.0, everybody) == pytest.approx(2.2)
    for request in (
        Request(input="x", tenant="acme", budget={"max_escalations": 0}),
        Request(input="x", tenant="acme", provider=ProviderPreferences(allow_fallbacks=False)),
    ):
        assert gives_way_s(with_plan(*tiers, request=request), 0, 0, 3.0, everybody) is None


@given(left_s=st.floats(min_value=0.001, max_value=86_400.0), usual_ms=st.none() | st.floats(0.0, 1e7))
def test_both_always_have_a_quarter_of_the_time(left_s: float, usual_ms: float | None) -> None:
    known = usual(second=usual_ms) if usual_ms is not None else None
    given_s = gives_way_s(with_plan(tier_of("first", "second"), snapshot=known), 0, 0, left_s, everybody)
    assert given_s is not None
    assert left_s / 2.0 <= given_s <= left_s * 0.75 + 1e-9
