"""The outer half of planning: which revision, which weights, whose health, who pays, and who is not asked."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from planning import LIMITS, MODELS, RESIDENCY, policy_of
from planning import envelope as classified
from policy_files import RESIDENCY as DEFAULT_RESIDENCY
from policy_files import ROUTES as DEFAULT_ROUTES
from policy_files import swap, write

from pipeline.contracts import (
    BudgetStanding,
    Classification,
    Cover,
    Envelope,
    Metered,
    RateState,
    Request,
    Residency,
    TargetStanding,
)
from pipeline.contracts import Plan as Planned
from pipeline.errors import InvalidRequest
from pipeline.policy import Policy
from pipeline.policy.load import load_folder
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Charge, Denial, Outcome, RateCheck, RateVerdict, RouteStanding, Run, Weights
from stages.plan import Plan, Sources
from stages.plan.again import plan_again


class Clock:
    def now(self) -> float:
        return 10.0

    def monotonic(self) -> float:
        return 10.0


class Published:
    """A weight store that remembers who asked."""

    def __init__(self, weights: Weights | None = None) -> None:
        self.weights = weights
        self.asked: list[str] = []

    def current(self, route: str) -> Weights | None:
        self.asked.append(route)
        return self.weights


class Board:
    """Some targets are down, and one route has a record."""

    def __init__(self, *unwell: str, record: RouteStanding | None = None) -> None:
        self.unwell = unwell
        self.record = record or RouteStanding()
        self.asked: list[str] = []

    def target(self, name: str) -> TargetStanding:
        self.asked.append(name)
        return TargetStanding(healthy=name not in self.unwell)

    def route(self, name: str) -> RouteStanding:
        assert name
        return self.record


class Ledger:
    """Says what is left."""

    def __init__(self, *standings: BudgetStanding) -> None:
        self.standings = standings
        self.asked: list[Sequence[Cover]] = []

    async def standing(self, covers: Sequence[Cover]) -> tuple[BudgetStanding, ...]:
        self.asked.append(covers)
        return self.standings

    async def reserve(self, charge: Charge) -> Denial | None:
        raise NotImplementedError

    async def settle(self, *_: object, **__: object) -> None:
        raise NotImplementedError

    async def release(self, charge: Charge) -> None:
        raise NotImplementedError

    async def may_escalate(self, attempt: str, covers: Sequence[Cover], urgency: float = 1.0) -> Denial | None:
        raise NotImplementedError

    async def asked_for(self, request: str, covers: Sequence[Cover]) -> None:
        raise NotImplementedError


class Meter:
    """Counts nothing and says what it is told to."""

    def __init__(self, verdict: RateVerdict | None = None) -> None:
        self.verdict = verdict or RateVerdict()
        self.asked: list[tuple[str, Sequence[RateCheck]]] = []

    async def hit(self, request: str, checks: Sequence[RateCheck]) -> RateVerdict:
        self.asked.append((request, checks))
        return self.verdict


class Loops:
    def __init__(self, variant: str | None) -> None:
        self.variant = variant

    async def variant_of(self, request: Request) -> str | None:
        assert request
        return self.variant


class Counter:
    async def counted(self, request: Request, tokens: int, policy: Policy) -> Mapping[str, int]:
        assert request
        assert tokens > 0
        return dict.fromkeys(policy.targets, 7)


def envelope(revision: str, *allowed: str) -> Envelope:
    residency = tuple(Residency(target=name, action="allow") for name in allowed)
    found = Classification(data_class="confidential", scan="complete", engine="e", residency=residency)
    return Envelope(
        id="r1",
        request=Request(input="hi"),
        fingerprint="f",
        lane="interactive",
        received_at=0,
        deadline_at=60,
        policy_revision=revision,
        classification=found,
    )


def load(folder: Path, **changed: str) -> Policy:
    return load_folder(write(folder, **changed), {})


def stage(policy: Policy, **parts: object) -> Plan:
    return Plan(FixedPolicy(policy), Clock(), b"secret", Sources(**parts))  # type: ignore[arg-type]


def planned(outcome: Outcome) -> Planned:
    plan = outcome.changes["plan"]
    assert isinstance(plan, Planned)
    return plan


# ---------------------------------------------------------------- the world


async def test_weights_are_asked_for_the_chosen_route_and_the_board_about_its_targets(tmp_path: Path) -> None:
    policy = load(tmp_path)
    weights, board = Published(Weights(3, ({"near": 1.0}, {"far": 1.0}))), Board("near")

    plan = planned(
        await stage(policy, weights=weights, board=board).handle(envelope(policy.revision, "near", "far"), Run())
    )

    assert [(tier.variant, tier.weights_version) for tier in plan.tiers] == [("far", 3)]
    assert (weights.asked, sorted(board.asked)) == (["chat"], ["far", "near"])
    assert plan.snapshot is not None
    assert list(plan.snapshot.targets) == ["near"], "of the others there is nothing to say"


async def test_a_route_without_an_answer_is_logged_once_in_a_revision_and_nothing_of_the_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It would be passed over in silence, whatever it is there for."""
    routes = swap(DEFAULT_ROUTES, '"true"', "req.metadata.team == 'a'") + "record_metadata: [team]\n"
    policy = load(tmp_path, routes=routes)
    plan = stage(policy)

    for _ in range(3):
        with pytest.raises(InvalidRequest):
            await plan.handle(envelope(policy.revision, "near", "far"), Run())

    said = f"policy revision {policy.revision}: the condition of the route chat had no answer for a request"
    assert [record.getMessage() for record in caplog.records] == [said]


