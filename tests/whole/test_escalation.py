"""From tier to tier in a whole cascade: left early, passed on early, chosen by gain, kept for want of time."""

from pathlib import Path

import pytest
from stairs_house import House, Plans, house

from pipeline.contracts import Budget, Chunk, Reply, Request
from pipeline.policy.load import load_folder
from pipeline.policy.source import FixedPolicy

ASK = Request(input="How deep is the well, and who has dug it, and when, and for whom?", cache="off")
STREAM = ASK.model_copy(update={"stream": True})
TWO = ("{variants: {first: 1}}", "{variants: {second: 1}}")


def route(escalation: str, threshold: float = 0.5, more: str = "") -> str:
    return f"    accept: {{confidence: {threshold}}}\n    escalation: {{{escalation}}}\n{more}"


EXIT = "early_exit: {after: 3, below: 0.5, explore: 0}"
OPEN = "open_early: {after: 3, above: 0.6}"


async def streamed(home: House, request: Request = STREAM) -> tuple[list[str], Reply]:
    pieces, reply = [], None
    async for item in home.client.stream(request):
        if isinstance(item, Chunk):
            pieces.append(item.text)
        else:
            reply = item
    assert reply is not None
    return pieces, reply


# ---------------------------------------------------------------- left early


@pytest.mark.parametrize("request_", [ASK, STREAM], ids=["whole", "streamed"])
async def test_a_draft_that_begins_unsure_is_left_and_the_next_tier_answers(tmp_path: Path, request_: Request) -> None:
    plans = Plans({"first": "unsure-drip", "second": "maxi"}, TWO, route(EXIT))
    async with house(tmp_path, plans) as home:
        if request_.stream:
            pieces, reply = await streamed(home, request_)
            assert "".join(pieces) == reply.content
        else:
            reply = await home.client.ask(request_)
        assert reply.status == "answered"
        assert reply.served is not None
        assert reply.served.model == "maxi"
        assert reply.degraded is None
        assert "unsure-drip" not in home.called(), "nobody waited for its end"
        (record,) = await home.records()
        left, large = record.attempts
        assert left.left_early
        assert left.exit_at is not None
        assert 3 <= left.exit_at <= 6
        assert left.error_code == "early_exit"
        assert left.estimated, "nobody reported what it used"
        assert 0 < left.usage.output_tokens <= 6
        assert left.cost_usd is not None
        assert left.cost_usd > 0
        assert large.stage == "escalate"
        assert "draft:unavailable" in reply.path
        assert record.cost_usd == pytest.approx(left.cost_usd + (large.cost_usd or 0.0))


async def test_it_leads_to_the_next_tier_and_to_no_fallback_of_its_own(tmp_path: Path) -> None:
    tiers = ("{variants: {first: 1}, fallbacks: [spare]}", "{variants: {second: 1}}")
    plans = Plans({"first": "unsure-drip", "spare": "mini", "second": "maxi"}, tiers, route(EXIT))
    async with house(tmp_path, plans) as home:
        await home.client.ask(ASK)
        (record,) = await home.records()
        assert [made.variant for made in record.attempts] == ["first", "second"]


async def test_some_are_finished_all_the_same_so_that_wrong_exits_can_be_counted(tmp_path: Path) -> None:
    plans = Plans({"first": "unsure-drip", "second": "maxi"}, TWO, route(EXIT.replace("explore: 0", "explore: 1")))
    async with house(tmp_path, plans) as home:
        await home.client.ask(ASK)
        (record,) = await home.records()
        draft = record.attempts[0]
        assert draft.exit_at is not None
        assert not draft.left_early
        assert draft.error_code is None
        assert draft.usage.output_tokens > draft.exit_at, "what an exit would have saved is known"


async def test_where_no_escalation_is_permitted_the_draft_goes_on(tmp_path: Path) -> None:
    plans = Plans({"first": "unsure-fast", "second": "maxi"}, TWO, route(EXIT))
    request = ASK.model_copy(update={"budget": ASK.budget.model_copy(update={"max_escalations": 0})})
    async with house(tmp_path, plans) as home:
        reply = await home.client.ask(request)
        assert reply.status == "answered"
        assert reply.degraded == "below_threshold"


async def test_where_the_cap_is_reached_the_draft_goes_on_and_is_served_and_marked(tmp_path: Path) -> None:
    """It is not given up for an escalation that nobody may make."""
    caps = "escalations:\n  - {name: few, share: 0, burst: 1}\n"
    plans = Plans({"first": "unsure-fast", "second": "maxi"}, TWO, route(EXIT), budgets=caps)
    async with house(tmp_path, plans) as home:
        first = await home.client.ask(ASK)
        second = await home.client.ask(ASK)
        assert first.served is not None
        assert first.served.model == "maxi"
        assert second.degraded == "escalation_cap"
        assert second.content, "the draft is whole"


# ---------------------------------------------------------------- passed on early


async def test_a_draft_that_begins_sure_reaches_its_caller_before_it_is_whole(tmp_path: Path) -> None:
    plans = Plans({"first": "mini-drip", "second": "maxi"}, TWO, route(OPEN))
    async with house(tmp_path, plans) as home:
        pieces, reply = await streamed(home)
        assert reply.served is not None
        assert reply.served.model == "mini-drip"
        assert reply.degraded is None
        assert len(pieces) > 3, "what was held back, and then piece by piece"
        assert "".join(pieces) == reply.content


