"""One paid attempt: permitted, called once, settled, journaled."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest
from cascade import FakeClock
from fakes_models import FREE, FakeJournal, FakeModels, answer, classified, policy, shown, target

from pipeline.adapters.models.attempts import RESERVE_S, Attempts
from pipeline.contracts import Budget, Chunk, Envelope, Message, Parameters, Plan, Reply, Request, Tier, Usage
from pipeline.errors import (
    Cancelled,
    ResidencyRefused,
    TargetTimeout,
    TargetUnavailable,
    UnknownModel,
    Unreadable,
)
from pipeline.policy.models import Variant
from pipeline.policy.source import FixedPolicy
from pipeline.ports import NotDurable, Run

PRICED = {"input": 1.0, "output": 10.0, "source": "a list", "as_of": "2026-01-31"}
TARGETS = {"small": target("small-m"), "large": target("large-m", price=PRICED), "far": target("far-m", external=True)}
VARIANTS = {
    "small": Variant(target="small", system="Be brief.", parameters=Parameters(temperature=0.0, max_tokens=64)),
    "large": Variant(target="large"),
    "far": Variant(target="far"),
}
POLICY = policy(TARGETS, variants=VARIANTS)


def plan(*names: str, **others: object) -> Plan:
    tiers = tuple(Tier(variant=name, target=name, propensity=1.0) for name in names)
    return Plan(route="chat", tiers=tiers, **others)


def envelope(request: Request | None = None, *, tiers: Plan | None = None, **others: object) -> Envelope:
    fields: dict[str, object] = {
        "id": "r1",
        "request": request or Request(input="How deep is it?", tenant="acme"),
        "fingerprint": "f",
        "lane": "interactive",
        "received_at": 1_000_000.0,
        "deadline_at": 1_000_010.0,
        "policy_revision": POLICY.revision,
        "classification": classified("small", "large", far="local_only"),
        "plan": tiers or plan("small", "large"),
    }
    return Envelope.model_validate({**fields, **others})


@dataclass
class Caller:
    """Takes chunks, `patience` of them."""

    patience: int = 1000
    chunks: list[Chunk] = field(default_factory=list)

    async def chunk(self, chunk: Chunk) -> bool:
        self.chunks.append(chunk)
        return len(self.chunks) < self.patience

    async def reply(self, reply: Reply) -> None: ...


@dataclass
class Bench:
    models: FakeModels = field(default_factory=FakeModels)
    journal: FakeJournal = field(default_factory=FakeJournal)
    clock: FakeClock = field(default_factory=FakeClock)

    @property
    def attempts(self) -> Attempts:
        return Attempts(self.models, self.journal, FixedPolicy(POLICY), self.clock)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_a_call_is_made_as_the_variant_says_and_written_down(bench: Bench) -> None:
    made = (await bench.attempts.make(envelope(), Run(), "draft", 0)).last
    assert made is not None
    assert (made.number, made.stage, made.tier, made.variant, made.target) == (1, "draft", 0, "small", "small")
    assert made.text
    assert made.cost_usd == 0.0
    assert bench.journal.written == {("acme.r1", "draft-1"): made}
    (call,) = bench.models.calls
    assert [message.role for message in shown(call).messages] == ["system", "user"]
    assert shown(call).parameters == Parameters(temperature=0.0, max_tokens=64)
    assert shown(call).idempotency_key == "acme.r1.draft-1"
    assert call.deadline_s == pytest.approx(10.0 - RESERVE_S)


async def test_for_a_request_that_no_queue_has_nothing_is_called_or_written_down(bench: Bench) -> None:
    with pytest.raises(NotDurable):
        await bench.attempts.make(envelope(), Run(durable=False), "draft", 0)
    assert (bench.models.calls, bench.journal.written) == ([], {})


async def test_the_requests_own_parameters_win(bench: Bench) -> None:
    request = Request(input="x", parameters=Parameters(temperature=0.7, seed=3))
    await bench.attempts.make(envelope(request), Run(), "draft", 0)
    assert shown(bench.models.calls[0]).parameters == Parameters(temperature=0.7, max_tokens=64, seed=3)


async def test_a_system_message_of_the_request_is_joined_to_the_variants(bench: Bench) -> None:
    own = (Message(role="system", content="Answer in Dutch."), Message(role="user", content="x"))
    await bench.attempts.make(envelope(Request(messages=own)), Run(), "draft", 0)
    assert [message.content for message in shown(bench.models.calls[0]).messages] == [
        "Be brief.\n\nAnswer in Dutch.",
        "x",
    ]


async def test_usage_is_settled_at_the_targets_price(bench: Bench) -> None:
    bench.models.script = lambda call: replace(answer("x"), usage=Usage(input_tokens=1000, output_tokens=200))
    made = (await bench.attempts.make(envelope(), Run(), "escalate", 1)).last
    assert made is not None
    assert made.cost_usd == pytest.approx((1000 * 1.0 + 200 * 10.0) / 1e6)


async def test_usage_that_nobody_reported_is_estimated_and_says_so(bench: Bench) -> None:
    bench.models.script = lambda call: replace(answer("one two three"), usage=Usage(), usage_reported=False)
    dear = (await bench.attempts.make(envelope(), Run(), "escalate", 1)).last
    free = (await bench.attempts.make(envelope(), Run(), "draft", 0)).last
    assert dear is not None
    assert free is not None
    assert dear.estimated
    assert dear.usage.output_tokens >= 3
    assert dear.usage.input_tokens > 0
    assert dear.cost_usd == pytest.approx((dear.usage.input_tokens + dear.usage.output_tokens * 10.0) / 1e6)
    assert free.cost_usd == 0.0


async def test_a_usage_that_a_call_cannot_have_had_is_told_and_not_believed(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.models.script = lambda call: replace(answer("x"), usage=Usage(input_tokens=9, output_tokens=10**15))
    made = (await bench.attempts.make(envelope(), Run(), "escalate", 1)).last
    assert made is not None
    assert made.estimated
    assert made.cost_usd is not None
    assert made.cost_usd < 0.02
    (told,) = [record.getMessage() for record in caplog.records if record.name == "stepwell.models"]
    assert told.startswith("target large reported 9 tokens asked and 1000000000000000 answered")
    assert "r1" not in told


async def test_of_a_target_without_a_price_nobody_knows_what_it_cost(bench: Bench) -> None:
    unpriced = policy({"small": target("small-m", price=None)})
    attempts = Attempts(bench.models, bench.journal, FixedPolicy(unpriced), bench.clock)
    made = (await attempts.make(envelope(tiers=plan("small")), Run(), "draft", 0)).last
    assert made is not None
    assert made.cost_usd is None


@pytest.mark.parametrize("charged", [True, False])
async def test_a_failed_call_is_an_attempt_too(bench: Bench, charged: bool) -> None:
    error = TargetUnavailable("target large broke off", retry_after_s=2.0)
    error.calls, error.charged = 3, charged
    bench.models.script = lambda call: error
    made = (await bench.attempts.make(envelope(), Run(), "escalate", 1)).last
    assert made is not None
    assert made.error is not None
    assert (made.error.code, made.error.message, made.error.retry_after_s) == ("target_unavailable", error.message, 2.0)
    assert (made.text, made.calls, made.model) == (None, 3, "large-m")
    assert made.estimated is charged
    assert made.cost_usd == pytest.approx(made.usage.input_tokens / 1e6)
    assert (made.usage.input_tokens > 0) is charged, "what was sent counts where the endpoint may charge for it"
    assert bench.journal.written[("acme.r1", "escalate-1")] is made


async def test_a_redelivery_takes_what_was_paid_for_from_the_journal(bench: Bench) -> None:
    first = (await bench.attempts.make(envelope(), Run(), "draft", 0)).last
    again = (await bench.attempts.make(envelope(), Run(delivered=2), "draft", 0)).last
    assert first is not None
    assert again == first.model_copy(update={"replayed": True})
    assert len(bench.models.calls) == 1


async def test_a_first_delivery_does_not_ask_the_journal(bench: Bench) -> None:
    await bench.attempts.make(envelope(), Run(), "draft", 0)
    assert bench.journal.recalled == 0


async def test_a_redelivery_without_a_journal_entry_calls_under_the_same_key(bench: Bench) -> None:
    await bench.attempts.make(envelope(), Run(delivered=3), "draft", 0)
    await Bench(bench.models).attempts.make(envelope(), Run(delivered=4), "draft", 0)
    assert {shown(call).idempotency_key for call in bench.models.calls} == {"acme.r1.draft-1"}


async def test_of_two_workers_at_once_the_first_that_wrote_counts(bench: Bench) -> None:
    first = (await bench.attempts.make(envelope(), Run(), "draft", 0)).last
    bench.models.script = lambda call: answer("another text")
    second = (await bench.attempts.make(envelope(), Run(), "draft", 0)).last
    assert first is not None
    assert second is not None
    assert (second.text, second.replayed) == (first.text, True)


async def test_residency_is_asked_again_right_before_the_call(bench: Bench) -> None:
    with pytest.raises(ResidencyRefused) as caught:
        await bench.attempts.make(envelope(tiers=plan("far")), Run(), "draft", 0)
    assert caught.value.rule == "a-rule"
    assert bench.models.calls == []


async def test_an_unclassified_request_reaches_no_model(bench: Bench) -> None:
    with pytest.raises(ResidencyRefused):
        await bench.attempts.make(envelope(classification=None), Run(), "draft", 0)
    assert bench.models.calls == []


async def test_a_variant_that_the_policy_lost_is_said_to_be_lost(bench: Bench) -> None:
    tiers = Plan(route="chat", tiers=(Tier(variant="gone", target="small", propensity=1.0),))
    with pytest.raises(UnknownModel, match="gone"):
        await bench.attempts.make(envelope(tiers=tiers), Run(), "draft", 0)


async def test_a_plan_cannot_send_a_variant_to_another_target(bench: Bench) -> None:
    forged = Plan(route="chat", tiers=(Tier(variant="far", target="small", propensity=1.0),))
    with pytest.raises(UnknownModel):
        await bench.attempts.make(envelope(tiers=forged), Run(), "draft", 0)


async def test_without_a_plan_it_is_no_message_for_us(bench: Bench) -> None:
    with pytest.raises(Unreadable):
        await bench.attempts.make(envelope().model_copy(update={"plan": None}), Run(), "draft", 0)


async def test_a_moment_before_the_deadline_no_model_is_called(bench: Bench) -> None:
    bench.clock.time = 1_000_010.0 - RESERVE_S
    made = await bench.attempts.make(envelope(), Run(), "draft", 0)
    assert (made.last, made.out_of_time) == (None, True)
    assert bench.models.calls == []
    assert bench.journal.written == {}


async def test_of_a_short_deadline_a_twentieth_is_kept(bench: Bench) -> None:
    assert bench.attempts.left_s(envelope(deadline_at=1_000_000.2)) == pytest.approx(0.19)


async def test_a_task_that_is_cancelled_writes_nothing(bench: Bench) -> None:
    slow = policy({"small": target("hang")})
    attempts = Attempts(bench.models, bench.journal, FixedPolicy(slow), bench.clock)
    task = asyncio.create_task(attempts.make(envelope(tiers=plan("small")), Run(), "draft", 0))
    while not bench.models.calls:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.models.aborted == 1
    assert bench.journal.written == {}


# ---------------------------------------------------------------- streaming to the caller


STREAM = Request(input="How deep is it?", tenant="acme", stream=True)


@pytest.mark.parametrize(
    ("request_", "tiers", "tier", "delivered", "streams"),
    [
        (STREAM, plan("small"), 0, 1, True),
        (STREAM, plan("small", "large"), 0, 1, False),
        (STREAM, plan("small", "large"), 1, 1, True),
        (STREAM, plan("small", "large"), 1, 2, False),
        (STREAM, plan("small", "large", max_escalations=0), 0, 1, True),
        (STREAM, plan("small", "large", max_escalations=0, on_exhausted="fail"), 0, 1, False),
        (STREAM.model_copy(update={"budget": Budget(max_escalations=0)}), plan("small", "large"), 0, 1, True),
        (STREAM.model_copy(update={"response_schema": {}}), plan("small"), 0, 1, False),
        (STREAM.model_copy(update={"stream": False}), plan("small"), 0, 1, False),
    ],
    ids=[
        "the only tier",
        "a draft that may be rejected",
        "the last tier",
        "a redelivery",
        "a capped draft that is served anyway",
        "a capped draft that may fail the request",
        "a draft capped by the caller",
        "a schema to satisfy",
        "a caller who does not stream",
    ],
)
async def test_text_goes_to_the_caller_as_it_comes_only_where_nothing_can_reject_it(
    bench: Bench, request_: Request, tiers: Plan, tier: int, delivered: int, streams: bool
) -> None:
    caller = Caller()
    made = (await bench.attempts.make(envelope(request_, tiers=tiers), Run(delivered, caller), "draft", tier)).last
    assert made is not None
    assert made.streamed is streams
    assert [chunk.seq for chunk in caller.chunks] == list(range(len(caller.chunks)))
    assert "".join(chunk.text for chunk in caller.chunks) == (made.text if streams else "")


async def test_a_caller_who_is_gone_ends_the_attempt_and_that_is_written_down(bench: Bench) -> None:
    caller = Caller(patience=2)
    made = (await bench.attempts.make(envelope(STREAM, tiers=plan("large")), Run(1, caller), "draft", 0)).last
    assert made is not None
    assert made.error is not None
    assert made.error.code == Cancelled.code
    assert len(caller.chunks) == 2
    assert made.streamed
    assert made.estimated
    assert made.usage.output_tokens == 4, "the thirteen characters that were generated until then are charged"
    assert made.cost_usd == pytest.approx((made.usage.input_tokens + 4 * 10.0) / 1e6)
    assert bench.journal.written


async def test_a_timeout_of_a_free_target_costs_nothing(bench: Bench) -> None:
    error = TargetTimeout("target small took longer than 1 s")
    error.charged = True
    bench.models.script = lambda call: error
    made = (await bench.attempts.make(envelope(), Run(), "draft", 0)).last
    assert TARGETS["small"].price is not None
    assert TARGETS["small"].price.input == FREE["input"]
    assert made is not None
    assert made.cost_usd == 0.0


async def test_tools_schema_and_trace_reach_the_call(bench: Bench) -> None:
    tools = ({"type": "function", "function": {"name": "f"}},)
    request = Request(input="x", tools=tools, tool_choice="auto", response_schema={"type": "object"})
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await bench.attempts.make(envelope(request, traceparent=trace, lane="batch"), Run(), "draft", 0)
    (call,) = bench.models.calls
    view = shown(call)
    assert (view.tools, view.tool_choice, view.response_schema) == (tools, "auto", {"type": "object"})
    assert (view.traceparent, call.lane) == (trace, "batch")
