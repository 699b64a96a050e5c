"""Museum 20: a sticky target that is down is re-pinned, not an error; replicas agree without shared memory."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from planning import MODELS, RESIDENCY, down, outcome, plan, policy_of

from pipeline.contracts import Snapshot, TargetStanding
from pipeline.policy import Policy

TRIPLETS = MODELS.replace(
    "variants:\n",
    """  mid:
    {endpoint: "http://a", model: m, provider: house, region: r, jurisdiction: EU, external: false,
     context_window: 4000, max_output_tokens: 1000, capabilities: [chat, json_schema, tools, vision],
     price: {input: 10, output: 20, source: s, as_of: "2026-11-01"}}
variants:
  mid: {target: mid}
""",
)
ROUTES = """\
  - name: chat
    match: "true"
    tiers: [{variants: {near: 0.4, mid: 0.3, far: 0.3}}]
  - name: shared
    match: "false"
    tiers: [{variants: {near: 0.4, mid: 0.3, far: 0.3}, choose: affinity}]
"""
SESSIONS = [f"s{number}" for number in range(300)]


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return policy_of(Path(tmp_path_factory.mktemp("museum20")), ROUTES, models=TRIPLETS)


def served(policy: Policy, route: str, world: Snapshot | None = None) -> dict[str, str]:
    return {
        session: plan(policy, route=route, session=session, snapshot=world or Snapshot()).tiers[0].variant
        for session in SESSIONS
    }


@pytest.mark.parametrize("route", ["chat", "shared"])
def test_who_was_on_a_target_that_is_down_is_moved_and_nobody_else(policy: Policy, route: str) -> None:
    before, during, after = served(policy, route), served(policy, route, down("mid")), served(policy, route)

    assert before == after, "when it is back, everybody is back"
    moved = {session for session in SESSIONS if before[session] != during[session]}
    assert moved == {session for session in SESSIONS if before[session] == "mid"}
    assert set(Counter(during[session] for session in moved)) == {"near", "far"}, "and not all to the same one"


def test_the_chance_that_is_logged_is_that_among_those_who_are_up(policy: Policy) -> None:
    (tier,) = plan(policy, session="s", snapshot=down("mid", "far")).tiers
    (either,) = plan(policy, session="s", snapshot=down("mid")).tiers

    assert (tier.variant, tier.propensity) == ("near", 1.0)
    assert either.propensity == pytest.approx(0.4 / 0.7 if either.variant == "near" else 0.3 / 0.7)


def test_only_when_everybody_is_down_it_is_an_error_and_says_for_how_long(policy: Policy) -> None:
    failed = outcome(policy, session="s", snapshot=down("near", "mid", "far"))

    error = failed.changes["error"]
    assert failed.kind == "failed"
    assert (error.code, error.retry_after_s) == ("target_unavailable", 10.0)  # type: ignore[attr-defined]


_REPLICA = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from planning import plan
from pipeline.policy.load import load_folder
policy = load_folder(Path(sys.argv[1]), {})
for route in ("chat", "shared"):
    print(*[plan(policy, route=route, session=f"s{n}").tiers[0].variant for n in range(300)])
"""


def test_another_process_that_knows_nothing_of_this_one_decides_the_same(policy: Policy, tmp_path: Path) -> None:
    policy_of(tmp_path, ROUTES, models=TRIPLETS, residency=RESIDENCY)
    support = Path(__file__).parents[1] / "support"
    replica = subprocess.run(
        [sys.executable, "-c", _REPLICA, str(tmp_path), str(support)], capture_output=True, text=True, check=True
    )

    chat, shared = replica.stdout.splitlines()
    assert chat.split() == list(served(policy, "chat").values())
    assert shared.split() == list(served(policy, "shared").values())


def test_a_sticky_target_that_is_only_slow_or_busy_keeps_its_sessions(policy: Policy) -> None:
    strained = Snapshot(targets={"mid": TargetStanding(load=5.0, latency_ms=60_000)})

    assert served(policy, "chat", strained) == served(policy, "chat")