async def test_with_the_gate_shut_it_is_held_back_until_it_was_checked(tmp_path: Path) -> None:
    plans = Plans({"first": "unsure-fast", "second": "maxi-fast"}, TWO, route(OPEN))
    async with house(tmp_path, plans) as home:
        pieces, reply = await streamed(home)
        assert reply.served is not None
        assert reply.served.model == "maxi-fast"
        assert "".join(pieces) == reply.content, "nothing of the draft"


async def test_a_route_that_would_rather_fail_passes_nothing_on_early(tmp_path: Path) -> None:
    plans = Plans({"first": "mini-fast", "second": "maxi"}, TWO, route(OPEN, 0.999, "    on_exhausted: fail\n"))
    async with house(tmp_path, plans) as home:
        _, reply = await streamed(home)
        assert reply.served is not None
        assert reply.served.model == "maxi"


# ---------------------------------------------------------------- what is next


async def test_four_tiers_are_gone_down_one_by_one(tmp_path: Path) -> None:
    names = ("one", "two", "three", "four")
    plans = Plans(
        {"one": "unsure-a", "two": "unsure-b", "three": "error", "four": "maxi"},
        [f"{{variants: {{{name}: 1}}}}" for name in names],
        route("hand_over: nothing", more="    max_escalations: 3\n"),
    )
    async with house(tmp_path, plans) as home:
        reply = await home.client.ask(ASK)
        assert reply.status == "answered"
        assert reply.served is not None
        assert (reply.served.variant, reply.served.tier) == ("four", 3)
        (record,) = await home.records()
        assert [made.variant for made in record.attempts] == list(names)


async def test_what_would_come_too_late_is_not_called_and_the_draft_stays_and_is_marked(tmp_path: Path) -> None:
    plans = Plans({"first": "unsure-fast", "second": "maxi-drip"}, TWO, route("hand_over: nothing"))
    async with house(tmp_path, plans) as home:
        await home.client.ask(ASK)  # now it is known how long the large one takes
        reply = await home.client.ask(ASK.model_copy(update={"budget": Budget(deadline_ms=400)}))
        assert reply.status == "answered"
        assert reply.degraded == "deadline"
        assert home.called()["maxi-drip"] == 1


@pytest.mark.parametrize(("rule", "ends"), [("degrade", "large_unavailable"), ("fail", "failed")])
async def test_with_the_large_tier_down_the_route_says_whether_the_draft_serves(
    tmp_path: Path, rule: str, ends: str
) -> None:
    more = f"    on_exhausted: {rule}\n"
    plans = Plans({"first": "unsure-fast", "second": "error"}, TWO, route("hand_over: nothing", more=more))
    async with house(tmp_path, plans) as home:
        reply = await home.client.ask(ASK)
        assert ends in (reply.status, reply.degraded)


async def test_where_nothing_is_known_of_the_gain_the_tiers_go_in_their_order_and_the_record_says_what_was_known(
    tmp_path: Path,
) -> None:
    plans = Plans({"first": "unsure-fast", "second": "maxi"}, TWO, route("choose: gain, value_usd: 0.01"))
    async with house(tmp_path, plans) as home:
        reply = await home.client.ask(ASK)
        assert reply.served is not None
        assert reply.served.model == "maxi"
        (record,) = await home.records()
        (step,) = [step for step in record.trail if step.stage == "escalate"]
        assert step.facts["value_usd"] == 0.01
        assert step.facts["p_1"] is None
        assert isinstance(step.facts["usd_1"], float)


# ---------------------------------------------------------------- what passes unharmed

TOOL = {
    "type": "function",
    "function": {"name": "measure", "parameters": {"type": "object", "properties": {"depth": {"type": "integer"}}}},
}


@pytest.mark.parametrize("rule", [OPEN, EXIT, f"{EXIT}, {OPEN}"])
async def test_a_call_of_a_tool_passes_whole_and_as_no_text(tmp_path: Path, rule: str) -> None:
    targets = {"first": "mini", "second": "maxi"}
    plans = Plans(targets, TWO, route(rule))
    asked = STREAM.model_copy(update={"tools": (TOOL,), "tool_choice": "required"})
    async with house(tmp_path, plans, source=with_tools) as home:
        pieces, reply = await streamed(home, asked)
        assert reply.status == "answered"
        assert reply.tool_calls is not None
        assert reply.tool_calls[0].function["name"] == "measure"
        assert "".join(pieces) == (reply.content or "")


def with_tools(folder: Path) -> FixedPolicy:
    """The policies of the folder, with targets that know tools."""
    models = folder / "models.yaml"
    models.write_text(models.read_text().replace("[chat, logprobs,", "[chat, tools, logprobs,"))
    return FixedPolicy(load_folder(folder, {}))


async def test_what_is_handed_over_is_read_by_the_next_tier(tmp_path: Path) -> None:
    asked: dict[str, int] = {}
    for rule in ("nothing", "draft", "errors"):
        plans = Plans({"first": "unsure-fast", "second": "maxi"}, TWO, route(f"hand_over: {rule}"))
        (tmp_path / rule).mkdir()
        async with house(tmp_path / rule, plans) as home:
            reply = await home.client.ask(ASK)
            assert reply.status == "answered"
            (record,) = await home.records()
            asked[rule] = record.attempts[1].usage.input_tokens
            assert record.attempts[1].stage == "escalate"
    assert asked["draft"] > asked["nothing"]
    assert asked["errors"] > asked["nothing"]
