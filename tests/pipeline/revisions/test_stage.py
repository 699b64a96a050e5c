"""A stage is handed a request only once the revision it began with is in memory, where that can be had."""

from dataclasses import dataclass, field

from cascade import envelope as envelope_of

from pipeline.contracts import Envelope, StageName
from pipeline.ports import Outcome, Run
from pipeline.revisions import UnderItsRevision


@dataclass
class Policies:
    """Knows a revision only after it was asked to fetch it."""

    there: set[str] = field(default_factory=set)
    fetched: list[str] = field(default_factory=list)

    def revision(self, digest: str) -> object | None:
        return digest if digest in self.there else None

    async def catch_up(self, digest: str) -> None:
        self.fetched.append(digest)
        self.there.add(digest)


@dataclass
class Stage:
    policies: Policies
    name: StageName = "plan"
    known: list[bool] = field(default_factory=list)

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:
        self.known.append(self.policies.revision(envelope.policy_revision) is not None)
        return Outcome("planned")


async def test_the_revision_is_fetched_before_the_stage_looks_and_only_where_it_is_missing() -> None:
    policies = Policies()
    stage = Stage(policies)
    around = UnderItsRevision(stage, policies)  # type: ignore[arg-type]
    envelope = envelope_of()

    assert around.name == "plan"
    for _ in range(2):
        assert (await around.handle(envelope, Run())).kind == "planned"
    assert stage.known == [True, True]
    assert policies.fetched == [envelope.policy_revision]
