"""Museum 16: a prompt that does not fit the small model is not sent there; a tool loop stays on its model.

Happened to LiteLLM (#38844, #40237).
"""

import asyncio
from pathlib import Path

import pytest
from clocks import FakeClock
from planning import conditions, down, envelope, plan, policy_of, variants
from planning import signals as signals_of

from pipeline.adapters.loops import LoopMemory
from pipeline.contracts import Message, Reply, Served, Snapshot, ToolCall
from pipeline.contracts import Plan as Planned
from pipeline.errors import StoreUnavailable
from pipeline.policy import Policy
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Run
from stages.plan import Plan, Sources
from stages.plan.decide import decide, plan_in

ROUTES = """\
  - name: chat
    match: "true"
    tiers:
      - {variants: {tiny: 1}, fallbacks: [near]}
      - {variants: {near: 0.5, terse: 0.5}, fallbacks: [far]}
"""
TOOLS = ({"type": "function", "function": {"name": "weather"}},)
CALL = ToolCall(id="call-7", function={"name": "weather", "arguments": "{}"})


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return policy_of(Path(tmp_path_factory.mktemp("museum16")), ROUTES)


@pytest.mark.parametrize(
    "messages",
    [
        (Message(role="user", content="x" * 2000),),
        (Message(role="system", content="x" * 2000), Message(role="user", content="hi")),
        (
            *(Message(role=role, content="x" * 100) for role in ("user", "assistant") * 8),
            Message(role="user", content="?"),
        ),
    ],
    ids=["a long question", "a long system prompt", "a long history and a short question"],
)
def test_what_does_not_fit_the_small_model_is_not_sent_there(policy: Policy, messages: tuple[Message, ...]) -> None:
    planned = plan(policy, messages=messages)

    assert "tiny" not in {rung.target for tier in planned.tiers for rung in (tier, *tier.fallbacks)}
    assert conditions(planned)["tiny"] == "context"
    assert planned.tiers


def test_tool_definitions_and_the_answer_count_too(policy: Policy) -> None:
    schema = {"type": "object", "properties": {f"field{n}": {"type": "string"} for n in range(60)}}

    assert conditions(plan(policy, response_schema=schema))["tiny"] == "context"
    assert variants(plan(policy, input="x" * 880))[0] == "tiny"
    assert conditions(plan(policy, input="x" * 920))["tiny"] == "context", "with its answer of 100 tokens"


class Store:
    """A shared memory that can be lost."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.away = False

    async def get(self, key: str) -> bytes | None:
        if self.away:
            raise StoreUnavailable("away")
        return self.kept.get(key)

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        assert ttl_s > 0
        self.kept[key] = value


def turn(*results: str) -> dict[str, object]:
    """The conversation after the model called, with the results of its tools."""
    said = [Message(role="user", content="weather?"), Message(role="assistant", tool_calls=(CALL,))]
    said += [Message(role="tool", content=result, tool_call_id=CALL.id) for result in results]
    return {"messages": tuple(said), "tools": TOOLS}


async def after_a_call_of(variant: str, store: Store, policy: Policy) -> None:
    """A worker answers with a tool call of this variant, and tells its memory."""
    loops = LoopMemory(store, b"shared", FakeClock())
    served = Served(route="chat", variant=variant, target="near", model="m", tier=1, tiers=2)
    reply = Reply(
        id="r1",
        tenant="default",
        status="answered",
        served=served,
        tool_calls=(CALL,),
        policy_revision="p",
        fingerprint="f",
    )
    loops.finished(envelope(policy, input="weather?", tools=TOOLS), reply)
    await loops.close()


async def next_plan(store: Store, policy: Policy, **request: object) -> Planned:
    """Another worker plans the next turn."""
    stage = Plan(FixedPolicy(policy), FakeClock(), b"shared", Sources(loops=LoopMemory(store, b"shared", FakeClock())))
    outcome = await stage.handle(envelope(policy, **request), Run())  # type: ignore[arg-type]
    planned = outcome.changes["plan"]
    assert isinstance(planned, Planned)
    return planned


@pytest.mark.parametrize("variant", ["near", "terse"])
async def test_who_called_the_tool_reads_its_result_whichever_worker_plans(policy: Policy, variant: str) -> None:
    store = Store()
    await after_a_call_of(variant, store, policy)

    for number in range(10):
        planned = await next_plan(store, policy, **turn("rain"), id=f"r{number}")
        assert variants(planned)[0] == variant
        assert planned.chose[0] == "loop"


async def test_a_memory_that_is_lost_or_away_costs_nothing_but_the_stickiness(policy: Policy) -> None:
    store = Store()
    await after_a_call_of("near", store, policy)
    store.away = True
    away = await next_plan(store, policy, **turn("rain"), session="s")
    lost = await next_plan(Store(), policy, **turn("rain"), session="s")

    assert away.tiers == lost.tiers
    assert away.tiers


def test_a_loop_whose_model_is_down_goes_on_with_another(policy: Policy) -> None:
    asked = envelope(policy, **turn("rain"))  # type: ignore[arg-type]
    assert asked.classification is not None
    decided = decide(signals_of(asked, policy, "terse"), asked.classification.residency, down("near"), policy)

    planned = plan_in(decided)
    assert planned is not None
    assert variants(planned) == ["far"]


def test_a_loop_does_not_end_up_where_it_does_not_fit(policy: Policy) -> None:
    planned = plan(policy, **turn("x" * 3000), busy_with="tiny", snapshot=Snapshot())

    assert "tiny" not in variants(planned)


async def test_many_replies_at_once_are_remembered(policy: Policy) -> None:
    store = Store()
    await asyncio.gather(*(after_a_call_of("near", store, policy) for _ in range(20)))

    assert len(store.kept) == 1
