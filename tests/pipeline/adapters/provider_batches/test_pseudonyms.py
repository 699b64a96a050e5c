"""What goes by a file is what the target may see, and what comes back is what the caller asked about."""

from typing import Any

import orjson
import pytest
from cascade import FakeClock
from fakes_ledger import FakeLedger
from fakes_models import FakeJournal, FakeModels, answer
from policy_files import MODELS, swap, write

from pipeline.adapters.models.attempts import Attempts
from pipeline.adapters.models.shields import Shields
from pipeline.adapters.provider_batches.records import answer_to
from pipeline.adapters.provider_batches.shelf import Shelf
from pipeline.adapters.provider_batches.shelving import Shelving
from pipeline.contracts import Attempt, Classification, Envelope, Finding, Mark, Plan, Request, Step, Tier
from pipeline.disclosure.units import fingerprint, units_of
from pipeline.errors import Postponed
from pipeline.policy import Policy, decided
from pipeline.policy.load import load_folder
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Run
from pipeline.transport.memory import MemoryLink

NAME = "Odalys Brandvold"
RESIDENCY = """\
apiVersion: stepwell/v1
kind: Residency
classes: {confidential: [PERSON]}
rules:
  - {id: hide, when: target.external && "PERSON" in req.types, action: pseudonymise, reason: r}
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    models = swap(MODELS, "    model: far-model\n", "    model: far-model\n    batches: {least: 60, spare: 5}\n")
    return load_folder(write(tmp_path_factory.mktemp("batched"), models=models, residency=RESIDENCY), {})


def asked(policy: Policy, *, waited: bool = False, **others: object) -> Envelope:
    request = Request.model_validate({"input": f"Who is {NAME}?", "lane": "batch", **others})
    units = units_of(request)
    marks = tuple(
        Mark(number, unit.find(NAME), unit.find(NAME) + len(NAME), "PERSON", 1.0)
        for number, unit in enumerate(units.texts)
        if NAME in unit
    )
    found = Classification(
        data_class="confidential",
        findings=(Finding(type="PERSON", count=1),),
        scan="complete",
        engine="e",
        names_scanned=True,
        units=fingerprint(units),
        marks=marks,
    )
    step = Step(stage="draft", outcome="postponed", at=0.0, duration_ms=0.0, worker="w")
    return Envelope(
        id="r1",
        request=request,
        fingerprint="f",
        lane="batch",
        received_at=1_000_000.0,
        deadline_at=1_010_000.0,
        policy_revision=policy.revision,
        trail=(step,) if waited else (),
        classification=found.model_copy(update={"residency": decided(request, found, policy)}),
        plan=Plan(route="chat", tiers=(Tier(variant="far", target="far", propensity=1.0),)),
    )


class Bench:
    def __init__(self, policy: Policy, secret: bytes = b"secret") -> None:
        self.policy, self.secret = policy, secret
        self.models = FakeModels(lambda call: answer("by itself"))
        self.journal, self.ledger, self.clock = FakeJournal(), FakeLedger(), FakeClock()
        self.shelf = Shelf(MemoryLink().streams)

    async def make(self, envelope: Envelope) -> Attempt | None:
        """By another worker each time."""
        shields, ledger = Shields(self.secret), self.ledger
        given: Any = (self.models, self.journal, FixedPolicy(self.policy), self.clock, shields, ledger)
        attempts = Attempts(*given, Shelving(self.shelf, self.clock))
        return (await attempts.make(envelope, Run(), "draft", 0)).last


async def test_a_file_holds_the_pseudonym_and_the_answer_the_name(policy: Policy) -> None:
    bench = Bench(policy)
    with pytest.raises(Postponed):
        await bench.make(asked(policy))
    ((_, line),) = [each async for each in bench.shelf.lines("far", 0)]
    assert NAME not in line.body
    token = orjson.loads(line.body)["messages"][-1]["content"].removeprefix("Who is ").removesuffix("?")
    assert token.startswith("<PERSON_")
    message = {"message": {"role": "assistant", "content": f"{token} is a person."}, "finish_reason": "stop"}
    body = {"model": "m", "choices": [message], "usage": {"prompt_tokens": 9, "completion_tokens": 5}}
    came = answer_to(line, 200, orjson.dumps(body).decode(), "batch_1", bench.clock.now())
    await bench.shelf.answered("far", line.name, came)
    await bench.shelf.remove("far", line.name)
    made = await bench.make(asked(policy, waited=True))
    assert made is not None
    assert made.text == f"{NAME} is a person."
    assert made.provider_batch == "batch_1"
    assert not bench.models.calls
    assert [each async for each in bench.shelf.answers("far")] == [], "taken once it is in the journal"
    again = await bench.make(asked(policy, waited=True))
    assert again is not None
    assert again.replayed
    assert again.text == made.text


@pytest.mark.parametrize(("secret", "others"), [(b"", {}), (b"secret", {"session": "s1"})])
async def test_what_cannot_be_put_back_later_is_called_by_itself(
    policy: Policy, secret: bytes, others: dict[str, object]
) -> None:
    """A key of one worker alone, or the memory of a conversation, may give other pseudonyms the next time."""
    bench = Bench(policy, secret)
    made = await bench.make(asked(policy, **others))
    assert made is not None
    assert (made.text, made.provider_batch) == ("by itself", None)
    assert [each async for each in bench.shelf.lines("far", 0)] == []