async def test_without_anybody_to_ask_everything_is_well_and_unmeasured(tmp_path: Path) -> None:
    policy = load(tmp_path)
    alone = Plan(FixedPolicy(policy), Clock())

    plan = planned(await alone.handle(envelope(policy.revision, "near", "far"), Run()))

    assert [tier.variant for tier in plan.tiers] == ["near", "far"]
    assert alone.name == "plan"


async def test_a_plan_keeps_what_it_was_made_of_and_nothing_of_the_text(tmp_path: Path) -> None:
    policy = load(tmp_path)
    asked = envelope(policy.revision, "near", "far")
    asked = asked.model_copy(update={"request": Request(input="hunter2 " * 200, user="odalys", session="s3cret")})

    plan = planned(await stage(policy, board=Board("far")).handle(asked, Run()))

    assert plan.signals is not None
    assert plan.signals.deadline_left_ms == 50_000
    assert plan.signals.key
    for word in ("hunter2", "odalys", "s3cret"):
        assert word not in plan.model_dump_json()


async def test_the_record_of_the_route_decides_whether_there_is_a_draft(tmp_path: Path) -> None:
    routes = """\
  - name: chat
    match: "true"
    skip_draft: {when: cost, explore: 0}
    tiers: [{variants: {tiny: 1}}, {variants: {near: 1}}]
"""
    policy = policy_of(tmp_path, routes)
    board = Board(record=RouteStanding(drafts=100, accepted=0.05, draft_usd=0.1, last_usd=1.0))

    outcome = await stage(policy, board=board).handle(classified(policy), Run())

    assert [tier.variant for tier in planned(outcome).tiers] == ["near"]
    assert outcome.facts["skipped"] == "cost"
    assert any("5% of drafts suffice" in reason for reason in outcome.reasons)


async def test_who_made_the_tool_call_and_exact_counts_are_asked_for(tmp_path: Path) -> None:
    policy = load(tmp_path)
    parts = {"loops": Loops("far"), "counter": Counter()}

    plan = planned(await stage(policy, **parts).handle(envelope(policy.revision, "near", "far"), Run()))

    assert plan.signals is not None
    assert (plan.signals.busy_with, plan.signals.counted) == ("far", {"near": 7, "far": 7})
    assert [tier.variant for tier in plan.tiers] == ["far"]


# ---------------------------------------------------------------- revisions


async def test_the_revision_the_request_began_with_decides(tmp_path: Path) -> None:
    class Two:
        def current(self) -> Policy:
            return new

        def revision(self, digest: str) -> Policy | None:
            return {old.revision: old, new.revision: new}.get(digest)

    old = load(tmp_path / "old")
    new = load(tmp_path / "new", residency=swap(DEFAULT_RESIDENCY, "SECRET", "IBAN"))

    outcome = await Plan(Two(), Clock()).handle(envelope(old.revision, "near", "far"), Run())

    assert outcome.kind == "planned"
    assert "policy_revision" not in outcome.changes


async def test_a_revision_that_is_forgotten_is_replaced_and_the_data_judged_again(tmp_path: Path) -> None:
    policy = load(tmp_path)

    outcome = await stage(policy).handle(envelope("0" * 16, "near", "far", "gone"), Run())

    found = outcome.changes["classification"]
    assert isinstance(found, Classification)
    assert [tier.target for tier in planned(outcome).tiers] == ["near"], "far may no longer see confidential data"
    assert found.action_for("far") == "deny"
    assert outcome.changes["policy_revision"] == policy.revision
    assert outcome.facts["revision_before"] == "0" * 16


# ---------------------------------------------------------------- money and rates

