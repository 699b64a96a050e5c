"""The outer half of planning: which revision, which weights, whose health."""

from pathlib import Path

from policy_files import RESIDENCY, swap, write

from pipeline.contracts import Classification, Envelope, Request, Residency
from pipeline.contracts import Plan as Planned
from pipeline.policy import Policy
from pipeline.policy.load import load_folder
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Run, Weights
from stages.plan import Plan


class Published:
    """A weight store that remembers who asked."""

    def __init__(self, weights: Weights | None = None) -> None:
        self.weights = weights
        self.asked: list[str] = []

    def current(self, route: str) -> Weights | None:
        self.asked.append(route)
        return self.weights


class Health:
    def __init__(self, *down: str) -> None:
        self.down = down

    def healthy(self, target: str) -> bool:
        return target not in self.down


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


async def test_weights_are_asked_for_the_chosen_route_and_health_of_every_target(tmp_path: Path) -> None:
    policy = load(tmp_path)
    weights = Published(Weights(3, ({"near": 1.0}, {"far": 1.0})))
    stage = Plan(FixedPolicy(policy), weights, Health("near"))

    outcome = await stage.handle(envelope(policy.revision, "near", "far"), Run())

    planned = outcome.changes["plan"]
    assert isinstance(planned, Planned)
    assert [(tier.variant, tier.weights_version) for tier in planned.tiers] == [("far", 3)]
    assert weights.asked == ["chat"]
    assert stage.name == "plan"


async def test_the_revision_the_request_began_with_decides(tmp_path: Path) -> None:
    class Two:
        def current(self) -> Policy:
            return new

        def revision(self, digest: str) -> Policy | None:
            return {old.revision: old, new.revision: new}.get(digest)

    old = load(tmp_path / "old")
    new = load(tmp_path / "new", residency=swap(RESIDENCY, "SECRET", "IBAN"))
    stage = Plan(Two(), Published(), Health())

    outcome = await stage.handle(envelope(old.revision, "near", "far"), Run())

    assert outcome.kind == "planned"
    assert "policy_revision" not in outcome.changes


async def test_a_revision_that_is_forgotten_is_replaced_and_the_data_judged_again(tmp_path: Path) -> None:
    policy = load(tmp_path)
    stage = Plan(FixedPolicy(policy), Published(), Health())

    outcome = await stage.handle(envelope("0" * 16, "near", "far", "gone"), Run())

    planned, found = outcome.changes["plan"], outcome.changes["classification"]
    assert isinstance(planned, Planned)
    assert isinstance(found, Classification)
    assert [tier.target for tier in planned.tiers] == ["near"], "far may no longer see confidential data"
    assert found.action_for("far") == "deny"
    assert outcome.changes["policy_revision"] == policy.revision
    assert outcome.facts["revision_before"] == "0" * 16
