"""Museum 22: a session keeps its variant; two variants in one conversation spoil the metric."""

from pathlib import Path

import pytest
from planning import plan, policy_of

from pipeline.contracts import Message, Snapshot, TargetStanding
from pipeline.policy import Policy

ROUTES = """\
  - name: chat
    match: "true"
    tiers: [{variants: {tiny: 1}}, {variants: {near: 0.5, terse: 0.5}}]
  - name: tried
    match: "false"
    tiers: [{variants: {tiny: 1}}]
"""
EXPERIMENTS = """\
apiVersion: stepwell/v1
kind: Experiments
experiments:
  - {name: brevity, route: tried, tier: 0, variants: {near: 0.5, terse: 0.5}}
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return policy_of(Path(tmp_path_factory.mktemp("museum22")), ROUTES, experiments=EXPERIMENTS)


def conversation(turns: int) -> tuple[Message, ...]:
    return tuple(Message(role=role, content=f"turn {n}") for n in range(turns) for role in ("user", "assistant"))


def served(policy: Policy, session: str | None, turn: int, route: str = "chat", user: str | None = None) -> str:
    """Who answers this turn, in a world that looks different at every turn."""
    world = Snapshot(targets={"near": TargetStanding(load=turn / 10, latency_ms=100.0 * turn)})
    planned = plan(
        policy,
        route=route,
        session=session,
        user=user,
        id=f"request-{session}-{turn}",
        messages=(*conversation(turn), Message(role="user", content="and?")),
        snapshot=world,
    )
    return planned.tiers[-1].variant


@pytest.mark.parametrize("route", ["chat", "tried"])
def test_every_turn_of_a_session_is_answered_by_the_same_variant(policy: Policy, route: str) -> None:
    answered = {f"s{n}": {served(policy, f"s{n}", turn, route) for turn in range(8)} for n in range(40)}

    assert all(len(variants) == 1 for variants in answered.values())
    assert {variant for variants in answered.values() for variant in variants} == {"near", "terse"}


def test_a_session_counts_for_more_than_its_user(policy: Policy) -> None:
    for number in range(20):
        alone = served(policy, f"s{number}", 1)
        assert {served(policy, f"s{number}", turn, user=f"u{turn}") for turn in range(5)} == {alone}


def test_a_user_without_a_session_keeps_hers_too(policy: Policy) -> None:
    assert all(len({served(policy, None, turn, user=f"u{n}") for turn in range(5)}) == 1 for n in range(20))


def test_the_same_session_name_of_two_tenants_is_two_sessions(policy: Policy) -> None:
    def side(tenant: str) -> list[str]:
        return [plan(policy, tenant=tenant, session=f"s{n}").tiers[1].variant for n in range(60)]

    assert side("one") != side("two")