ROUTES = """\
  - name: poor
    match: req.budget_left < 0.5
    tiers: [{variants: {tiny: 1}}]
  - name: chat
    match: "true"
    tiers: [{variants: {tiny: 1}}, {variants: {near: 1}}]
"""
BUDGETS = """\
apiVersion: stepwell/v1
kind: Budgets
budgets:
  - {name: team, match: req.tenant == "acme", by: [tenant, user, route, tag.team, variant], limit: {usd: 1}}
escalations:
  - {name: climbs, match: req.tenant == "acme", share: 0.1}
"""
RATES = """\
rates:
  - {name: fair, match: req.tenant != "free", by: [tenant, key], requests: 10, tokens: 1000}
"""


@pytest.fixture(scope="module")
def paid(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    folder = Path(tmp_path_factory.mktemp("paid"))
    return policy_of(folder, ROUTES, models=MODELS, residency=RESIDENCY, budgets=BUDGETS, limits=LIMITS + RATES)


async def test_nobody_is_asked_about_money_where_no_budget_and_no_rate_concerns_the_request(paid: Policy) -> None:
    ledger, meter = Ledger(), Meter()

    plan = planned(await stage(paid, ledger=ledger, meter=meter).handle(classified(paid, tenant="free"), Run()))

    assert (ledger.asked, meter.asked, plan.covers, plan.rates) == ([], [], (), ())


async def test_the_plan_says_who_pays_and_only_in_digests(paid: Policy) -> None:
    asked = classified(paid, tenant="acme", user="odalys", metadata={"team": "night-shift"})

    plan = planned(await stage(paid, ledger=Ledger()).handle(asked, Run()))

    team, climbs = plan.covers
    assert (team.budget, climbs.budget) == ("team", "climbs")
    assert team.scope.startswith("tenant=acme/user=")
    assert "/route=chat/" in team.scope
    assert team.scope.endswith("/variant={variant}")
    assert "odalys" not in team.scope
    assert "night-shift" not in team.scope


async def test_two_users_have_two_counters_and_one_user_has_one(paid: Policy) -> None:
    async def scope(user: str | None, request_id: str) -> str:
        asked = classified(paid, tenant="acme", user=user, id=request_id)
        return planned(await stage(paid, ledger=Ledger()).handle(asked, Run())).covers[0].scope

    assert await scope("a", "r1") == await scope("a", "r2")
    assert len({await scope(user, "r1") for user in ("a", "b", None)}) == 3


async def test_what_is_left_of_a_budget_chooses_the_route_and_is_kept(paid: Policy) -> None:
    ledger = Ledger(BudgetStanding(name="team", left=0.2, resets_s=60))
    plan = planned(await stage(paid, ledger=ledger).handle(classified(paid, tenant="acme"), Run()))

    assert plan.route == "poor"
    assert "/route=poor/" in plan.covers[0].scope
    assert [[cover.budget for cover in covers] for covers in ledger.asked] == [["team"]], "caps have no standing"
    assert plan.snapshot is not None
    assert plan.signals is not None
    again = plan_again(plan.signals, plan.snapshot, paid)
    assert planned(again).route == "poor"


async def test_a_rate_counts_the_question_and_the_answer_that_is_allowed(paid: Policy) -> None:
    states = (RateState(name="fair", counts="requests", limit=10, remaining=9, reset_s=30),)
    meter = Meter(RateVerdict(states))
    asked = classified(paid, tenant="acme", api_key="k1", parameters={"max_tokens": 40})

    plan = planned(await stage(paid, meter=meter).handle(asked, Run()))

    ((request, (check,)),) = meter.asked
    assert (request, check.rate, check.tokens) == ("acme.r1", "fair", 45)
    assert plan.metered == (Metered(rate="fair", scope=check.scope, tokens=45),), "the end settles what was used beyond"
    assert check.scope.startswith("tenant=acme/key=")
    assert "k1" not in check.scope
    assert plan.rates == states


async def test_a_request_above_its_rate_is_refused_with_the_time_to_wait_and_the_state_of_its_rates(
    paid: Policy,
) -> None:
    states = (RateState(name="fair", counts="requests", limit=10, remaining=0, reset_s=12),)
    meter = Meter(RateVerdict(states, exceeded="fair", retry_after_s=12.0))

    outcome = await stage(paid, meter=meter).handle(classified(paid, tenant="acme"), Run())

    error = outcome.changes["error"]
    assert (outcome.kind, outcome.changes["status"]) == ("refused", "refused")
    assert (error.code, error.rule, error.retry_after_s) == ("rate_limited", "fair", 12.0)  # type: ignore[attr-defined]
    assert (planned(outcome).rates, planned(outcome).tiers) == (states, ())
    assert planned(outcome).signals is not None
